"""Reading what authors give for a message: its author, id and time."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from webapp.authoring.errors import MisuseError
from webapp.authoring.text import clean_text, is_visible

AUTHOR_LIMIT = 200


def read_author(author: str | None) -> str | None:
    if author is None:
        return None
    if not isinstance(author, str):
        raise MisuseError("Message author must be text or None.")
    if len(author) > AUTHOR_LIMIT:
        raise MisuseError(f"Message author is longer than {AUTHOR_LIMIT} characters.")
    author = clean_text(author)
    return author if is_visible(author) else None


def read_id(text: object) -> uuid.UUID:
    try:
        return uuid.UUID(str(text))
    except ValueError:
        raise MisuseError(
            f"Message id must be a UUID, not {text!r:.80}. Leave it out, or use str(uuid.uuid4())."
        ) from None


def read_time(time: object) -> datetime:
    try:
        given = time if isinstance(time, datetime) else datetime.fromisoformat(str(time))
    except ValueError:
        raise MisuseError(
            f"Message created_at must be a time in ISO 8601, not {time!r:.80}."
        ) from None
    return given if given.tzinfo else given.replace(tzinfo=UTC)
