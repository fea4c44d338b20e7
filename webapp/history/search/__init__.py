"""The search in the chats of a user: its query, its statements, its results and their snippets."""
