"""Messages as authors send and get them."""
