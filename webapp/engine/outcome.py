"""The outcome of a callback: its error, what it returned, and the values it leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from concurrent.futures import CancelledError
from inspect import isasyncgen
from typing import Any

from webapp.authoring.errors import CallbackError, MisuseError, StoppedError
from webapp.authoring.live.values import Values
from webapp.authoring.loading.app_file import Callback

NOBODY_SEES = "which nobody sees: send it with `Message(...).send()`"
SAYS_NOTHING = (
    "It ended and has sent nothing, so its user sees no answer. Call send() of each Message, and "
    "write await before each call of an async def of yours. If that is meant, ignore this."
)
GENERATOR = (
    "returned a generator, which nobody runs: send its parts with `Message.stream_token` in a loop"
)


def find_problem(result: object, *, said_something: bool, decorator: str) -> str | None:
    """Return what is wrong with the result of a callback; ``None`` if nothing is."""
    if isinstance(result, Generator) or isasyncgen(result):
        return GENERATOR
    # `@on_chat_start` may say nothing and return a value.
    if result is None or said_something or decorator != "on_message":
        return None
    # The author probably expects the returned text to be shown.
    return f"sent nothing and returned {type(result).__name__}, {NOBODY_SEES}"


def as_callback_error(callback: Callback, error: Exception) -> CallbackError:
    """Return an error of a callback in words for its author, with the cause chained."""
    if isinstance(error, CallbackError):
        return error
    failure = callback.failure(error)
    failure.__cause__ = error
    return failure


def is_expected_after_stop(error: Exception) -> bool:
    """Return whether a stopped callback may end so: cancelled, or refused when it spoke again."""
    cancelled = isinstance(error.__cause__, asyncio.CancelledError)
    return cancelled or isinstance(error, CancelledError | StoppedError)


def store_values(callback: Callback | None, values: Values) -> dict[str, Any]:
    """Return a chat's values in copies that can be stored, and keep its objects in this process.

    Raises
    ------
    CallbackError
        When a value cannot be stored: a list that was set is the author's own object, and may have
        been changed since.
    """
    try:
        return values.stored()
    except MisuseError as error:
        if callback is None:
            raise CallbackError("user_session", str(error)) from error
        raise callback.failure(error) from error
