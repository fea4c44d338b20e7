"""The answers to questions that the app asks in the middle of a turn."""
