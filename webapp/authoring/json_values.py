"""Which values can be stored as JSON, and how they come back from the database."""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any, Final, cast

from webapp.authoring.errors import MisuseError

VALUE_LIMIT = 1_000_000
# Another thread may change a value while it is read.
TRIES = 5
_KEYS = (str, int, float, bool, NoneType)


class NotJson:
    """The type of `NOT_JSON`."""


NOT_JSON: Final = NotJson()


def stored_copy(key: str, value: object) -> Any:
    """Return ``value`` of a `user_session` as it will come back from the database.

    A tuple comes back as a list, and a number that is a key as text. `NOT_JSON` stands for what
    JSON cannot hold.

    Raises
    ------
    MisuseError
        It is too long, or a thread goes on changing it.
    """
    for _ in range(TRIES):
        try:
            if not _is_plain(value):
                return NOT_JSON
            text = json.dumps(value)
            break
        except (RecursionError, ValueError):  # it holds itself, or a number that is too long
            return NOT_JSON
        except RuntimeError:
            continue
    else:
        raise MisuseError(
            f"user_session key {key!r} cannot be stored: a thread goes on changing the value. Join "
            "the thread before you return, or set a copy."
        )
    if len(text) > VALUE_LIMIT:
        raise MisuseError(
            f"user_session key {key!r} cannot be stored as JSON: the value has {len(text):,} "
            f"characters, and may have {VALUE_LIMIT:,}. Keep it in a file, and only its name here."
        )
    return json.loads(text)


def _is_plain(value: object) -> bool:
    """Return whether nothing but the type of a tuple or of a key is lost in JSON."""
    match value:
        case None | bool() | int() | str():
            return True
        case float():
            return math.isfinite(value)
    # A class of the app's own would come back without its methods.
    if type(value) in (list, tuple):
        return all(map(_is_plain, cast("Sequence[object]", value)))
    if type(value) in (dict, OrderedDict):
        pairs = cast("Mapping[object, object]", value).items()
        return all(isinstance(k, _KEYS) and _is_plain(k) and _is_plain(v) for k, v in pairs)
    return False


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
