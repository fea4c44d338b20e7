"""`Text`: prose or code beside a message."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import Any, Unpack

from webapp.authoring.chat_message import StoredFile
from webapp.authoring.elements.element import Element, ElementArguments
from webapp.authoring.text import clean_text

# A page shows so much of a text. The rest is on the page of its own, or in its file.
EXCERPT_CHARACTERS = 10_000
LANGUAGE_LIMIT = 40


class Text(Element):
    """A text: Markdown, or code.

    Parameters
    ----------
    content:
        The text. A ``path`` is read as UTF-8, or as UTF-16 if it begins with the mark of that.
    language:
        The name of a programming language, if it is code. Without it, the text is Markdown.

    Example
    -------
    ::

        query = Text(name="The query", content="SELECT 1", language="sql", display="side")
        await Message(content="This is what I asked: The query", elements=[query]).send()
    """

    kind = "text"

    def __init__(
        self,
        *,
        language: str | None = None,
        **given: Unpack[ElementArguments],
    ) -> None:
        given.setdefault("mime", "text/plain")
        super().__init__(**given)
        self.language = clean_text(language)[:LANGUAGE_LIMIT] if language else None

    def details(self, stored: Sequence[StoredFile]) -> dict[str, Any]:
        """Return its language and its beginning, so that a page need not read its file."""
        details: dict[str, Any] = {"language": self.language} if self.language else {}
        if stored:
            most = EXCERPT_CHARACTERS
            if self.path is not None:
                with self.path.open("rb") as file:
                    text = decode_text(file.read(4 * (most + 1)))
            elif isinstance(self.content, bytes):
                text = decode_text(self.content[: 4 * (most + 1)])
            else:
                text = self.content or ""
            details["text"] = clean_text(text[:most])
            if len(text) > most:
                details["is_cut"] = True
        return details


def decode_text(content: bytes) -> str:
    """Return the text of a file: UTF-8, or UTF-16 if its first two bytes say so."""
    is_utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_utf_16 else "utf-8-sig", errors="replace")
