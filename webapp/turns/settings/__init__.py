"""Saving the settings of a chat, and the call of the app that hears of it."""
