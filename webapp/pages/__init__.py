"""What is shown: the chat page, its fragments, and answers as they grow."""
