"""The commands about users and sessions."""
