"""What goes into a framework and comes out of it, as a step may show it: short and without keys."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from webapp.authoring.steps.texts import CUT, describe_value

HIDDEN = "[hidden]"
# How deep a value is read, and how much of a text that nobody reads, such as a picture.
DEPTH = 12
UNREADABLE = 1_000
UNREADABLE_SHOWN = 80

_SECRET_NAME = re.compile(
    r"api.?key|access.?key|private.?key|passw|secret|credential|authorization|cookie"
    r"|(?:access|auth|bearer|refresh|session).?token|^(?:auth|pwd|token)$",
    re.IGNORECASE,
)
_SECRET_TEXT = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|ghp|hf|lsv2)[-_][\w-]{12,}|\bAIza[\w-]{20,}|\bAKIA\w{12,}"
    r"|(?<=Bearer )\S{8,}|(?<=bearer )\S{8,}|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)",
    re.ASCII,
)
_SECRET_PAIR = re.compile(
    r"""((?:api.?key|access.?token|password|passwd|secret)["']?\s{0,3}[:=]\s{0,3})"""
    r"""(?:(["']).*?\2|[^\s"',;&}]+)""",
    re.IGNORECASE,
)
# Base64 and the like. A word of any language is shorter.
_UNREADABLE = re.compile(rf"[\w+/=:;,.-]{{{UNREADABLE}}}", re.ASCII)
# A dict with nothing else is shown as the text in it.
_WRAPPERS = {"input", "output", "question", "query", "text", "result", "answer", "content"}

Simplify = Callable[[Any], Any]


def read_value(value: object, limit: int, simplify: Simplify) -> Any:
    """Return a value as text, numbers, dicts and lists, with no more than ``limit`` characters.

    Parameters
    ----------
    value:
        Anything. It may contain itself, and an endless text.
    limit:
        How many characters of text it may have. What is cut ends with a word that says so.
    simplify:
        Returns what to show of an object of the framework, and anything else as it is.
    """
    reader = _Reader(limit, simplify)
    found = reader.read(value, 0)
    if isinstance(found, dict) and len(found) == 1:
        [(name, inner)] = found.items()
        if name in _WRAPPERS and isinstance(inner, str):
            return inner
    return found


def hide_secrets(text: str) -> str:
    """Return a text without what looks like a key or a password."""
    return _SECRET_PAIR.sub(rf"\1\2{HIDDEN}\2", _SECRET_TEXT.sub(HIDDEN, text))


def join_answer(text: str, calls: list[Any], limit: int) -> Any:
    """Return what a model has written: its text, and which tools it wants to use."""
    if not calls:
        return text
    shown = read_value(calls, limit, lambda value: value)
    if not text.strip():
        return shown
    return f"{text}\n\n```json\n{json.dumps(shown, indent=2, ensure_ascii=False)}\n```"


class _Reader:
    """Reads a value, and stops once it has read enough."""

    def __init__(self, limit: int, simplify: Simplify) -> None:
        self._left = limit
        self._simplify = simplify

    def read(self, value: object, depth: int) -> Any:
        if self._left <= 0 or depth > DEPTH:
            return CUT.strip()
        return self._read(self._simplify(value), depth)

    def _read(self, value: object, depth: int) -> Any:
        if value is None or isinstance(value, bool | int | float):
            self._left -= 4
            return value
        if isinstance(value, str):
            return self._read_text(value)
        fields = getattr(type(value), "model_fields", None)
        if isinstance(fields, dict):  # a model of pydantic
            named = {name: getattr(value, name, None) for name in fields}
            value = {name: it for name, it in named.items() if it is not None}
        if isinstance(value, Mapping):
            return self._read_items(value.items(), depth)
        if isinstance(value, list | tuple | set | frozenset):
            return self._read_list(value, depth)
        return self._read_text(describe_value(value)[0])

    def _read_text(self, text: str) -> str:
        if _UNREADABLE.match(text):
            text = f"{text[:UNREADABLE_SHOWN]}… ({len(text):,} characters)"
        # A key at the end of what is shown must not be cut before it is found.
        text = hide_secrets(text[: self._left + 500])
        if len(text) > self._left:
            text = text[: self._left] + CUT
        self._left -= len(text)
        return text

    def _read_items(self, items: Iterable[tuple[Any, Any]], depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in items:
            if self._left <= 0:
                found["…"] = CUT.strip()
                break
            name = key if isinstance(key, str) else describe_value(key)[0]
            name = self._read_text(name[:200])
            is_secret = isinstance(value, str | bytes) and _SECRET_NAME.search(name)
            found[name] = HIDDEN if is_secret else self.read(value, depth + 1)
        return found

    def _read_list(self, values: Iterable[Any], depth: int) -> list[Any]:
        found: list[Any] = []
        for value in values:
            if self._left <= 0:
                found.append(CUT.strip())
                break
            found.append(self.read(value, depth + 1))
        return found


def count_numbers(vectors: Iterable[Any]) -> str:
    """Return what a step shows of vectors, which nobody reads."""
    found = list(vectors)
    first = next(islice(found, 1), None)
    length = len(first) if isinstance(first, list | tuple) else 0
    return f"{len(found):,} {'vector' if len(found) == 1 else 'vectors'} of {length:,} numbers"
