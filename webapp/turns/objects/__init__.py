"""The objects of chats: those of this process, and those of chats that are gone."""
