"""What `cache` keeps: values by the arguments they were computed from."""

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
class Kept:
    """A value, and when it is too old, by the monotonic clock."""

    value: Any
    expires: float


class Values:
    """The kept values of one function, the one that was asked for last at the end.

    The lock is held to look and to put, never while anything is computed.
    """

    def __init__(self, ttl: float | None, maxsize: int) -> None:
        self.lock = threading.Lock()
        self._ttl = math.inf if ttl is None else ttl
        self._maxsize = maxsize
        self._kept: OrderedDict[Key, Kept] = OrderedDict()

    def fresh(self, key: Key) -> Kept | None:
        """Return what is kept for ``key``, unless it is too old; to be called with the lock."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if monotonic() >= kept.expires:
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return kept

    def put(self, key: Key, value: object) -> None:
        """Keep ``value``; to be called with the lock."""
        self._kept[key] = Kept(value, monotonic() + self._ttl)
        self._kept.move_to_end(key)
        if len(self._kept) > self._maxsize:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forget them all; to be called with the lock."""
        self._kept.clear()


class Keys:
    """Makes one key of a call's arguments, however they are given."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._name = name_of(function)
        try:
            # What a decorator shows of the function below it need not be what it takes itself.
            self._signature = inspect.signature(function, follow_wrapped=False)
        except ValueError:  # some functions written in C do not tell
            self._signature = ANYTHING

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Key:
        """Return the key; the types are in it, since ``1 == True``."""
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self._name}(): {error}") from None
        bound.apply_defaults()
        parts = list(_parts(bound))
        key = tuple((name, type(value), value) for name, value in parts)
        try:
            hash(key)
        except TypeError as error:
            raise self._unhashable(parts) from error
        return key

    def _unhashable(self, parts: list[tuple[str, Any]]) -> MisuseError:
        name, value = next(part for part in parts if not _is_hashable(part[1]))
        return MisuseError(
            f"@cache: {self._name} was called with a {type(value).__name__} for {name}, which "
            "cannot be hashed, so its value would not be found again. Give a tuple in place of a "
            "list, a frozenset in place of a set, `tuple(sorted(d.items()))` in place of a dict "
            "`d`, or the name or id of an object."
        )


def _parts(bound: BoundArguments) -> Iterator[tuple[str, Any]]:
    # With the stars, no argument that is gathered can pass for another one.
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is Parameter.VAR_POSITIONAL:
            yield from ((f"*{name}", item) for item in value)
        elif kind is Parameter.VAR_KEYWORD:
            yield from ((f"**{key}", value[key]) for key in sorted(value))
        else:
            yield name, value


def _is_hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True
