"""The values that `cache` keeps, and the keys it makes of arguments."""

from __future__ import annotations

import inspect
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from inspect import BoundArguments, Parameter
from time import monotonic
from typing import Any

from webapp.authoring.errors import MisuseError
from webapp.authoring.tools import name_of

Key = tuple[Hashable, ...]
ANYTHING = inspect.Signature(
    [Parameter("args", Parameter.VAR_POSITIONAL), Parameter("kwargs", Parameter.VAR_KEYWORD)]
)


@dataclass(frozen=True)
class CacheEntry:
    """A value, and the moment of the monotonic clock at which it expires."""

    value: Any
    expires: float


class CacheEntries:
    """The values of one function, the most recently used last.

    Hold the lock to read and to write, and never while a value is computed.
    """

    def __init__(self, ttl: float | None, maxsize: int) -> None:
        self.lock = threading.Lock()
        self._ttl = math.inf if ttl is None else ttl
        self._maxsize = maxsize
        self._entries: OrderedDict[Key, CacheEntry] = OrderedDict()

    def get(self, key: Key) -> CacheEntry | None:
        """Return the entry of ``key`` unless it has expired. The caller holds the lock."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if monotonic() >= entry.expires:
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return entry

    def put(self, key: Key, value: object) -> None:
        """Keep ``value``. The caller holds the lock."""
        self._entries[key] = CacheEntry(value, monotonic() + self._ttl)
        self._entries.move_to_end(key)
        if len(self._entries) > self._maxsize:
            self._entries.popitem(last=False)

    def clear(self) -> None:
        """Forget every value. The caller holds the lock."""
        self._entries.clear()


class KeyMaker:
    """Makes the same key of the arguments of a call, however they are passed."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._name = name_of(function)
        try:
            # A decorated function need not take what the function below the decorator takes.
            self._signature = inspect.signature(function, follow_wrapped=False)
        except ValueError:  # some functions written in C have no signature
            self._signature = ANYTHING

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Key:
        """Return the key. The types are part of it, since ``1 == True``."""
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self._name}(): {error}") from None
        bound.apply_defaults()

        key: list[tuple[str, type, Hashable]] = []
        for name, value in _list_arguments(bound):
            try:
                hash(value)
            except TypeError as error:
                raise MisuseError(
                    f"@cache: {self._name} was called with a {type(value).__name__} for {name}, "
                    "which cannot be hashed, so its value would not be found again. Give a tuple "
                    "in place of a list, a frozenset in place of a set, "
                    "`tuple(sorted(d.items()))` in place of a dict `d`, or the name or id of an "
                    "object."
                ) from error
            key.append((name, type(value), value))
        return tuple(key)


def _list_arguments(bound: BoundArguments) -> Iterator[tuple[str, Any]]:
    # The stars keep an argument in *args or **kwargs apart from one of the same name.
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is Parameter.VAR_POSITIONAL:
            yield from ((f"*{name}", item) for item in value)
        elif kind is Parameter.VAR_KEYWORD:
            yield from ((f"**{key}", value[key]) for key in sorted(value))
        else:
            yield name, value
