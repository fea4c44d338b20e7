"""Keeping what a function returned, for all chats of this process."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeGuard, TypeVar, overload

from webapp.authoring.caching.calls import Calls, Tasks
from webapp.authoring.caching.values import Keys, Values
from webapp.authoring.errors import MisuseError
from webapp.authoring.tools import contains_yield, is_async, name_of

MAXSIZE = 1_000

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Cached(Protocol[P, R_co]):
    """A function whose values are kept."""

    __wrapped__: Callable[..., Any]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Return the kept value for these arguments, or compute it."""

    def __get__(self, instance: object, owner: type | None = None) -> Callable[..., R_co]:
        """Return the method of ``instance``, as for any function of a class."""

    def clear(self) -> None:
        """Forget every value, those that are being computed included."""


@overload
def cache(function: Callable[P, R], /) -> Cached[P, R]: ...


@overload
def cache(
    *, ttl: float | None = None, maxsize: int = MAXSIZE
) -> Callable[[Callable[P, R]], Cached[P, R]]: ...


def cache(
    function: Any = None, /, *more: object, ttl: float | None = None, maxsize: int = MAXSIZE
) -> Any:
    """Keep what a function returned, and return it again for the same arguments.

    Values belong to the process, so **all chats and all users get the same object**. Never keep
    what belongs to one user unless the user is one of the arguments; in such a function do not read
    `user_session` and send no messages; and do not change what it returns.

    Calls with the same arguments at the same time compute once; the others wait, an ``async def``
    without blocking anybody. Calls with other arguments do not wait. If the function raises,
    nothing is kept: all who waited get that error, and the next call computes anew. If the one who
    computes is cancelled, the others still get the value.

    Parameters
    ----------
    function:
        ``def`` or ``async def``. Its arguments must be hashable: text, numbers, tuples, but no
        lists and dicts. Arguments of different types are different: ``1``, ``1.0`` and ``True``
        have a value each. Given by position, by name or by default is the same. In a method
        ``self`` is an argument like the others, and is kept alive by the cache.
    ttl:
        For how many seconds a value is kept after it was computed; for good when left out.
    maxsize:
        How many values are kept; the one that was not asked for longest goes first.

    Returns
    -------
    A function of the same type, with ``clear()``, which forgets every value, and ``__wrapped__``,
    the function as it was.

    Raises
    ------
    MisuseError
        For a function or a setting that cannot work; later, for an argument that is not hashable,
        and for a call that needs its own value while it is computed.

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
    _refuse_settings(ttl, maxsize)
    if more or (function is not None and not callable(function)):
        given = type(function).__name__
        raise MisuseError(
            f"@cache needs a function, not {given}: write @cache on the line above `def`, or "
            "@cache(ttl=60, maxsize=100) with the names of the settings. It stands below "
            "@staticmethod and @classmethod."
        )
    if function is None:
        return functools.partial(cache, ttl=ttl, maxsize=maxsize)
    _refuse_function(function)
    return (_awaited if is_async(function) else _called)(function, Values(ttl, maxsize))


def _called(function: Callable[..., Any], values: Values) -> Any:
    keys, calls = Keys(function), Calls(name_of(function), values)

    @functools.wraps(function, updated=())
    def cached(*args: Any, **kwargs: Any) -> Any:
        return calls.value(keys(args, kwargs), functools.partial(function, *args, **kwargs))

    cached.clear = calls.clear  # type: ignore[attr-defined]
    return cached


def _awaited(function: Callable[..., Any], values: Values) -> Any:
    keys, tasks = Keys(function), Tasks(name_of(function), values)

    @functools.wraps(function, updated=())
    async def cached(*args: Any, **kwargs: Any) -> Any:
        return await tasks.value(keys(args, kwargs), functools.partial(function, *args, **kwargs))

    cached.clear = tasks.clear  # type: ignore[attr-defined]
    return cached


def _refuse_function(function: Callable[..., Any]) -> None:
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


def _refuse_settings(ttl: object, maxsize: object) -> None:
    if ttl is not None and not (_is_number(ttl) and 0 < ttl < math.inf):
        raise MisuseError(f"@cache: ttl is a number of seconds above 0, not {ttl!r}.")
    if not (isinstance(maxsize, int) and not isinstance(maxsize, bool) and maxsize > 0):
        raise MisuseError(
            f"@cache: maxsize is a whole number above 0, not {maxsize!r}: a cache without a bound "
            "grows until the process has no memory left."
        )


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
