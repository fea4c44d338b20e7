"""The chats of a user: listed, found, named, pinned and deleted."""
