"""Somebody at the site that is tested: sends the forms of its pages, and waits for answers."""

from __future__ import annotations

import mimetypes
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, TypedDict, Unpack

from flask import Flask
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse

from webapp.authoring.chat_message import COMPLETE, STEP, TASKS, USER, ChatMessage
from webapp.site import CHAT_APP
from webapp.testing.answers import Answer, MessageReader
from webapp.testing.background import wait_for_background
from webapp.testing.browser import Browser
from webapp.testing.failures import (
    CLOSED,
    ChatTestError,
    ChatTimeoutError,
    FailureLog,
    RefusedError,
)
from webapp.testing.fake_model import FakeModel
from webapp.testing.given import AttachedFile, check_files, check_options
from webapp.testing.pages import find_authors, find_notice
from webapp.testing.stored_chat import (
    find_end,
    find_turn,
    last_sequence,
    list_messages,
    wait_for,
    wait_for_tasks,
)
from webapp.web.errors import EXPLANATIONS

# pytest shows no line of this module in a traceback.
__tracebackhide__ = True

# How long a turn that a test gives up may take to end.
STOP_SECONDS = 10.0
TAKES_NO_FILES = (
    "The app takes no files here: it needs set_uploads(), a profile with uploads=, or a question "
    "for files."
)


class WaitOptions(TypedDict, total=False):
    """How a test waits for an answer.

    Attributes
    ----------
    until:
        Return as soon as a message or a step has this text, to stop the answer or to look at it
        half-way.
    timeout:
        How many seconds it may take, instead of those of the tester.
    raises:
        Whether to raise what the callback raises. If not, it is the ``failure`` of the answer.
    """

    until: str | None
    timeout: float | None
    raises: bool


class SiteVisitor:
    """Somebody with a browser, who may have one chat open.

    Parameters
    ----------
    failures:
        What fails in the app.
    model:
        The model that answers, whose script must be long enough.
    timeout:
        How many seconds an answer may take, unless a call says it.

    Attributes
    ----------
    chat_id:
        The chat that is open.
    page:
        The HTML of the page that was opened last.
    """

    def __init__(
        self, app: Flask, failures: FailureLog, model: FakeModel | None, timeout: float
    ) -> None:
        self.failures = failures
        self.model = model
        self.timeout = timeout
        self._browser = Browser(app)
        self.chat_id: uuid.UUID | None = None
        self.page = ""
        # The number of the last message before what the user did last.
        self._before = 0

    @property
    def browser(self) -> Browser:
        """The browser.

        Raises
        ------
        ChatTestError
            The tester is closed.
        """
        if self._browser.app.extensions.get(CLOSED):
            raise ChatTestError(
                "This tester is closed, and what was said went with it. Look at it within the "
                "`with` block, or before close()."
            )
        return self._browser

    def with_new_browser(self) -> SiteVisitor:
        """Return somebody else at the same site."""
        other = SiteVisitor(self.browser.app, self.failures, self.model, self.timeout)
        other.browser.language = self.browser.language
        return other

    def start(self, form: dict[str, Any], **options: Unpack[WaitOptions]) -> Answer:
        """Start a chat, and return what the app says."""
        check_options(options, WaitOptions.__annotations__)
        response = self.browser.post("/chats", form)
        self.check(response)
        self.note_chat(uuid.UUID(response.location.partition("?")[0].rpartition("/")[2]))
        self._before = 0
        wait_for_background()  # such as the end of the chat before
        return self.answer(**options)

    def act(
        self,
        what: str,
        form: dict[str, Any],
        *,
        files: AttachedFile | Iterable[AttachedFile] = (),
        **options: Unpack[WaitOptions],
    ) -> Answer:
        """Send a form of the open chat, and return what the app says then."""
        check_options(options, WaitOptions.__annotations__)
        before = last_sequence(self.messages())
        attached = [_as_file(file) for file in check_files(files)]
        self.post(what, {**form, "files": attached} if attached else form)
        self._before = before
        return self.answer(**options)

    def post(self, what: str, form: dict[str, Any]) -> None:
        """Send a form of the open chat, as htmx does."""
        path = f"/chats/{self.require_chat()}/{what}"
        response = self.browser.post(path, form, htmx=True)
        if response.status_code >= 400:
            self.check(response)

    def answer(self, **options: Unpack[WaitOptions]) -> Answer:
        """Wait for the answer to what the user did last, and return it."""
        check_options(options, WaitOptions.__annotations__)
        until, timeout = options.get("until"), options.get("timeout")
        seconds = self.timeout if timeout is None else timeout
        turn = find_turn(self.browser.app, self.require_chat())
        come = "stored"
        if turn is not None:
            come = wait_for(turn, seconds, until)
            if not come:
                said = self._reader().answer(self._new_messages(), "running").text
                turn.stop()
                turn.wait_until_stored(STOP_SECONDS)
                self.failures.take()
                raise ChatTimeoutError(
                    f"The answer was not complete after {seconds:g} seconds, so it was stopped. "
                    f"So far it said {said!r}. Give it more time with timeout=."
                )
        if until is not None and come == "stored":
            self.wait_for_tasks(seconds, until)
        self.open_page(f"/chats/{self.chat_id}")
        failure = self.failures.take()
        if self.model is not None:
            self.model.raise_failure()
        if failure is not None and options.get("raises", True):
            raise failure
        new = self._new_messages()
        status = self._find_status(new) if come == "stored" else "running"
        answer = self._reader().answer(new, status, failure)
        has_come = until is None or any(until in message.content for message in new)
        if come == "stored" and not has_come:
            raise ChatTestError(f"The answer has ended without {until!r}. It is {answer.text!r}.")
        return answer

    def _find_status(self, messages: list[ChatMessage]) -> str:
        """Return how an answer has ended whose messages these are."""
        # A step that failed, and was caught, is no failure of the answer.
        ends = [m.status for m in messages if m.kind not in (STEP, TASKS) and m.status != COMPLETE]
        turns = [m.turn_id for m in messages if m.turn_id is not None]
        if turns and not ends:  # it may have been stopped between two messages
            return find_end(self.browser.app, turns[-1]) or COMPLETE
        return [COMPLETE, *ends][-1]

    def wait_for_tasks(self, timeout: float | None = None, until: str | None = None) -> None:
        """Wait for what tasks say that the last callback has left behind: all of it, or a text."""
        seconds = self.timeout if timeout is None else timeout

        def has_come() -> bool:
            return until is not None and any(until in m.content for m in self._new_messages())

        wait_for_tasks(self.browser.app, self.require_chat(), seconds, has_come)

    def messages(self) -> list[ChatMessage]:
        """Return all messages of the open chat."""
        return list_messages(self.browser.app, self.require_chat())

    def reader(self) -> MessageReader:
        """Return what makes of messages what tests look at, as the page shows them now."""
        self.open_page(f"/chats/{self.require_chat()}")
        return self._reader()

    def _reader(self) -> MessageReader:
        return MessageReader(self._fetch, find_authors(self.page))

    def _new_messages(self) -> list[ChatMessage]:
        new = [message for message in self.messages() if message.sequence > self._before]
        return [message for message in new if message.kind != USER]

    def require_chat(self) -> uuid.UUID:
        """Return the id of the open chat.

        Raises
        ------
        ChatTestError
            There is none.
        """
        if self.chat_id is None:
            raise ChatTestError("There is no chat yet: call start(), choose() or say() first.")
        return self.chat_id

    def note_chat(self, chat_id: uuid.UUID) -> None:
        """Have a chat open from now on."""
        self.chat_id = chat_id

    def open_page(self, address: str) -> None:
        """Open a page."""
        response = self.browser.get(address)
        self.check(response)
        self.page = response.text

    @contextmanager
    def reading(self, address: str) -> Iterator[None]:
        """Open a page, and stay within its request, as the user who has asked for it."""
        with self.browser.client:
            self.open_page(address)
            yield

    def check(self, response: TestResponse) -> None:
        """Raise what went wrong: what a callback has raised, or the refusal of the site."""
        own = response.request.path in ("/login", "/login/headers", "/logout")
        to_login = response.status_code == 303 and str(response.location).startswith("/login")
        if not own and (to_login or response.status_code == 401):
            name = self.browser.app.extensions[CHAT_APP].file_name
            raise ChatTestError(
                f'{name} asks its users to sign in: call chat.sign_in("ada") first.'
            )
        if str(response.location).startswith("/keys") and response.request.path != "/keys":
            name = self.browser.app.extensions[CHAT_APP].file_name
            raise ChatTestError(
                f"{name} asks its users for keys: call chat.enter_keys(NAME=...) first."
            )
        if response.status_code >= 400:
            self.raise_failure()
            told = find_notice(response.text)
            takes_no_files = response.status_code == 415 and EXPLANATIONS[415].message in told
            hint = TAKES_NO_FILES if takes_no_files else ""
            raise RefusedError(response.status_code, told, hint)

    def raise_failure(self) -> None:
        """Raise what a callback has raised, if one has."""
        failure = self.failures.take()
        if failure is not None:
            raise failure

    def _fetch(self, address: str) -> bytes:
        response = self.browser.get(address)
        self.check(response)
        content: bytes = response.data
        return content


def _as_file(file: AttachedFile) -> FileStorage:
    path = Path(file[0] if isinstance(file, tuple) else file)
    content = file[1] if isinstance(file, tuple) else path.read_bytes()
    return FileStorage(BytesIO(content), path.name, content_type=mimetypes.guess_type(path.name)[0])
