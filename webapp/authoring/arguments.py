"""Reading what authors give as arguments, with an error that says what to write instead.

``place`` is how an error names the argument, such as ``ChatProfile name``.
"""

from __future__ import annotations

import math
from typing import Any, TypeGuard

from webapp.authoring.errors import MisuseError
from webapp.authoring.text import clean_text, is_visible


def wrong_type(place: str, wanted: str) -> MisuseError:
    """Return the error for an argument that is something else."""
    return MisuseError(f"{place} must be {wanted}.")


def check_text(place: str, value: object, most: int | None = None, *, empty: bool = False) -> str:
    """Return a text as it is. Refuse what is no text, too long or, unless allowed, empty."""
    if not isinstance(value, str):
        raise wrong_type(place, f"text, not {type(value).__name__}")
    if not empty and not is_visible(value):
        raise MisuseError(f"{place} is empty. Give it a text that can be read.")
    if most is not None and len(value) > most:
        raise MisuseError(
            f"{place} has {len(value):,} characters and may have {most:,}. Shorten it."
        )
    return value


def check_optional_text(place: str, value: object) -> None:
    """Refuse what is neither text nor ``None``."""
    if value is not None and not isinstance(value, str):
        raise wrong_type(place, f"text or None, not {type(value).__name__}")


def read_text(place: str, value: object, most: int, *, empty: bool = False) -> str:
    """Return a text, cleaned."""
    cleaned = clean_text(value) if isinstance(value, str) else value
    return check_text(place, cleaned, most, empty=empty)


def read_texts(place: str, values: object, most: int) -> list[str]:
    """Return a list of texts, cleaned."""
    if not isinstance(values, list | tuple):
        raise wrong_type(place, f"a list of text, not {type(values).__name__}")
    return [
        read_text(f"{place}, item {number},", value, most) for number, value in enumerate(values)
    ]


def check_bool(place: str, value: object) -> bool:
    """Return a value that is True or False."""
    if not isinstance(value, bool):
        raise wrong_type(place, f"True or False, not {value!r:.60}")
    return value


def check_number(place: str, value: Any) -> Any:
    """Return a number that a float can hold, and a browser sends."""
    if not is_number(value) or abs(value) >= 1e18 or not math.isfinite(value):
        raise wrong_type(place, f"a number, not {value!r:.60}")
    return value


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a value is a number. A bool is an int to Python, and none here."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_whole(value: object) -> TypeGuard[int]:
    """Return whether a value is a whole number, and no bool."""
    return isinstance(value, int) and not isinstance(value, bool)


def clean_texts(instance: object) -> None:
    """Clean the texts of an object by the rule for text from browsers.

    So a name equals itself when it comes back from a form, and both databases can store it.
    """
    for name, value in vars(instance).items():
        if isinstance(value, str):
            object.__setattr__(instance, name, clean_text(value))
