"""Buttons under messages: `Action`, and the callbacks that a press runs."""
