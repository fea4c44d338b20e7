"""Talking to the page in whose frame a chat is."""
