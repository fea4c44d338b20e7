"""`ChatTester`, with which an author tests an app: it talks with the app as a browser would."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Self, Unpack

from flask import Flask

from webapp.accounts.login import owner
from webapp.authoring.loading.app_file import SIGN_IN_CALLBACKS, Pace
from webapp.authoring.profiles.profile import ChatProfile
from webapp.authoring.profiles.starters import Starter
from webapp.authoring.users.user import User
from webapp.chats.store import my_chat
from webapp.history.listing import list_chats
from webapp.profiles.offer import current_choice, offered_profiles
from webapp.profiles.starters import list_starters
from webapp.testing.answers import Answer, ShownMessage
from webapp.testing.background import wait_for_background
from webapp.testing.conversation import Conversation
from webapp.testing.failures import ChatTestError
from webapp.testing.fake_model import FakeModel
from webapp.testing.given import (
    check_choice,
    check_environ,
    check_id,
    check_message,
    check_options,
)
from webapp.testing.site_visitor import SiteVisitor, WaitOptions
from webapp.testing.stored_chat import end_chat, find_values
from webapp.testing.tested_app import TestedApp

# pytest shows no line of this module in a traceback.
__tracebackhide__ = True

SECONDS = 30.0
PASSWORD = "password-of-a-test"  # noqa: S105 - nobody checks it


class OfferedProfile(str):
    """The name of a profile that is offered, with what else is known of the profile."""

    profile: ChatProfile

    @classmethod
    def of(cls, profile: ChatProfile) -> OfferedProfile:
        """Return the name of a profile."""
        name = cls(profile.name)
        name.profile = profile
        return name

    @property
    def name(self) -> str:
        """The name alone."""
        return str(self)

    @property
    def description(self) -> str:
        """Its description, as Markdown."""
        return self.profile.markdown_description

    @property
    def starters(self) -> list[Starter]:
        """The starters that it brings."""
        return list(self.profile.starters or ())


@dataclass(frozen=True, kw_only=True)
class PastChat:
    """A chat in the history of a user."""

    id: str
    title: str
    profile: str | None


class ChatTester(Conversation):
    """Talks with an app as a user with a browser does, without a browser, a network or a secret.

    The app is the real one: your file is loaded, each call is a request to the site, and what is
    said is stored in a database of its own, which goes when the test is over. What a callback
    raises is raised in your test, with the lines of your own files. You may await what a method
    returns, or not.

    Parameters
    ----------
    app_file:
        The path of the app file, or the name of its module.
    environ:
        What is set in the environment for as long as the tester is open: ``WEBAPP_`` settings, and
        what your file reads.
    model:
        A `FakeModel` that answers in the place of OpenAI: ``OPENAI_BASE_URL`` and
        ``OPENAI_API_KEY`` are set to it.
    language:
        What the browser prefers, such as ``"fr"`` or ``"pt-BR"``.
    timeout:
        How many seconds an answer may take.

    Raises
    ------
    AppFileError
        There is no such file. What the file itself raises is raised as it is.
    StartupError
        A setting in ``environ`` is not valid.

    Example
    -------
    ::

        def test_capitals() -> None:
            with ChatTester("app.py") as chat:
                assert "Lima" in chat.say("What is the capital of Peru?")
    """

    def __init__(
        self,
        app_file: str | Path = "app.py",
        *,
        environ: Mapping[str, str] | None = None,
        model: FakeModel | None = None,
        language: str = "en",
        timeout: float = SECONDS,
    ) -> None:
        if not isinstance(model, FakeModel | None):
            raise ChatTestError('model= takes a FakeModel, such as FakeModel(["Lima"]).')
        check_options({"timeout": timeout}, ("timeout",))
        check_environ(environ or {})
        of_model = model.environ if model is not None else {}
        self._tested = TestedApp(app_file, {**of_model, **(environ or {})})
        self._visitor = SiteVisitor(self.app, self._tested.failures, model, timeout)
        self._visitor.browser.language = language
        self._signed_in = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.close()
        else:  # what has failed already says more
            self._tested.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await asyncio.to_thread(self.__exit__, *error)

    def __await__(self) -> Generator[Any, None, Self]:
        """Return the tester, for what is written with ``await``."""
        yield from ()
        return self

    def close(self) -> Self:
        """End what still runs, and remove the database and the files.

        What has failed since the last call is raised here, as by ``@on_app_shutdown``.
        """
        self._tested.close()
        self._visitor.raise_failure()
        return self

    def new_browser(self, language: str | None = None) -> ChatTester:
        """Return somebody else at the same site. They are closed with this one."""
        other = ChatTester.__new__(ChatTester)
        other._tested, other._signed_in = self._tested, False
        other._visitor = self._visitor.with_new_browser()
        if language is not None:
            other._visitor.browser.language = language
        return other

    @property
    def app(self) -> Flask:
        """The Flask app."""
        return self._tested.app

    @property
    def module(self) -> ModuleType:
        """The module of the app file, in which you can replace a function for a test."""
        return self._tested.module

    def sign_in(
        self,
        identifier: str | None = None,
        password: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        display_name: str | None = None,
        **metadata: Any,
    ) -> Self:
        """Sign in, as somebody whom the app would accept.

        Parameters
        ----------
        password:
            Without one, the app's ``@password_auth_callback`` is not asked, and the user is who you
            say. With one, it decides as always.
        headers:
            What a proxy says of the user, in the place of an identifier and a password. The app's
            ``@header_auth_callback`` decides, and all further requests have these headers.
        metadata:
            What the app knows of the user, such as ``role="ADMIN"``.

        Raises
        ------
        RefusedError
            The app does not accept the password or the headers.
        ChatTestError
            The app has no such sign-in.
        """
        callbacks = self._tested.chat_app.callbacks
        name = self._find_sign_in(headers=headers, password=password)
        callback = callbacks[name]
        self.sign_out()
        if headers is not None:
            self._visitor.browser.send_always(headers)
        elif password is None:
            user = User(identifier or "", display_name, metadata)
            callbacks[name] = replace(callback, function=lambda: user, takes=0, pace=Pace())
        path, form = "/login/headers", {}
        if name == "password_auth_callback":
            path, form = "/login", {"username": identifier, "password": password or PASSWORD}
        try:
            self._visitor.check(self._visitor.browser.post(path, form))
        finally:
            callbacks[name] = callback
        self._visitor.browser.forget_token()  # it was that of a visitor
        self._signed_in = True
        return self

    def _find_sign_in(self, *, headers: object, password: object) -> str:
        """Return the decorator of the callback that decides, or that is left out."""
        app = self._tested.chat_app
        found = [name for name in SIGN_IN_CALLBACKS if name in app.callbacks]
        if not found:
            names = " or ".join(f"@{name}" for name in SIGN_IN_CALLBACKS)
            raise ChatTestError(
                f"{app.file_name} has no {names}, so nobody signs in: leave sign_in() out."
            )
        if headers is not None and "header_auth_callback" not in found:
            raise ChatTestError(f"{app.file_name} has no @header_auth_callback: leave headers out.")
        if password is not None and "password_auth_callback" not in found:
            raise ChatTestError(
                f"{app.file_name} has no @password_auth_callback: leave the password out."
            )
        return "header_auth_callback" if headers is not None else found[0]

    def sign_out(self) -> Self:
        """Sign out if somebody is signed in, and have no chat open any more."""
        if self._signed_in:
            self._visitor.check(self._visitor.browser.post("/logout"))
            self._finish()
        self._signed_in = False
        self._visitor = self._visitor.with_new_browser()
        return self

    @property
    def profiles(self) -> list[OfferedProfile]:
        """The profiles that this user is offered now. Each is its name, and knows the rest."""
        with self._visitor.reading("/"):
            return [OfferedProfile.of(profile) for profile in offered_profiles().profiles]

    @property
    def profile(self) -> str | None:
        """The name of the profile of the chat, or of the one that would start now."""
        chat_id = self._visitor.chat_id
        with self._visitor.reading("/" if chat_id is None else f"/chats/{chat_id}"):
            if chat_id is not None:
                return my_chat(chat_id).profile
            chosen = offered_profiles().default(current_choice())
            return chosen.name if chosen else None

    @property
    def starters(self) -> list[Starter]:
        """The starters that an empty chat under this profile shows, also those of categories."""
        name = self.profile
        with self._visitor.reading("/"):
            found = list_starters(offered_profiles().find(name)).all
        self._visitor.raise_failure()
        return found

    def choose(self, profile: str, **options: Unpack[WaitOptions]) -> Answer:
        """Choose a profile, and return what the app says when a chat starts under it.

        Where the app continues a chat under another profile, the chat stays.

        Raises
        ------
        RefusedError
            The profile is not offered to this user.
        """
        if self._tested.chat_app.switches_here and self._visitor.chat_id is not None:
            return self._visitor.act("profile", {"profile": profile}, **options)
        return self._visitor.start({"profile": profile}, **options)

    def enter_keys(self, **keys: str) -> Self:
        """Enter the keys that the app asks its users for: those of ``user_env``.

        Raises
        ------
        RefusedError
            One is missing, or the app does not ask for it.
        """
        self._visitor.open_page("/keys")
        form = {f"key-{name}": key for name, key in keys.items()}
        self._visitor.check(self._visitor.browser.post("/keys", form))
        return self

    def start(self, **options: Unpack[WaitOptions]) -> Answer:
        """Start a new chat, and return what the app says. `say` does it where there is none."""
        return self._visitor.start({}, **options)

    def end(self) -> Self:
        """End the chat, as if nothing had been said in it for long: ``@on_chat_end`` runs."""
        end_chat(self.app, self._visitor.require_chat())
        self._finish()
        return self

    def resume(self, chat: str | PastChat | None = None, **options: Unpack[WaitOptions]) -> Answer:
        """End the chat if it has not ended, resume it, and return what ``@on_chat_resume`` says.

        Parameters
        ----------
        chat:
            The chat, or its id; the one that is open unless you name another.
        """
        if self._tested.chat_app.get("on_chat_resume") is None:
            raise ChatTestError(f"{self._tested.chat_app.file_name} has no @on_chat_resume.")
        if chat is not None:
            self.open(chat)
        self.end()
        return self._visitor.act("resume", {}, **options)

    def open(self, chat: str | PastChat) -> Self:
        """Open an earlier chat of this user, by itself or its id, and go on there."""
        chat_id = check_id("open()", chat.id if isinstance(chat, PastChat) else chat)
        self._visitor.open_page(f"/chats/{chat_id}")
        self._visitor.note_chat(chat_id)
        return self

    @property
    def chat_id(self) -> str | None:
        """The id of the chat; ``None`` before there is one."""
        return str(self._visitor.chat_id) if self._visitor.chat_id else None

    @property
    def history(self) -> list[PastChat]:
        """The chats of this user: those that are pinned, and the newest 20 others."""
        with self._visitor.reading("/chats"):
            found = list_chats(owner() or "")
        return [
            PastChat(id=str(item.id), title=item.title or "", profile=item.profile)
            for item in (*found.pinned, *found.items)
        ]

    @property
    def user_session(self) -> dict[str, Any]:
        """What ``user_session`` has stored with the chat."""
        chat_id = self._visitor.require_chat()
        return find_values(self.app, chat_id)

    def rate(
        self,
        answer: Answer | ShownMessage,
        value: Literal["up", "down", "none"],
        comment: str | None = None,
    ) -> Self:
        """Rate an answer, and wait for ``@on_feedback``."""
        check_choice("The value of rate()", value, ("up", "down", "none"))
        message = check_message("rate()", answer)
        form = {"value": value} if comment is None else {"value": value, "comment": comment}
        self._visitor.post(f"messages/{message}/feedback", form)
        self._finish()
        return self

    def _finish(self) -> None:
        """Wait for what goes on in the background, and raise what has failed there."""
        wait_for_background()
        self._visitor.raise_failure()
