"""Turns that a button begins."""
