"""Questions that apps ask their users: their rows, and taking an answer."""
