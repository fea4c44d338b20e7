"""`chat-profiles doctor`: how answers reach a page, what is in the way, and what to change."""
