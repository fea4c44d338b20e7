"""What a callback says after its end, in tasks and threads that it has left behind."""
