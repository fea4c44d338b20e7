"""Answers with the bytes of a file, which are never in memory as a whole."""
