"""Reading a small text that an author has put beside the app file."""

from __future__ import annotations

import unicodedata
from pathlib import Path

# Marks that turn the direction of what follows them, and line breaks of Unicode.
_HIDDEN = {"Cc", "Cf", "Zl", "Zp"}


class SiteTextError(Exception):
    """A file that cannot be used. The message says why, in one line."""


def read_site_text(path: Path, limit: int) -> str | None:
    """Return the text of a file, or ``None`` if there is none.

    Raises
    ------
    SiteTextError
        It is too large, no UTF-8 text, or cannot be read.
    """
    try:
        # A pipe would be waited for.
        if not path.is_file():
            return None
        with path.open("rb") as file:
            content = file.read(limit + 1)
        if len(content) > limit:
            raise SiteTextError(f"is larger than {limit:,} bytes")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SiteTextError("is not UTF-8 text") from None
    except OSError as error:
        raise SiteTextError(f"cannot be read: {error.strerror}") from None


def one_line(text: str, limit: int) -> str:
    """Return ``text`` as a line without marks that nobody sees, cut to ``limit`` characters."""
    shown = "".join(
        " " if character.isspace() else character
        for character in text
        if character.isspace() or unicodedata.category(character) not in _HIDDEN
    )
    return " ".join(shown.split())[:limit]
