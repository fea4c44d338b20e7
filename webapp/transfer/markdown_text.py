"""Text in a Markdown document that shows it as it is."""

from __future__ import annotations

import re

INDENT = "    "
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")


def one_line(text: str) -> str:
    """Return a name or a title as one line, escaped so that Markdown shows it as it is."""
    return _PUNCTUATION.sub(r"\\\1", " ".join(text.split()))


def indent(text: str) -> str:
    """Return ``text`` with each line indented, whatever ends its lines."""
    return "".join(INDENT + line for line in text.splitlines(keepends=True))
