"""`on_app_startup` and `on_app_shutdown`: what runs once in each process that serves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from webapp.authoring.loading.registration import register
from webapp.authoring.loading.signatures import Arguments, refuse_brackets

LifeCallback = TypeVar("LifeCallback", bound=Callable[[], Any])


@refuse_brackets
def on_app_startup(callback: LifeCallback) -> LifeCallback:
    """Register the function that runs once in each process that serves, before its first request.

    A process that only loads the app and forks, or runs a command, does not call it. If it fails,
    the process ends: what it prepares would be missing in every chat.

    Parameters
    ----------
    callback:
        A function without parameters, ``def`` or ``async def``. It does not run in a chat:
        `user_session` and messages do not work in it. It has ``WEBAPP_TURN_SECONDS``.

    Example
    -------
    ::

        @cl.on_app_startup
        async def startup():
            global index
            index = await load_index()
    """
    return register("on_app_startup", callback, Arguments(()))


@refuse_brackets
def on_app_shutdown(callback: LifeCallback) -> LifeCallback:
    """Register the function that runs once when a process that has served ends.

    Answers that are being written end before. A process that is killed does not call it.

    Parameters
    ----------
    callback:
        A function without parameters, ``def`` or ``async def``. It does not run in a chat, and has
        ``WEBAPP_CALLBACK_SECONDS``. If it fails, the failure is logged.

    Example
    -------
    ::

        @cl.on_app_shutdown
        async def shutdown():
            await client.close()
    """
    return register("on_app_shutdown", callback, Arguments(()))
