"""Chats from the databases of Chainlit apps."""
