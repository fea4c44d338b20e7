"""The settings of a chat: a panel beside the composer, or a page."""
