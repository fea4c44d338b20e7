"""The details of an account: a display name, and metadata that is any JSON object."""

from __future__ import annotations

import json
from typing import Any

from webapp.authoring.json_values import json_problem
from webapp.authoring.text import clean_text, is_visible

DISPLAY_NAME_LIMIT = 200
METADATA_LIMIT = 16_384  # characters of JSON; it travels with every session of the user
METADATA_DEPTH = 20
# These characters change the direction of the text around them, on the page and in the terminal.
DIRECTION_MARKS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")


class DetailsError(ValueError):
    """A display name or metadata cannot be used; the message says why, in one line."""


def validate_display_name(text: str) -> str | None:
    """Return a display name as it is stored, or ``None`` if it is empty.

    Raises
    ------
    DetailsError
        It is too long, has several lines, or contains characters that mislead.
    """
    name = clean_text(text).strip()
    if not name:
        return None
    if len(name) > DISPLAY_NAME_LIMIT:
        raise DetailsError(f"a display name has at most {DISPLAY_NAME_LIMIT} characters")
    if "\n" in name or "\t" in name or not DIRECTION_MARKS.isdisjoint(name) or not is_visible(name):
        raise DetailsError(
            "a display name is one line of visible text, without characters that turn its direction"
        )
    return name


def metadata_from_json(text: str) -> dict[str, Any]:
    """Return the metadata in ``text``.

    Raises
    ------
    DetailsError
        It is not a JSON object that can be stored.
    """
    return validate_metadata(strict_json(text, "metadata"))


def validate_metadata(value: object) -> dict[str, Any]:
    """Return metadata as it is stored, with clean texts.

    Raises
    ------
    DetailsError
        It is not a dict of JSON values, or it is too large.
    """
    if not isinstance(value, dict):
        raise DetailsError('metadata must be a JSON object, such as {"role": "ADMIN"}')
    try:
        problem = json_problem(value, "metadata")
        if problem:
            raise DetailsError(f"metadata must be JSON, but {problem}")
        cleaned = _clean_texts(value, METADATA_DEPTH)
        size = len(json.dumps(cleaned))
    except DetailsError:
        raise
    except RecursionError as error:
        raise DetailsError("metadata is nested too deeply") from error
    except ValueError as error:
        raise DetailsError("metadata holds a number that is too long") from error
    if size > METADATA_LIMIT:
        raise DetailsError(f"metadata is longer than {METADATA_LIMIT:,} characters of JSON")
    return dict(cleaned)


def strict_json(text: str, what: str) -> Any:
    """Return the value in ``text``. Refuse ``NaN``, and a key that appears twice in one object.

    Raises
    ------
    DetailsError
        The text is not JSON. The message names the line and column.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise DetailsError(f"{what} is not JSON: {error.msg} ({place})") from error
    except RecursionError as error:
        raise DetailsError(f"{what} is nested too deeply") from error
    except ValueError as error:
        raise DetailsError(f"{what} is not JSON: {error}") from error


def _clean_texts(value: Any, depth: int) -> Any:
    if depth < 0:
        raise DetailsError(f"metadata is nested deeper than {METADATA_DEPTH} levels")
    match value:
        case str():
            return clean_text(value)
        case list():
            return [_clean_texts(item, depth - 1) for item in value]
        case dict():
            return {clean_text(key): _clean_texts(item, depth - 1) for key, item in value.items()}
    return value


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise DetailsError(f"the key {twice!r} appears twice in one object")
    return found


def _refuse_constant(name: str) -> None:
    raise DetailsError(f"{name} is not a JSON number")
