"""Markdown to safe HTML.

Three doors: `descriptions.py` for what an author writes, `messages.py` for whole messages, and
`growing.py` for messages while they grow. Messages are long, untrusted, and written the way models
write, so markdown-it-py parses them; Python-Markdown renders descriptions. Both end in the
allow-list of `sanitizer.py`. This package imports nothing else of ours.
"""
