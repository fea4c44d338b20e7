"""Continuing a chat with another profile, chosen by the user or by the app."""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from typing import Final, Literal

from webapp.authoring.context import running_chat
from webapp.authoring.errors import MisuseError
from webapp.authoring.loading.app_file import app_being_loaded
from webapp.authoring.text import clean_text

NEW: Final = "new"
CONTINUE: Final = "continue"


def set_profile_switching(mode: Literal["new", "continue"]) -> None:
    """Choose what happens when a user chooses another profile.

    Parameters
    ----------
    mode:
        ``"new"``: a new chat starts, as without this call. ``"continue"``: a chat in which the user
        has written continues with the profile they choose.

    Raises
    ------
    MisuseError
        The value is another one, or the call is the second one or stands outside an app file.

    Example
    -------
    ::

        cl.set_profile_switching("continue")
    """
    app = app_being_loaded("set_profile_switching()")
    if mode not in (NEW, CONTINUE):
        raise MisuseError(
            f'set_profile_switching() takes "{NEW}" or "{CONTINUE}", not {mode!r:.80}: with '
            f'"{NEW}" choosing a profile starts a new chat, with "{CONTINUE}" the chat continues.'
        )
    if app.profile_switching is not None:
        raise MisuseError("set_profile_switching() is used twice. Keep one of the calls.")
    app.profile_switching = mode


def switch_profile(name: str) -> Awaitable[None]:
    """Continue this chat with another profile, from here.

    Earlier messages stay, a divider names the new profile, and messages sent after it are shown
    with that profile's name and icon. `user_session` keeps its values, and its ``chat_profile`` is
    the new name. The switch happens at once. You may await what the function returns, but you need
    not.

    Parameters
    ----------
    name:
        The name of a profile that this user is offered. The name of the current profile changes
        nothing.

    Raises
    ------
    MisuseError
        The user is not offered that profile, the callback has ended, or the call is not in
        ``@on_chat_start``, ``@on_message`` or ``@on_chat_resume``.

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
    if chat.offered is None:
        raise MisuseError(
            "switch_profile() works in @on_chat_start, @on_message and @on_chat_resume, where the "
            "chat continues afterwards; it was used in another callback. Keep the name in "
            "user_session there, and switch when the next message comes."
        )
    given: object = name
    profile = chat.offered.get(clean_text(given)) if isinstance(given, str) else None
    if profile is None:
        problem = "there are no profiles for this user. List some in @set_chat_profiles."
        if chat.offered:
            names = ", ".join(map(repr, chat.offered))
            problem = f"this user is not offered that profile. There are: {names:.2000}."
        raise MisuseError(f"switch_profile({given!r:.80}): {problem}")
    if profile.name != chat.chat_profile:
        label = profile.display_name or profile.name
        # One change, so that whoever stores the divider finds the chat under its new profile.
        with chat.transcript.changed:
            chat.transcript.switch("switch_profile()", profile.name, label)
            chat.chat_profile = profile.name
            chat.cot = profile.cot or chat.app_cot
    return _CompletedAwaitable()


class _CompletedAwaitable:
    """What a function returns that acts at once and may be awaited all the same."""

    def __await__(self) -> Generator[None, None, None]:
        yield from ()  # makes this a generator, which is what `await` asks for
