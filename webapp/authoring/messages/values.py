"""Reading what authors give for a message: its author, content, details, id and time."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from webapp.authoring.errors import MisuseError
from webapp.authoring.text import clean_json, clean_text, is_visible

AUTHOR_LIMIT = 200
# Of the metadata and tags of a message, as JSON.
DETAILS_LIMIT = 100_000


def read_author(author: str | None) -> str | None:
    if author is None:
        return None
    if not isinstance(author, str):
        raise MisuseError("Message author must be text or None.")
    if len(author) > AUTHOR_LIMIT:
        raise MisuseError(f"Message author is longer than {AUTHOR_LIMIT} characters.")
    author = clean_text(author)
    return author if is_visible(author) else None


def read_json_content(content: object) -> str | None:
    """Return a dict or list as the JSON that a message shows, if it is JSON."""
    try:
        return json.dumps(content, indent=2, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):  # not JSON, or it contains itself
        return None


def read_details(metadata: object, tags: object) -> dict[str, Any]:
    """Return the metadata and tags of a message, as they are stored with it."""
    given = {"metadata": metadata, "tags": tags}
    text = json.dumps({name: value for name, value in given.items() if value}, default=str)
    if len(text) > DETAILS_LIMIT:
        raise MisuseError(
            f"The metadata and tags of a message have at most {DETAILS_LIMIT:,} characters as "
            f"JSON, not {len(text):,}."
        )
    details: dict[str, Any] = clean_json(json.loads(text))
    return details


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
