"""Values of any kind as the text that a step shows."""

from __future__ import annotations

import json

# A step is there to be looked into. It shows the beginning of a longer text.
TEXT_LIMIT = 100_000
CUT = "\n… The rest is not shown."
LANGUAGE_LIMIT = 40


def cut(text: str, before: int = 0) -> str:
    """Return ``text``, cut to what may follow so many characters.

    Once a text was cut, nothing follows it.
    """
    if before + len(text) <= TEXT_LIMIT:
        return text
    return "" if before > TEXT_LIMIT else text[: TEXT_LIMIT - before] + CUT


def describe_value(value: object) -> tuple[str, str | None]:
    """Return a value as text, and the language of that text if the value is no text itself."""
    if value is None:
        return "", None
    if isinstance(value, str):
        return cut(value), None
    if isinstance(value, dict | list | tuple):
        try:
            pieces, length = [], 0
            # A list of a million numbers is not written to its end.
            for piece in _ENCODER.iterencode(value):
                pieces.append(piece)
                length += len(piece)
                if length > TEXT_LIMIT:
                    break
            return cut("".join(pieces)), "json"
        except (TypeError, ValueError, RecursionError):  # it has other keys, or contains itself
            pass
    return cut(_as_text(value)), "text"


def language_of(text: str) -> str:
    """Return whether a text looks like JSON, as arguments of tools do."""
    inside = text.strip()
    return "json" if inside[:1] + inside[-1:] in ("{}", "[]") else "text"


def _as_text(value: object) -> str:
    if isinstance(value, bytes | bytearray):
        return f"<{len(value):,} bytes>"
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - an author's object: what cannot be shown must not fail
        return f"<{type(value).__name__}>"


_ENCODER = json.JSONEncoder(indent=2, ensure_ascii=False, default=_as_text)
