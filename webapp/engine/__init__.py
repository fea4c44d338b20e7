"""Runs the author's callbacks."""
