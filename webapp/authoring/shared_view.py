"""Who may read a shared chat: `SharedChat` and `@on_shared_chat_view`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from webapp.authoring.loading.registration import register
from webapp.authoring.loading.signatures import Arguments, refuse_brackets

ViewCallback = TypeVar(
    "ViewCallback",
    bound=Callable[..., bool] | Callable[..., Awaitable[bool]],
)


@dataclass(frozen=True)
class SharedChat:
    """A shared chat that somebody opens by its link.

    Parameters
    ----------
    id:
        The id of the chat, as ``user_session.get("id")`` has it.
    title:
        Its title, or ``None``.
    profile:
        The name of its profile, or ``None``.
    owner:
        The identifier of the user who shared it; ``None`` when login is off.
    imported:
        Whether its owner imported it, so that anybody may have written its text.

    Example
    -------
    >>> SharedChat("1", "Plans for Rome", "travel", "alice").owner
    'alice'
    """

    id: str
    title: str | None
    profile: str | None
    owner: str | None
    imported: bool = False


@refuse_brackets
def on_shared_chat_view(callback: ViewCallback) -> ViewCallback:
    """Register the function that decides who may read a chat that was shared by a link.

    It runs each time somebody opens the link, the owner too, if they are offered every profile of
    the chat. An app without this callback checks only that.

    Parameters
    ----------
    callback:
        A function of 0, 1 (``chat``) or 2 (``chat, viewer``) parameters, ``def`` or ``async def``.
        ``chat`` is a `SharedChat`, and ``viewer`` a `User`, or ``None`` when login is off. It
        returns ``True`` or ``False``. ``False`` looks as if the link did not exist. If it raises or
        returns anything else, the viewer sees an error page: a failure never counts as "no".

    Example
    -------
    ::

        @cl.on_shared_chat_view
        def may_read(chat: cl.SharedChat, viewer: cl.User | None) -> bool:
            return viewer is not None and viewer.metadata.get("role") == "ADMIN"
    """
    return register("on_shared_chat_view", callback, Arguments(("chat", "viewer")))
