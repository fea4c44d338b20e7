"""Charts of messages: their data as a table, for those who cannot see them."""
