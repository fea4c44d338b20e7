"""The title of a chat, made from the first thing its user said."""

from __future__ import annotations

from webapp.authoring.text import is_visible
from webapp.chats.truncation import cut

MADE_TITLE_LIMIT = 80
FENCES = ("```", "~~~")


def title_from(text: str) -> str | None:
    """Return the first line of a message that shows something, cut to a length that fits a list.

    The fence of a code block is taken only where there is nothing else.

    Returns
    -------
    str or None
        At most `MADE_TITLE_LIMIT` characters; ``None`` when nothing of the message is visible.

    Example
    -------
    >>> title_from("\\n  How   do I\\nsort?")
    'How do I'
    """
    lines = [" ".join(line.split()) for line in text.splitlines() if is_visible(line)]
    others = (line for line in lines if not line.startswith(FENCES))
    title = next(others, lines[0] if lines else None)
    return None if title is None else cut(title, MADE_TITLE_LIMIT)
