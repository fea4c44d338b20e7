"""Questions that an app asks its user, and waits for the answers."""
