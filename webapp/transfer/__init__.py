"""Taking chats out of a site, and bringing them in: docs/export.md has the format."""
