"""Markdown to safe HTML.

Four doors: `descriptions.py` for what an author writes, `messages.py` for whole messages,
`growing.py` for messages while they grow, and `typed.py` for what a user types. Messages are long,
untrusted, and written the way models write, so markdown-it-py parses them; Python-Markdown renders
descriptions. All end in the allow-list of `sanitizer.py`. This package imports nothing else of
ours.
"""
