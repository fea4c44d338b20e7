"""The decorators of an app file: each fills one slot and returns the function unchanged."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from webapp.authoring.app_file import Callback, app_being_loaded
from webapp.authoring.errors import MisuseError
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
    return _register("set_chat_profiles", callback, ("current_user", "language"))


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
    return _register("on_chat_start", callback, ())


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
        "password_auth_callback", callback, ("username", "password"), takes_all_of_them=True
    )


Function = TypeVar("Function", bound=Callable[..., Any])


def _register(
    decorator: str,
    function: Function,
    offered: tuple[str, ...],
    *,
    takes_all_of_them: bool = False,
) -> Function:
    app = app_being_loaded(decorator)
    if not callable(function):
        raise MisuseError(
            f"@{decorator} needs a function, not {type(function).__name__}: write @{decorator} "
            "on the line above `def`, without brackets after it."
        )
    _refuse_generator(decorator, function)
    takes = _accepted_count(decorator, function, offered)
    if takes_all_of_them and takes < len(offered):
        raise _impossible(decorator, function, offered)
    app.register(Callback(decorator, function, takes))
    return function


def _refuse_generator(decorator: str, function: Callable[..., Any]) -> None:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise MisuseError(
            f"@{decorator}: {_name(function)} contains `yield`, so calling it would run nothing. "
            "Return the value, or send messages with `Message(...).send()`."
        )


def _accepted_count(decorator: str, function: Callable[..., Any], offered: tuple[str, ...]) -> int:
    """Count how many of the offered arguments can be passed by position."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise MisuseError(
            f"@{decorator}: the parameters of {_name(function)} cannot be read; "
            "wrap it in a `def` of your own."
        ) from error
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = [p for p in positional if p.default is p.empty]
    keyword_only = [p for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if len(required) > len(offered) or keyword_only:
        raise _impossible(decorator, function, offered)
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return len(offered)
    return min(len(positional), len(offered))


def _impossible(
    decorator: str, function: Callable[..., Any], offered: tuple[str, ...]
) -> MisuseError:
    signature = ", ".join(offered)
    allowed = f"({signature})" if offered else "no parameters"
    fewer = " (the last ones may be left out)" if len(offered) > 1 else ""
    if decorator == "password_auth_callback":
        fewer = ""
    return MisuseError(
        f"@{decorator}: {_name(function)}{inspect.signature(function)} cannot be called. "
        f"It is given {allowed}{fewer}: change it to `def {_name(function)}({signature})`."
    )


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)
