"""The chat page, its fragments, and answers as they grow."""
