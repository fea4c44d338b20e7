"""The decorators of an app file.

Each registers one function and returns it unchanged. It raises `MisuseError` when it is used twice,
used outside an app file that is being loaded, or put on something that it cannot call.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from webapp.authoring.loading.registration import register
from webapp.authoring.loading.signatures import Arguments, refuse_brackets
from webapp.authoring.messages.message import Message
from webapp.authoring.profiles.profile import ChatProfile
from webapp.authoring.profiles.starters import Starter, StarterCategory
from webapp.authoring.users.user import User

Offered = Sequence[ChatProfile] | None
Suggested = Sequence[Starter] | None
Categories = Sequence[StarterCategory] | None
ProfilesCallback = TypeVar(
    "ProfilesCallback",
    bound=Callable[..., Offered] | Callable[..., Awaitable[Offered]],
)
StartersCallback = TypeVar(
    "StartersCallback",
    bound=Callable[..., Suggested] | Callable[..., Awaitable[Suggested]],
)
CategoriesCallback = TypeVar(
    "CategoriesCallback",
    bound=Callable[..., Categories] | Callable[..., Awaitable[Categories]],
)
StartCallback = TypeVar("StartCallback", bound=Callable[[], Any])
MessageCallback = TypeVar("MessageCallback", bound=Callable[[], Any] | Callable[[Message], Any])
LogoutCallback = TypeVar(
    "LogoutCallback", bound=Callable[[], Any] | Callable[[User], Any] | Callable[[Any, Any], Any]
)
RenameCallback = TypeVar(
    "RenameCallback",
    bound=Callable[[], str]
    | Callable[[str], str]
    | Callable[[], Awaitable[str]]
    | Callable[[str], Awaitable[str]],
)
PasswordCallback = TypeVar(
    "PasswordCallback",
    bound=Callable[[], User | None]
    | Callable[[str], User | None]
    | Callable[[str, str], User | None]
    | Callable[[], Awaitable[User | None]]
    | Callable[[str], Awaitable[User | None]]
    | Callable[[str, str], Awaitable[User | None]],
)
# Any parameter: an app of Chainlit may say that it takes a dict.
HeaderCallback = TypeVar(
    "HeaderCallback",
    bound=Callable[[], User | None]
    | Callable[[Any], User | None]
    | Callable[[], Awaitable[User | None]]
    | Callable[[Any], Awaitable[User | None]],
)


@refuse_brackets
def set_chat_profiles(callback: ProfilesCallback) -> ProfilesCallback:
    """Register the function that lists the profiles that a user may choose.

    Parameters
    ----------
    callback:
        A function of 0, 1 (``current_user``) or 2 (``current_user, language``) parameters,
        ``def`` or ``async def``. ``current_user`` is a `User`, or ``None`` when login is off.
        ``language`` is a tag such as ``fr`` or ``pt-BR``. It returns a list of `ChatProfile`.
        ``None`` or ``[]`` means that there is nothing to choose.

    Example
    -------
    ::

        @cl.set_chat_profiles
        async def chat_profiles(current_user: cl.User):
            return [cl.ChatProfile(name="GPT-4", markdown_description="The **GPT-4** model.")]

    The documentation page this follows is "Chat Profiles" of the Chainlit guide.
    """
    return register("set_chat_profiles", callback, Arguments(("current_user", "language")))


@refuse_brackets
def set_starters(callback: StartersCallback) -> StartersCallback:
    """Register the function that suggests first messages, for profiles that bring none.

    Parameters
    ----------
    callback:
        A function of 0, 1 (``current_user``) or 2 (``current_user, language``) parameters, as for
        `set_chat_profiles`. It returns a list of `Starter`. ``None`` or ``[]`` suggests nothing.
        A profile with ``starters=[]`` has none, a profile with ``starters=None`` has these.

    Example
    -------
    ::

        @cl.set_starters
        def starters():
            return [cl.Starter(label="Plan a trip", message="Help me plan a weekend in Rome.")]
    """
    return register("set_starters", callback, Arguments(("current_user", "language")))


@refuse_brackets
def set_starter_categories(callback: CategoriesCallback) -> CategoriesCallback:
    """Register the function that suggests first messages under headings.

    Parameters
    ----------
    callback:
        A function of 0 to 3 parameters: ``current_user``, ``language`` and ``chat_profile``, the
        name of the profile or ``None``. It returns a list of `StarterCategory`, which is shown in
        the place of all other starters. ``None`` or ``[]`` leaves those.

    Example
    -------
    ::

        @cl.set_starter_categories
        def categories(current_user: cl.User | None, language: str, chat_profile: str | None):
            plan = cl.Starter(label="Plan a trip", message="Help me plan a weekend in Rome.")
            return [cl.StarterCategory(label="Travel", starters=[plan])]
    """
    return register(
        "set_starter_categories",
        callback,
        Arguments(("current_user", "language", "chat_profile")),
    )


@refuse_brackets
def on_chat_start(callback: StartCallback) -> StartCallback:
    """Register the function that runs once when a chat starts.

    Parameters
    ----------
    callback:
        A function without parameters, ``def`` or ``async def``. The messages that it sends are
        stored and shown.

    Example
    -------
    ::

        @cl.on_chat_start
        async def start():
            await cl.Message(content="Hello!").send()
    """
    return register("on_chat_start", callback, Arguments(()))


@refuse_brackets
def on_message(callback: MessageCallback) -> MessageCallback:
    """Register the function that answers users. It runs once for each message.

    Parameters
    ----------
    callback:
        A function without parameters, or of the `Message` that the user wrote, ``def`` or
        ``async def``. It answers with `Message.send` and `Message.stream_token`. Its return value
        is ignored. It runs until it returns, its time is up, or the user presses Stop, even if
        nobody watches.

    Example
    -------
    ::

        @cl.on_message
        async def answer(message: cl.Message):
            await cl.Message(content=f"You wrote: {message.content}").send()
    """
    return register("on_message", callback, Arguments(("message",)))


@refuse_brackets
def on_stop(callback: StartCallback) -> StartCallback:
    """Register the function that runs when a user has stopped an answer.

    Parameters
    ----------
    callback:
        A function without parameters, ``def`` or ``async def``. It runs after the answer has
        ended, with the chat's `user_session`. The messages that it sends are shown.

    Example
    -------
    ::

        @cl.on_stop
        def stopped():
            cl.user_session.set("interrupted", True)
    """
    return register("on_stop", callback, Arguments(()))


@refuse_brackets
def on_chat_end(callback: StartCallback) -> StartCallback:
    """Register the function that runs once when a chat has ended.

    A chat ends when its user starts another one in the same browser or signs out, or when it had
    no message for ``WEBAPP_CHAT_IDLE_MINUTES``. A lost connection does not end it.

    Parameters
    ----------
    callback:
        A function without parameters, ``def`` or ``async def``, with the chat's `user_session`.

    Example
    -------
    ::

        @cl.on_chat_end
        def ended():
            print("ended:", cl.user_session.get("id"))
    """
    return register("on_chat_end", callback, Arguments(()))


@refuse_brackets
def on_logout(callback: LogoutCallback) -> LogoutCallback:
    """Register the function that runs when a user has signed out.

    Parameters
    ----------
    callback:
        A function without parameters, or of the `User` who signed out, ``def`` or ``async def``.
        One whose first parameter is called ``request`` gets ``(request, response)``, as in
        Chainlit: a request and a response of Flask, whose ``delete_cookie`` you can call. If it
        fails, the failure is logged, and the user is signed out all the same.

    Example
    -------
    ::

        @cl.on_logout
        def goodbye(user: cl.User):
            print("goodbye,", user.identifier)
    """
    names = ("request", "response") if takes_request(callback) else ("user",)
    return register("on_logout", callback, Arguments(names))


def takes_request(callback: Callable[..., Any]) -> bool:
    """Return whether the first parameter of an ``on_logout`` is called ``request``."""
    code = getattr(callback, "__code__", None)
    return code is not None and code.co_argcount > 0 and code.co_varnames[0] == "request"


@refuse_brackets
def author_rename(callback: RenameCallback) -> RenameCallback:
    """Register the function that returns the name under which an author of messages is shown.

    Parameters
    ----------
    callback:
        A function of the original author, ``def`` or ``async def``, that returns the name to
        show. It runs whenever a message of the app is shown, even an old one: messages are stored
        with the original name.

    Example
    -------
    ::

        @cl.author_rename
        def rename(author: str) -> str:
            return {"LLMMathChain": "Albert Einstein"}.get(author, author)

    The documentation page this follows is "author_rename and Message author" of the Chainlit guide.
    """
    return register("author_rename", callback, Arguments(("orig_author",)))


@refuse_brackets
def password_auth_callback(callback: PasswordCallback) -> PasswordCallback:
    """Register the function that decides who may sign in. Its presence turns login on.

    Parameters
    ----------
    callback:
        A function of ``(username, password)``, ``def`` or ``async def``, that returns a `User`,
        or ``None`` to refuse. It may leave out the last parameters. If it raises, the user sees
        "try again later", never "wrong password". `seeded_user` is a ready callback for the
        accounts of ``chat-profiles users``.

    Example
    -------
    ::

        cl.password_auth_callback(cl.seeded_user)
    """
    return register("password_auth_callback", callback, Arguments(("username", "password")))


@refuse_brackets
def header_auth_callback(callback: HeaderCallback) -> HeaderCallback:
    """Register the function that signs users in by what a proxy in front of the site says of them.

    Parameters
    ----------
    callback:
        A function of the headers of a request, ``def`` or ``async def``, that returns a `User`, or
        ``None`` to refuse. The headers are a read-only mapping whose names may be in any case. It
        is asked only if the request came through the proxy: see ``WEBAPP_PROXY_SECRET``. If it
        raises, the user sees "try again later". Read the headers that you need by their names: the
        function is asked again when one of those changes.

    Example
    -------
    ::

        @cl.header_auth_callback
        def auth(headers) -> cl.User | None:
            name = headers.get("X-Forwarded-User")
            return cl.User(identifier=name) if name else None
    """
    return register("header_auth_callback", callback, Arguments(("headers",)))
