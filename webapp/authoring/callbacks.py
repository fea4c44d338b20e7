"""The decorators of an app file: each fills one slot and returns the function unchanged."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from webapp.authoring.app_file import Callback, app_being_loaded
from webapp.authoring.signatures import Offer, accepted_count, refuses_brackets
from webapp.authoring.types import ChatProfile, User

Offered = Sequence[ChatProfile] | None
ProfilesCallback = TypeVar(
    "ProfilesCallback",
    bound=Callable[..., Offered] | Callable[..., Awaitable[Offered]],
)
StartCallback = TypeVar("StartCallback", bound=Callable[[], Any])
PasswordCallback = TypeVar(
    "PasswordCallback",
    bound=Callable[[str, str], User | None] | Callable[[str, str], Awaitable[User | None]],
)


@refuses_brackets
def set_chat_profiles(callback: ProfilesCallback) -> ProfilesCallback:
    """Register the function that lists the profiles a user may pick.

    Parameters
    ----------
    callback:
        A function of 0, 1 (``current_user``) or 2 (``current_user, language``) parameters,
        ``def`` or ``async def``. ``current_user`` is a `User`, or ``None`` when login is off;
        ``language`` is a tag such as ``fr`` or ``pt-BR``. It returns a list of `ChatProfile`;
        ``None`` or ``[]`` means that there is nothing to pick.

    Returns
    -------
    The same function.

    Raises
    ------
    MisuseError
        When it is used twice, outside an app file, or on something that cannot be called so.

    Example
    -------
    ::

        @cl.set_chat_profiles
        async def chat_profiles(current_user: cl.User):
            return [cl.ChatProfile(name="GPT-4", markdown_description="The **GPT-4** model.")]

    The documentation page this follows is "Chat Profiles" of the Chainlit guide.
    """
    return _register("set_chat_profiles", callback, Offer(("current_user", "language")))


@refuses_brackets
def on_chat_start(callback: StartCallback) -> StartCallback:
    """Register the function that runs once when a chat starts.

    Parameters
    ----------
    callback:
        A function without parameters, ``def`` or ``async def``. What it sends with
        `Message.send` is stored and shown.

    Returns
    -------
    The same function.

    Raises
    ------
    MisuseError
        When it is used twice, outside an app file, or on something that cannot be called so.

    Example
    -------
    ::

        @cl.on_chat_start
        async def start():
            await cl.Message(content="Hello!").send()
    """
    return _register("on_chat_start", callback, Offer(()))


@refuses_brackets
def password_auth_callback(callback: PasswordCallback) -> PasswordCallback:
    """Register the function that decides who may log in; its presence turns login on.

    Parameters
    ----------
    callback:
        A function of ``(username, password)``, ``def`` or ``async def``, that returns a `User`,
        or ``None`` to refuse. Raising is a failure that the user sees as "try again later".
        `seeded_user` is a ready one for the accounts of ``chat-profiles users``.

    Returns
    -------
    The same function.

    Raises
    ------
    MisuseError
        When it is used twice, outside an app file, or on something that cannot be called so.

    Example
    -------
    ::

        cl.password_auth_callback(cl.seeded_user)
    """
    return _register(
        "password_auth_callback", callback, Offer(("username", "password"), whole=True)
    )


Function = TypeVar("Function", bound=Callable[..., Any])


def _register(decorator: str, function: Function, offer: Offer) -> Function:
    app = app_being_loaded(decorator)
    takes = accepted_count(decorator, function, offer)
    app.register(Callback(decorator, function, takes, app.folder))
    return function
