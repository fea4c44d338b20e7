"""Chats and messages in the database."""
