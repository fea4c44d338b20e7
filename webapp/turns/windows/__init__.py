"""Messages of the page in whose frame a chat is."""
