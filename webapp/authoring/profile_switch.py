"""Going on in the same chat with another profile: when the user chooses, and when the app does."""

from __future__ import annotations

from collections.abc import Awaitable, Generator, Mapping

from webapp.authoring.context import ChatContext, running_chat
from webapp.authoring.errors import MisuseError
from webapp.authoring.loading.app_file import app_being_loaded
from webapp.authoring.text import clean_text
from webapp.authoring.types import ChatProfile

NEW = "new"
CONTINUE = "continue"


def set_profile_switching(mode: str) -> None:
    """Say what happens when a user chooses another profile.

    Parameters
    ----------
    mode:
        ``"new"``: a new chat starts, as without this call. ``"continue"``: a chat in which the user
        has written goes on with the profile they choose.

    Raises
    ------
    MisuseError
        For another value, when it is used twice, or outside an app file.

    Example
    -------
    ::

        cl.set_profile_switching("continue")
    """
    app = app_being_loaded("set_profile_switching()")
    if mode not in (NEW, CONTINUE):
        raise MisuseError(
            f'set_profile_switching() takes "{NEW}" or "{CONTINUE}", not {mode!r:.80}: with '
            f'"{NEW}" choosing a profile starts a new chat, with "{CONTINUE}" the chat goes on.'
        )
    if app.profile_switching is not None:
        raise MisuseError("set_profile_switching() is used twice. Keep one of the calls.")
    app.profile_switching = mode


def switch_profile(name: str) -> Awaitable[None]:
    """Go on in this chat under another profile, from here.

    What was said so far stays, a line says who takes over, and messages sent after it are shown
    with the new profile's name and icon. `user_session` keeps its values; its ``chat_profile`` is
    the new name. It acts at once; awaiting what it returns is allowed and changes nothing.

    Parameters
    ----------
    name:
        The name of a profile that this user is offered; the one that the chat is under already
        changes nothing.

    Raises
    ------
    MisuseError
        For a name that the user is not offered, after the callback has ended, or outside
        ``@on_chat_start``, ``@on_message`` and ``@on_chat_resume``.

    Example
    -------
    ::

        @cl.on_message
        async def answer(message: cl.Message):
            if "poem" in message.content:
                cl.switch_profile("Creative")
            await cl.Message(content="Let me see.").send()
    """
    chat = running_chat("switch_profile()")
    profile = _offered(chat, name)
    if profile.name != chat.chat_profile:
        label = profile.display_name or profile.name
        # Whoever stores the divider then finds the chat under its profile.
        with chat.transcript.changed:
            chat.transcript.switch("switch_profile()", profile.name, label)
            chat.chat_profile = profile.name
    return _Done()


class _Done:
    """Something that is over already, and may be awaited all the same."""

    def __await__(self) -> Generator[None, None, None]:
        yield from ()  # makes this a generator, which is what `await` asks for


def _offered(chat: ChatContext, name: object) -> ChatProfile:
    if chat.offered is None:
        raise MisuseError(
            "switch_profile() works in @on_chat_start, @on_message and @on_chat_resume, where the "
            "chat goes on afterwards; it was used in another callback. Keep the name in "
            "user_session there, and switch when the next message comes."
        )
    profile = chat.offered.get(clean_text(name)) if isinstance(name, str) else None
    if profile is None:
        raise MisuseError(_not_offered(chat.offered, name))
    return profile


def _not_offered(offered: Mapping[str, ChatProfile], name: object) -> str:
    given = f"switch_profile({name!r:.80})"
    if not offered:
        return f"{given}: there are no profiles for this user. List some in @set_chat_profiles."
    names = ", ".join(map(repr, offered))
    return f"{given}: this user is not offered that profile. There are: {names:.2000}."
