"""`cache`: keeping the return values of a function for all chats of this process."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar, overload

from webapp.authoring.arguments import is_number, is_whole
from webapp.authoring.caching.calls import AsyncCalls, SyncCalls
from webapp.authoring.caching.values import CacheEntries
from webapp.authoring.errors import MisuseError
from webapp.authoring.tools import contains_yield, is_async, name_of

MAXSIZE = 1_000

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class CachedFunction(Protocol[P, R_co]):
    """A function whose return values are kept."""

    __wrapped__: Callable[..., Any]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Return the kept value for these arguments, or compute it."""

    def __get__(self, instance: object, owner: type | None = None) -> Callable[..., R_co]:
        """Return the method of ``instance``, as for any function of a class."""

    def clear(self) -> None:
        """Forget every value, including those that are being computed."""


@overload
def cache(function: Callable[P, R], /) -> CachedFunction[P, R]: ...


@overload
def cache(
    *, ttl: float | None = None, maxsize: int = MAXSIZE
) -> Callable[[Callable[P, R]], CachedFunction[P, R]]: ...


def cache(
    function: Any = None, /, *more: object, ttl: float | None = None, maxsize: int = MAXSIZE
) -> Any:
    """Keep what a function returned, and return it again for the same arguments.

    Values belong to the process, so **all chats and all users get the same object**. Do not keep
    what belongs to one user unless the user is one of the arguments. Do not read `user_session` or
    send messages in such a function, and do not change what it returned.

    Calls with the same arguments at the same time compute the value once. The other calls wait,
    those of an ``async def`` without blocking the loop. Calls with other arguments do not wait. If
    the function raises, nothing is kept: all calls that waited get the error, and the next call
    computes anew. If the call that computes is cancelled, the others still get the value.

    Parameters
    ----------
    function:
        ``def`` or ``async def``. Its arguments must be hashable: text, numbers and tuples, but not
        lists or dicts. Arguments of different types are different: ``1``, ``1.0`` and ``True``
        have a value each. It makes no difference whether you pass an argument by position, by name
        or by default. In a method ``self`` is an argument like the others, and the cache keeps it
        alive.
    ttl:
        How many seconds a value is kept after it was computed; ``None`` keeps it for good.
    maxsize:
        How many values are kept. The least recently used value goes first.

    Returns
    -------
    A function of the same type, with ``clear()``, which forgets every value, and ``__wrapped__``,
    the original function.

    Raises
    ------
    MisuseError
        The function or a setting cannot work. Raised by a call: an argument is not hashable, or
        the function needs its own value while it computes it.

    Example
    -------
    ::

        @cl.cache
        def model():
            return load("model.bin")     # once for each process

        @cl.cache(ttl=60, maxsize=100)
        async def weather(city):
            return (await client.get(f"/weather/{city}")).json()
    """
    if ttl is not None and not (is_number(ttl) and 0 < ttl < math.inf):
        raise MisuseError(f"@cache: ttl is a number of seconds above 0, not {ttl!r}.")
    if not (is_whole(maxsize) and maxsize > 0):
        raise MisuseError(
            f"@cache: maxsize is a whole number above 0, not {maxsize!r}: a cache without a bound "
            "grows until the process has no memory left."
        )
    if more or (function is not None and not callable(function)):
        given = type(function).__name__
        raise MisuseError(
            f"@cache needs a function, not {given}: write @cache on the line above `def`, or "
            "@cache(ttl=60, maxsize=100) with the names of the settings. It stands below "
            "@staticmethod and @classmethod."
        )
    if function is None:
        return functools.partial(cache, ttl=ttl, maxsize=maxsize)
    if inspect.isclass(function):
        raise MisuseError(
            f"@cache needs a function, not the class {function.__name__}: write a `def` that "
            "makes the object, and put @cache on that."
        )
    if contains_yield(function):
        raise MisuseError(
            f"@cache: {name_of(function)} contains `yield`, and what it gives can be read only "
            "once. Return a list."
        )
    kind = AsyncCalls if is_async(function) else SyncCalls
    calls = kind(function, CacheEntries(ttl, maxsize))
    cached: Any = calls.wrap()
    cached.clear = calls.clear
    return cached
