"""Looking into JSON that somebody has pasted: each value knows where it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from webapp.authoring.text import clean_text, is_visible

_TIME = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)",
    re.ASCII,
)
_SHOWN = 40


class NotAsExpectedError(ValueError):
    """Something in the JSON is not as it must be; the text says what, and where."""


class _NameTwice:
    """Stands for an object in which a name comes twice."""

    def __init__(self, name: str) -> None:
        self.name = name


@dataclass(frozen=True)
class Value:
    """A value, and where it stands: ``chats[3].title``; one that is left out is ``None``."""

    where: str
    it: Any

    def wrong(self, problem: str) -> NotAsExpectedError:
        """Return the error that says what is wrong with this value."""
        return NotAsExpectedError(f"{self.where or 'The whole'}: {problem}")

    def fields(self, *known: str) -> dict[str, Value]:
        """Return the values of an object that has no names but the known ones."""
        it = self._members()
        strange = next((name for name in it if name not in known), None)
        if strange is not None:
            raise self.wrong(f"has {shown(strange)}, which is not known")
        return {name: Value(self._inside(name), it.get(name)) for name in known}

    def members(self, most: int) -> Iterator[tuple[str, Value]]:
        """Yield the names and values of an object that may have any names."""
        it = self._members()
        if len(it) > most:
            raise self.wrong(f"has {len(it):,} members and may have {most:,}")
        for name, value in it.items():
            yield name, Value(f"{self.where}[{shown(name)}]", value)

    def items(self, most: int) -> list[Value]:
        """Return the values of a list."""
        if type(self.it) is not list:
            raise self.wrong("must be a list")
        if len(self.it) > most:
            raise self.wrong(f"has {len(self.it):,} items and may have {most:,}")
        return [Value(f"{self.where}[{number}]", value) for number, value in enumerate(self.it)]

    def text(self, most: int) -> str:
        """Return text, clean by the one rule for what comes in (R28)."""
        if type(self.it) is not str:
            raise self.wrong("must be text")
        cleaned = clean_text(self.it)
        if len(cleaned) > most:
            raise self.wrong(f"has {len(cleaned):,} characters and may have {most:,}")
        return cleaned

    def name(self, most: int) -> str | None:
        """Return text in which there is something to see, or ``None``."""
        if self.it is None:
            return None
        text = self.text(most)
        return text if is_visible(text) else None

    def one_of(self, *words: Any) -> Any:
        """Return one of these values; `True` is not 1 here."""
        for word in words:
            if type(self.it) is type(word) and self.it == word:
                return word
        raise self.wrong(f"must be {' or '.join(json.dumps(word) for word in words)}")

    def yes_or_no(self) -> bool:
        """Return a truth value; left out, it is no."""
        return bool(self.one_of(True, False)) if self.it is not None else False

    def time(self, now: datetime) -> datetime:
        """Return a time that is not after ``now``; left out, it is ``now``."""
        if self.it is None:
            return now
        if type(self.it) is not str or not _TIME.fullmatch(self.it):
            raise self.wrong("must be a time with its zone, such as 2026-01-31T12:00:00Z")
        try:
            return min(datetime.fromisoformat(self.it).astimezone(UTC), now)
        except (ValueError, OverflowError) as error:
            raise self.wrong("is no time that there is") from error

    def _members(self) -> Mapping[str, Any]:
        if type(self.it) is _NameTwice:
            raise self.wrong(f"has {shown(self.it.name)} twice")
        if type(self.it) is not dict:
            raise self.wrong("must be an object")
        return self.it

    def _inside(self, name: str) -> str:
        return f"{self.where}.{name}" if self.where else name


def parsed(text: str) -> Value:
    """Return what is in a JSON text.

    Raises
    ------
    NotAsExpectedError
        When it is no JSON, with the line and the place in it.
    """
    try:
        # Windows begins files of text with a mark, which is none of the text.
        return Value("", json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_object))
    except json.JSONDecodeError as error:
        place = f"line {error.lineno:,}, character {error.colno:,}"
        raise NotAsExpectedError(f"This is not JSON: it breaks off at {place}.") from error
    except RecursionError as error:
        raise NotAsExpectedError("This is nested too deeply to be an export.") from error
    except ValueError as error:  # a whole number with thousands of digits
        raise NotAsExpectedError("There is a number in it that is far too long.") from error


def shown(name: str) -> str:
    """Return the beginning of a name that may hold anything, as text that is safe to show."""
    return json.dumps(name[:_SHOWN])


def _object(pairs: list[tuple[str, Any]]) -> Any:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            return _NameTwice(name)
        found[name] = value
    return found
