"""Storing what callbacks say after their ends."""
