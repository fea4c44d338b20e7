"""The API: programs ask for a user, with a token, as the page does with a session."""
