"""Markdown to safe HTML: descriptions, messages, and messages that still grow."""
