"""Which values can be stored as JSON, and how they come back from the database."""

from __future__ import annotations

import json
import math
from typing import Any

from webapp.authoring.errors import MisuseError

VALUE_LIMIT = 1_000_000


def stored_copy(key: str, value: object) -> Any:
    """Return ``value`` of a `user_session` as it will come back from the database.

    Raises
    ------
    MisuseError
        It would come back changed, or not at all.
    """
    text = ""
    try:
        problem = json_problem(value, "the value")
        if problem is None:
            text = json.dumps(value)
    except (RecursionError, RuntimeError):
        problem = "the value holds itself, is nested too deeply, or changes at this moment"
    except ValueError:
        problem = "the value holds a number that is too long"
    if len(text) > VALUE_LIMIT:
        problem = f"the value has {len(text):,} characters, and may have {VALUE_LIMIT:,}"
    if problem:
        raise MisuseError(
            f"user_session key {key!r} cannot be stored as JSON: {problem}. Keep text, numbers, "
            "lists and dicts here; make objects such as clients at the top of the app file, and "
            "keep only their name or id in the session."
        )
    return json.loads(text)


def json_problem(value: object, where: str) -> str | None:
    """Return which part of ``value`` is not JSON and where it is; ``None`` if all of it is JSON."""
    match value:
        case None | bool() | int() | str():
            return None
        case float():
            return None if math.isfinite(value) else f"{where} is {value}"
        case list():
            return _first_problem((item, f"item {i} of {where}") for i, item in enumerate(value))
        case dict():
            bad_keys = [k for k in value if not isinstance(k, str)]
            if bad_keys:
                return f"{where} has the key {bad_keys[0]!r}, which is not text"
            return _first_problem((item, f"{k!r} of {where}") for k, item in value.items())
    return f"{where} is a {type(value).__name__}"


def _first_problem(places: Any) -> str | None:
    return next((p for p in (json_problem(item, where) for item, where in places) if p), None)
