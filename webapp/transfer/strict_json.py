"""Read JSON that a user has pasted. Each value knows its place in words, for an error."""

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
# No chat is older than the computers that count time from here.
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_SHOWN = 40


class NotAsExpectedError(ValueError):
    """A value of the JSON is not as it must be. The message is a sentence for the user."""


class _DuplicateName:
    """Stands for an object that has a name twice."""

    def __init__(self, name: str) -> None:
        self.name = name


@dataclass(frozen=True)
class Value:
    """A value, and its place in words. A missing value is ``None``.

    Parameters
    ----------
    label:
        What it is called, such as ``"title"`` or ``the 3rd chat``. The whole text has none.
    whole:
        What it is a part of. The parts of the whole text have none.
    it:
        The value.
    """

    label: str
    whole: Value | None
    it: Any

    @property
    def place(self) -> str:
        """The place in words, such as ``"title" of the 3rd chat``."""
        return f"{self.label} of {self.whole.place}" if self.whole else self.label

    def wrong(self, problem: str) -> NotAsExpectedError:
        """Return an error about this value."""
        place = self.place or "the text"
        return NotAsExpectedError(f"{place[0].upper()}{place[1:]} {problem}.")

    def fields(self, *known: str) -> dict[str, Value]:
        """Return the values of an object that has no names but the known ones."""
        it = self._members()
        strange = next((name for name in it if name not in known), None)
        if strange is not None:
            raise self.wrong(f"has {quote_name(strange)}, which is unknown")
        whole = self if self.label else None
        return {name: Value(f'"{name}"', whole, it.get(name)) for name in known}

    def members(self, most: int, noun: str) -> Iterator[tuple[str, Value]]:
        """Yield the names and values of an object. Each is called a ``noun``, with its name."""
        it = self._members()
        if len(it) > most:
            raise self.wrong(f"has {len(it):,} members and may have {most:,}")
        for name, value in it.items():
            yield name, Value(f"the {noun} {quote_name(name)}", self.whole, value)

    def items(self, most: int, noun: str) -> list[Value]:
        """Return the values of a list, each called a ``noun`` with its number."""
        if type(self.it) is not list:
            raise self.wrong("must be a list, which stands in [ ]")
        if len(self.it) > most:
            raise self.wrong(f"has {len(self.it):,} items and may have {most:,}")
        return [
            Value(f"the {ordinal(number)} {noun}", self.whole, value)
            for number, value in enumerate(self.it, 1)
        ]

    def text(self, most: int) -> str:
        """Return text, cleaned as all text from outside is."""
        if type(self.it) is not str:
            raise self.wrong("must be text")
        cleaned = clean_text(self.it)
        if len(cleaned) > most:
            raise self.wrong(f"has {len(cleaned):,} characters and may have {most:,}")
        return cleaned

    def name(self, most: int) -> str | None:
        """Return visible text, or ``None``."""
        if self.it is None:
            return None
        text = self.text(most)
        return text if is_visible(text) else None

    def one_of(self, *words: Any) -> Any:
        """Return the value, which must be one of ``words``. `True` is not 1 here."""
        for word in words:
            if type(self.it) is type(word) and self.it == word:
                return word
        raise self.wrong(f"must be {' or '.join(json.dumps(word) for word in words)}")

    def yes_or_no(self) -> bool:
        """Return a truth value. A missing one is `False`."""
        return bool(self.one_of(True, False)) if self.it is not None else False

    def time(self, now: datetime) -> datetime:
        """Return a time from 1970 on, but ``now`` if it is later or missing."""
        if self.it is None:
            return now
        if type(self.it) is not str or not _TIME.fullmatch(self.it):
            raise self.wrong("must be a time with its zone, such as 2026-01-31T12:00:00Z")
        try:
            time = datetime.fromisoformat(self.it).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise self.wrong("is not a valid time") from error
        if time < EARLIEST:
            raise self.wrong("is before 1970")
        return min(time, now)

    def _members(self) -> Mapping[str, Any]:
        if type(self.it) is _DuplicateName:
            raise self.wrong(f"has {quote_name(self.it.name)} twice")
        if type(self.it) is not dict:
            raise self.wrong("must be an object, which stands in { }")
        return self.it


def parse_json(text: str) -> Value:
    """Return the value of a JSON text.

    Raises
    ------
    NotAsExpectedError
        The text is not JSON. The error names the line and the character.
    """
    try:
        # Programs on Windows begin text files with a byte order mark.
        it = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_make_object)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno:,}, character {error.colno:,}"
        raise NotAsExpectedError(f"This is not JSON: the error is at {place}.") from error
    except RecursionError as error:
        raise NotAsExpectedError("The text is nested too deeply to be an export.") from error
    except ValueError as error:  # a whole number with thousands of digits
        raise NotAsExpectedError("A number in the text is too long.") from error
    return Value("", None, it)


def ordinal(number: int) -> str:
    """Return the word for a place in a row, such as ``1st`` or ``1,012th``."""
    teens = number % 100 in (11, 12, 13)
    return f"{number:,}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def quote_name(name: str) -> str:
    """Return the beginning of a name, quoted so that it is safe to show."""
    return json.dumps(name[:_SHOWN])


def _make_object(pairs: list[tuple[str, Any]]) -> Any:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            return _DuplicateName(name)
        found[name] = value
    return found
