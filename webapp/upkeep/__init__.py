"""Keeping house: what is removed when its time is over, what was used, and what has happened."""
