"""Streams without a thread each: the connection is handed over to the stream thread."""
