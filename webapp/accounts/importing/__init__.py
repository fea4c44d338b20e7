"""Importing and exporting users."""
