"""What messages show beside their text, on addresses of its own."""
