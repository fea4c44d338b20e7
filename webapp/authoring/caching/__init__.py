"""The `cache` decorator for authors."""
