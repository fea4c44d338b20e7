"""`ChatTester`, with which an author tests an app: it talks with the app as a browser would."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Self, overload

from flask import Flask

from webapp.accounts.login import owner
from webapp.authoring.chat_message import USER
from webapp.authoring.elements.custom_forms import FIELD_PREFIX
from webapp.authoring.loading.app_file import Callback, Pace
from webapp.authoring.types import ChatProfile, Starter, User
from webapp.chats.store import my_chat
from webapp.history.listing import list_chats
from webapp.pages.settings.form import EDIT
from webapp.profiles.offer import current_choice, offered_profiles
from webapp.profiles.starters import list_starters
from webapp.testing.answers import Answer, ShownAction, ShownMessage, ShownQuestion
from webapp.testing.background import wait_for_background
from webapp.testing.composer_fields import choice_fields, setting_values, settings_fields
from webapp.testing.failures import ChatTestError
from webapp.testing.fake_model import FakeModel
from webapp.testing.site_visitor import AttachedFile, SiteVisitor
from webapp.testing.stored_chat import end_chat, expire_questions
from webapp.testing.tested_app import TestedApp
from webapp.testing.transcript import assert_same_text, write_transcript

# pytest shows no line of this module in a traceback.
__tracebackhide__ = True

SECONDS = 10.0
NO_QUESTION = "No question is open: the app has asked nothing, or it is over."
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


class ChatTester:
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
        timeout: float = SECONDS,
    ) -> None:
        of_model = model.environ if model is not None else {}
        self._tested = TestedApp(app_file, {**of_model, **(environ or {})})
        self._visitor = SiteVisitor(self.app, self._tested.failures, model, timeout)
        self._signed_in = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)

    def __await__(self) -> Generator[Any, None, Self]:
        """Return the tester, for what is written with ``await``."""
        yield from ()
        return self

    def close(self) -> None:
        """End what still runs, and remove the database and the files."""
        self._tested.close()

    def new_browser(self) -> ChatTester:
        """Return somebody else at the same site. They are closed with this one."""
        other = ChatTester.__new__(ChatTester)
        other._tested, other._signed_in = self._tested, False
        other._visitor = self._visitor.with_new_browser()
        return other

    @property
    def app(self) -> Flask:
        """The Flask app."""
        return self._tested.app

    @property
    def module(self) -> ModuleType:
        """The module of the app file, in which you can replace a function for a test."""
        return self._tested.module

    @property
    def page(self) -> str:
        """The HTML of the page that was opened last."""
        return self._visitor.page

    def sign_in(
        self,
        identifier: str,
        password: str | None = None,
        *,
        display_name: str | None = None,
        **metadata: Any,
    ) -> Self:
        """Sign in, as somebody whom the app would accept.

        Parameters
        ----------
        password:
            Without one, the app's ``@password_auth_callback`` is not asked, and the user is who you
            say. With one, it decides as always.
        metadata:
            What the app knows of the user, such as ``role="ADMIN"``.

        Raises
        ------
        RefusedError
            The app does not accept the password.
        ChatTestError
            The app has no sign-in.
        """
        callbacks = self._tested.chat_app.callbacks
        callback = callbacks.get("password_auth_callback")
        if callback is None:
            raise ChatTestError(
                f"{self._tested.chat_app.file_name} has no @password_auth_callback, so nobody "
                "signs in: leave sign_in() out."
            )
        self.sign_out()
        if password is None:
            user = User(identifier, display_name, metadata)
            callbacks["password_auth_callback"] = _always(callback, user)
        try:
            form = {"username": identifier, "password": password or PASSWORD}
            self._visitor.check(self._visitor.browser.post("/login", form))
        finally:
            callbacks["password_auth_callback"] = callback
        self._visitor.browser.forget_token()  # it was that of a visitor
        self._signed_in = True
        return self

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
        """The starters that an empty chat under this profile shows."""
        name = self.profile
        with self._visitor.reading("/"):
            found = list_starters(offered_profiles().find(name)).starters
        self._visitor.raise_failure()
        return found

    def choose(self, profile: str, *, timeout: float | None = None) -> Answer:
        """Choose a profile, and return what the app says when a chat starts under it.

        Where the app continues a chat under another profile, the chat stays.

        Raises
        ------
        RefusedError
            The profile is not offered to this user.
        """
        if self._tested.chat_app.switches_here and self._visitor.chat_id is not None:
            return self._visitor.act("profile", {"profile": profile}, timeout=timeout)
        return self._visitor.start({"profile": profile}, timeout)

    def start(self, *, timeout: float | None = None) -> Answer:
        """Start a new chat, and return what the app says. `say` does it where there is none."""
        return self._visitor.start({}, timeout)

    def say(
        self,
        text: str | Starter,
        *,
        files: Iterable[AttachedFile] = (),
        command: str | None = None,
        modes: Mapping[str, str] | None = None,
        until: str | None = None,
        timeout: float | None = None,
        raises: bool = True,
    ) -> Answer:
        """Say something, wait for the answer, and return it.

        Parameters
        ----------
        text:
            The message, or a starter to pick.
        files:
            Files to attach: paths, or pairs of a name and the bytes.
        command:
            The id of the command that is chosen in the composer. That of a starter comes with it.
        modes:
            The ids of the options that are chosen, by the ids of their modes.
        until:
            Return as soon as a message has this text, to stop the answer or to look at it half-way.
        timeout:
            How many seconds it may take, instead of those of the tester.
        raises:
            Whether to raise what the callback raises. If not, it is the ``failure`` of the answer.

        Raises
        ------
        RefusedError
            The site does not take the message, for example as the profile was withdrawn.
        ChatTimeoutError
            The answer is not complete in time. It is stopped.
        """
        if self._visitor.chat_id is None:
            self.start(timeout=timeout)
        content = text
        if isinstance(text, Starter):
            content, command = text.message, command or text.command
        return self._visitor.act(
            "messages",
            {"content": content, **choice_fields(command, modes), **_key()},
            files=files,
            until=until,
            timeout=timeout,
            raises=raises,
        )

    def upload(self, *files: AttachedFile, text: str = "", timeout: float | None = None) -> Answer:
        """Send files, and return the answer. An open question for files gets them."""
        question = self.question
        if question is not None and question.kind == "file":
            return self.answer(list(files), timeout=timeout)
        return self.say(text, files=files, timeout=timeout)

    def wait(
        self, *, until: str | None = None, timeout: float | None = None, raises: bool = True
    ) -> Answer:
        """Wait for the rest of an answer, and return all of it."""
        return self._visitor.answer(until=until, timeout=timeout, raises=raises)

    def stop(self, *, timeout: float | None = None) -> Answer:
        """Press Stop, and return the answer as it was stopped."""
        self._visitor.post("stop", {})
        return self._visitor.answer(timeout=timeout)

    def retry(self, *, timeout: float | None = None) -> Answer:
        """Ask once more for an answer that failed or was stopped."""
        return self._visitor.act("retry", {"turn": self._last_turn(), **_key()}, timeout=timeout)

    def regenerate(self, *, timeout: float | None = None) -> Answer:
        """Ask for another answer in the place of the last one."""
        form = {"turn": self._last_turn(), **_key()}
        return self._visitor.act("regenerate", form, timeout=timeout)

    def edit(
        self, text: str, message: ShownMessage | None = None, *, timeout: float | None = None
    ) -> Answer:
        """Change a message of the user, the last one unless you name another.

        Returns
        -------
        Answer
            The answer to the message as it is now.
        """
        own = [shown for shown in self.messages if shown.kind == USER]
        if message is None and not own:
            raise ChatTestError("There is no message to edit yet: call say() first.")
        form = {"message": (message or own[-1]).id, "content": text, **_key()}
        return self._visitor.act("edit", form, timeout=timeout)

    @overload
    def settings(self, /) -> dict[str, Any]: ...
    @overload
    def settings(
        self,
        values: Mapping[str, Any] | None = None,
        /,
        *,
        timeout: float | None = None,
        raises: bool = True,
        **more: Any,
    ) -> Answer: ...
    def settings(
        self,
        values: Mapping[str, Any] | None = None,
        /,
        *,
        timeout: float | None = None,
        raises: bool = True,
        **more: Any,
    ) -> Answer | dict[str, Any]:
        """Save settings of the chat, and return what the app says then.

        Without values, return what is set, by the ids of the widgets.

        Parameters
        ----------
        values, more:
            What is set, by the ids of the widgets. The others stay as they are.

        Raises
        ------
        RefusedError
            The chat has no such settings, or a widget does not take the value.
        """
        if self._visitor.chat_id is None:
            self.start(timeout=timeout)
        values = {**(values or {}), **more}
        inputs = self._inputs()
        if not values:
            return setting_values(inputs)
        form = {**settings_fields(inputs, values), **_key()}
        return self._visitor.act("settings", form, timeout=timeout, raises=raises)

    def edit_settings(self, **values: Any) -> Answer:
        """Change values in the form of the settings without saving: ``@on_settings_edit`` runs."""
        form = {**settings_fields(self._inputs(), values), "do": EDIT, **_key()}
        return self._visitor.act("settings", form)

    @property
    def commands(self) -> list[str]:
        """The ids of the commands that the composer offers."""
        return [command["id"] for command in self._inputs().get("commands") or ()]

    @property
    def modes(self) -> dict[str, list[str]]:
        """The ids of the options that the composer offers, by the ids of their modes."""
        offered = self._inputs().get("modes") or ()
        return {mode["id"]: [option["id"] for option in mode["options"]] for mode in offered}

    @property
    def question(self) -> ShownQuestion | None:
        """The question of the app that is open, if one is."""
        asked = [message.question for message in self.messages if message.question is not None]
        return next((question for question in reversed(asked) if question.is_open), None)

    def click(
        self,
        action: str | ShownAction,
        *,
        fields: Mapping[str, str] | None = None,
        timeout: float | None = None,
        raises: bool = True,
    ) -> Answer:
        """Press a button of a message, and return what the app says then.

        Parameters
        ----------
        action:
            One of `Answer.actions`, or the name or label of a button of the chat. The last one
            counts if several are called so.
        fields:
            What is typed into the fields of a custom element, by their names.
        """
        question = self.question
        asked = question.actions if question is not None else ()
        button = _find_action(action, [a for m in self.messages for a in m.actions] + [*asked])
        if button in asked:
            return self.answer(button, timeout=timeout, raises=raises)
        typed = {f"{FIELD_PREFIX}{name}": value for name, value in (fields or {}).items()}
        form = {**typed, **_key()}
        return self._visitor.act(f"actions/{button.id}", form, timeout=timeout, raises=raises)

    def answer(
        self,
        answer: str | Path | ShownAction | Sequence[AttachedFile] | Mapping[str, Any],
        *,
        until: str | None = None,
        timeout: float | None = None,
        raises: bool = True,
    ) -> Answer:
        """Answer the open question, and return what the app says then.

        Parameters
        ----------
        answer:
            What the question asks for: a text, one of its buttons or the name or label of one, a
            path or several files, or the fields of a form.
        """
        question = self.question
        if question is None:
            raise ChatTestError(NO_QUESTION)
        form: dict[str, Any] = _key()
        files: Iterable[AttachedFile] = ()
        if isinstance(answer, ShownAction) or (question.kind == "action" and answer is str(answer)):
            form["action"] = _find_action(answer, question.actions).id
        elif isinstance(answer, Mapping):
            form.update(answer)
        elif isinstance(answer, Path) or (question.kind == "file" and isinstance(answer, str)):
            files = [answer]
        elif isinstance(answer, str):
            form["content"] = answer
        else:
            files = answer
        return self._visitor.act(
            f"questions/{question.id}",
            form,
            files=files,
            until=until,
            timeout=timeout,
            raises=raises,
        )

    def time_out(self, *, timeout: float | None = None) -> Answer:
        """Let the time for the open question be over, and return what the app says then."""
        if not expire_questions(self.app, self._visitor.require_chat()):
            raise ChatTestError(NO_QUESTION)
        return self._visitor.answer(timeout=timeout)

    def end(self) -> Self:
        """End the chat, as if nothing had been said in it for long: ``@on_chat_end`` runs."""
        end_chat(self.app, self._visitor.require_chat())
        self._finish()
        return self

    def resume(self, chat: str | PastChat | None = None, *, timeout: float | None = None) -> Answer:
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
        return self._visitor.act("resume", {}, timeout=timeout)

    def open(self, chat: str | PastChat) -> Self:
        """Open an earlier chat of this user, by itself or its id, and go on there."""
        chat_id = uuid.UUID(chat.id if isinstance(chat, PastChat) else chat)
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
    def messages(self) -> list[ShownMessage]:
        """All messages of the chat: those of the user, those of the app, and failures."""
        if self._visitor.chat_id is None:
            return []
        return self._visitor.reader().messages(self._visitor.messages())

    def rate(
        self,
        answer: Answer | ShownMessage,
        value: Literal["up", "down", "none"],
        comment: str | None = None,
    ) -> Self:
        """Rate an answer, and wait for ``@on_feedback``."""
        message = answer.messages[-1] if isinstance(answer, Answer) else answer
        form = {"value": value} if comment is None else {"value": value, "comment": comment}
        self._visitor.post(f"messages/{message.id}/feedback", form)
        self._finish()
        return self

    def transcript(self) -> str:
        """Return the chat as text that is the same at each run: without ids and times."""
        return write_transcript(self._visitor.messages(), self._visitor.reader())

    def assert_transcript(self, file: str | Path) -> None:
        """Compare the transcript with a file that was written before.

        ``pytest --update-transcripts`` writes the file as the chat is now.

        Raises
        ------
        AssertionError
            The file is missing, or differs. The message shows the lines that do.
        """
        assert_same_text(Path(file), self.transcript())

    def _inputs(self) -> Mapping[str, Any]:
        chat_id = self._visitor.require_chat()
        with self._visitor.reading(f"/chats/{chat_id}"):
            return my_chat(chat_id).inputs or {}

    def _last_turn(self) -> str:
        turns = [message.turn_id for message in self._visitor.messages() if message.turn_id]
        if not turns:
            raise ChatTestError("There is no answer yet: call say() first.")
        return str(turns[-1])

    def _finish(self) -> None:
        """Wait for what goes on in the background, and raise what has failed there."""
        wait_for_background()
        self._visitor.raise_failure()


def _always(callback: Callback, user: User) -> Callback:
    return replace(callback, function=lambda: user, takes=0, pace=Pace())


def _key() -> dict[str, Any]:
    return {"key": str(uuid.uuid4())}


def _find_action(wanted: object, actions: Sequence[ShownAction]) -> ShownAction:
    if isinstance(wanted, ShownAction):
        return wanted
    for action in reversed(actions):
        if wanted in (action.name, action.label):
            return action
    names = ", ".join(action.name for action in actions) or "none"
    raise ChatTestError(f"There is no button {wanted!r}. The buttons are: {names}.")
