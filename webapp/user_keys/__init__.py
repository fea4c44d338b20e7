"""Keys that users bring with them: a page asks for them, and their browsers keep them."""
