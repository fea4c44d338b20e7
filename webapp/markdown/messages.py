"""The HTML of a whole message, by markdown-it-py."""

from __future__ import annotations

from markupsafe import Markup

from webapp.markdown.blocks import Extent, normalize_line_ends, parse, render
from webapp.markdown.highlighting import Allowance
from webapp.markdown.sanitizer import is_too_long, plain_html, sanitize, sentence_html


def message_html(text: str) -> Markup:
    """Return the HTML of a message. Text that would cost too much is shown as it was typed."""
    simple = sentence_html(text)
    if simple is not None:  # most short answers: 30 times as quick as the parser
        return simple
    text = normalize_line_ends(text)
    extent = Extent()
    extent.add(text)
    if extent.is_too_much:
        return plain_html(text)
    try:
        tokens = parse(text, {}, tables=extent.has_tables)
    except RecursionError:  # dozens of nested lists or quotes
        return plain_html(text)
    html = render(tokens, Allowance())
    return plain_html(text) if is_too_long(len(html), text) else sanitize(html)
