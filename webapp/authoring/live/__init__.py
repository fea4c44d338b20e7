"""Values of a chat that JSON cannot hold: the objects of one process."""
