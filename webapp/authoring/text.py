"""The rule for text that comes in, the same for browsers and app files."""

from __future__ import annotations

import re
from typing import Any

# C0 without tab and line feed, DEL, and C1. PostgreSQL refuses NUL, terminals and logs obey the
# others, and nobody types them on purpose. They are removed, not refused, so that no text is lost.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_LANGUAGE = re.compile(r"[\w+#.-]{1,40}")
_FENCES = re.compile("`{3,}")
_LINE_ENDS = re.compile("\r\n?")
# Most text has none of them, and one search is cheaper than three replacements.
_ANY = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def clean_text(text: str) -> str:
    """Return ``text`` with LF line ends, without control characters and lone surrogates.

    Unicode is not normalised: users find their text as they wrote it.

    Example
    -------
    >>> clean_text("a\\r\\nb\\x00c\\ud83d") == "a\\nbc\\ufffd"
    True
    """
    if _ANY.search(text) is None:
        return text
    return _CONTROLS.sub("", _SURROGATES.sub("\ufffd", _LINE_ENDS.sub("\n", text)))


def fence_word(language: str) -> str:
    """Return the name of a language as it may stand beside the fence of a block of code."""
    return language if _LANGUAGE.fullmatch(language) else "text"


def as_code_block(text: str, language: str) -> str:
    """Return the Markdown of a block of code, in a fence that is longer than any in it."""
    if not text:
        return ""
    fence = "`" * (max(map(len, _FENCES.findall(text)), default=2) + 1)
    end = "" if text.endswith("\n") else "\n"
    return f"{fence}{fence_word(language)}\n{text}{end}{fence}"


def is_visible(text: str) -> bool:
    """Return whether ``text`` has a character that can be seen, not only white space or format."""
    return any(character.isprintable() and not character.isspace() for character in text)


def clean_json(value: Any) -> Any:
    """Return JSON with every text in it cleaned by the same rule."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list | tuple):
        return [clean_json(item) for item in value]
    if isinstance(value, dict):
        return {clean_text(key): clean_json(item) for key, item in value.items()}
    return value
