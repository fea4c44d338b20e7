"""Sharing a chat by a link that others may read it under."""
