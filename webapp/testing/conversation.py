"""What a test does in one chat: saying something, answering, pressing buttons, looking."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack, overload

from webapp.authoring.chat_message import USER
from webapp.authoring.elements.custom_forms import FIELD_PREFIX
from webapp.authoring.inputs.chat_settings import SettingValues
from webapp.authoring.inputs.commands import COMMANDS
from webapp.authoring.inputs.modes import MODES
from webapp.authoring.inputs.toasts import TOASTS
from webapp.authoring.profiles.starters import Starter
from webapp.authoring.questions.question import is_within_turn
from webapp.authoring.windows.window_messages import WINDOW
from webapp.pages.settings.form import EDIT
from webapp.testing.answers import Answer, ShownAction, ShownMessage, ShownQuestion
from webapp.testing.composer_fields import choice_fields, setting_values, settings_fields
from webapp.testing.failures import ChatTestError
from webapp.testing.given import (
    AttachedFile,
    check_answer,
    check_choice,
    check_files,
    check_message,
    check_text,
)
from webapp.testing.site_visitor import SiteVisitor, WaitOptions
from webapp.testing.stored_chat import expire_questions, find_inputs
from webapp.testing.transcript import assert_same_text, write_transcript

# pytest shows no line of this module in a traceback.
__tracebackhide__ = True


GivenAnswer = AttachedFile | ShownAction | Sequence[AttachedFile] | Mapping[str, Any]
NO_QUESTION = "No question is open: the app has asked nothing, or it is over."


class Conversation:
    """A chat of somebody at the site, and what they can do in it."""

    _visitor: SiteVisitor

    @property
    def page(self) -> str:
        """The HTML of the page that was opened last."""
        return self._visitor.page

    @property
    def messages(self) -> list[ShownMessage]:
        """All messages of the chat: those of the user, those of the app, and failures."""
        if self._visitor.chat_id is None:
            return []
        return self._visitor.reader().messages(self._visitor.messages())

    def say(
        self,
        text: str | Starter,
        *,
        files: AttachedFile | Iterable[AttachedFile] = (),
        command: str | None = None,
        modes: Mapping[str, str] | None = None,
        **options: Unpack[WaitOptions],
    ) -> Answer:
        """Say something, wait for the answer, and return it.

        Parameters
        ----------
        text:
            The message, or a starter to pick.
        files:
            Files to attach: paths, or pairs of a name and the bytes. One need not be in a list.
        command:
            The id of the command that is chosen in the composer, or "" for none. Unless you say it,
            it is that of the starter, or the one that the app has marked.
        modes:
            The ids of the options that are chosen, by the ids of their modes.
        options:
            How to wait for the answer. `WaitOptions` has them all: ``until``, ``timeout`` and
            ``raises``. The other methods that return an answer take them, too.

        Raises
        ------
        RefusedError
            The site does not take the message, for example as the profile was withdrawn.
        ChatTimeoutError
            The answer is not complete in time. It is stopped.
        """
        content = text
        if isinstance(text, Starter):
            content, command = text.message, command or text.command
        check_text("say()", content)
        if self._visitor.chat_id is None:
            self._visitor.start({}, timeout=options.get("timeout"))
        return self._visitor.act(
            "messages",
            {"content": content, **choice_fields(self._inputs(), command, modes), **_key()},
            files=files,
            **options,
        )

    def upload(
        self, *files: AttachedFile, text: str = "", **options: Unpack[WaitOptions]
    ) -> Answer:
        """Send files, and return the answer. An open question for files gets them."""
        question = self.question
        if question is not None and question.kind == "file":
            return self.answer(list(files), **options)
        return self.say(text, files=files, **options)

    def wait(self, **options: Unpack[WaitOptions]) -> Answer:
        """Wait for the rest of an answer, and return all of it.

        What tasks say that the callback has left behind belongs to it.
        """
        answer = self._visitor.answer(**options)
        if answer.status == "running" or options.get("until"):
            return answer
        self._visitor.wait_for_tasks(options.get("timeout"))
        return self._visitor.answer(**options)

    def stop(self, **options: Unpack[WaitOptions]) -> Answer:
        """Press Stop, and return the answer as it was stopped."""
        self._visitor.post("stop", {})
        return self._visitor.answer(**options)

    def retry(self, **options: Unpack[WaitOptions]) -> Answer:
        """Ask once more for an answer that failed or was stopped."""
        return self._visitor.act("retry", {"turn": self._last_turn(), **_key()}, **options)

    def regenerate(self, **options: Unpack[WaitOptions]) -> Answer:
        """Ask for another answer in the place of the last one."""
        form = {"turn": self._last_turn(), **_key()}
        return self._visitor.act("regenerate", form, **options)

    def edit(
        self, text: str, message: ShownMessage | None = None, **options: Unpack[WaitOptions]
    ) -> Answer:
        """Change a message of the user, the last one unless you name another.

        Returns
        -------
        Answer
            The answer to the message as it is now.
        """
        check_text("edit()", text)
        written = [shown for shown in self.messages if shown.kind == USER]
        own = [shown for shown in written if not is_within_turn(shown.details)]
        if message is None and not own:
            raise ChatTestError("There is no message to edit yet: call say() first.")
        changed = check_message("edit()", message or own[-1])
        form = {"message": changed, "content": text, **_key()}
        return self._visitor.act("edit", form, **options)

    @overload
    def settings(self, /) -> SettingValues: ...
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
    ) -> Answer | SettingValues:
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
            self._visitor.start({}, timeout=timeout)
        values = {**(values or {}), **more}
        inputs = self._inputs()
        if not values:
            return SettingValues(setting_values(inputs))
        form = {**settings_fields(inputs, values), **_key()}
        return self._visitor.act("settings", form, timeout=timeout, raises=raises)

    def edit_settings(self, **values: Any) -> Answer:
        """Change values in the form of the settings without saving: ``@on_settings_edit`` runs."""
        inputs = self._inputs()
        for name in values:  # a browser sends no others, and the site passes over them
            check_choice("A setting", name, setting_values(inputs))
        form = {**settings_fields(inputs, values), "do": EDIT, **_key()}
        return self._visitor.act("settings", form)

    @property
    def commands(self) -> list[str]:
        """The ids of the commands that the composer offers."""
        return [command["id"] for command in self._inputs().get(COMMANDS) or ()]

    @property
    def modes(self) -> dict[str, list[str]]:
        """The ids of the options that the composer offers, by the ids of their modes."""
        offered = self._inputs().get(MODES) or ()
        return {mode["id"]: [option["id"] for option in mode["options"]] for mode in offered}

    def click(
        self,
        action: str | ShownAction,
        *,
        fields: Mapping[str, str | Sequence[str]] | None = None,
        **options: Unpack[WaitOptions],
    ) -> Answer:
        """Press a button of a message, and return what the app says then.

        Parameters
        ----------
        action:
            One of `Answer.actions`, or the name or label of a button of the chat. The last one
            counts if several are called so.
        fields:
            What is typed and chosen in the form of a custom element, by the names of its fields.
        """
        question, shown = self.question, self.messages
        asked = question.actions if question is not None else ()
        buttons = [button for message in shown for button in message.actions]
        buttons += [b for message in shown for it in message.elements for b in it.actions]
        button = _find_action(action, [*buttons, *asked])
        if button in asked:
            return self.answer(button, **options)
        typed = {f"{FIELD_PREFIX}{name}": value for name, value in (fields or {}).items()}
        form = {**typed, **_key()}
        return self._visitor.act(f"actions/{button.id}", form, **options)

    @property
    def question(self) -> ShownQuestion | None:
        """The question of the app that is open, if one is."""
        asked = [message.question for message in self.messages if message.question is not None]
        return next((question for question in reversed(asked) if question.is_open), None)

    def answer(
        self,
        answer: GivenAnswer | ShownQuestion,
        to_question: GivenAnswer | None = None,
        /,
        **options: Unpack[WaitOptions],
    ) -> Answer:
        """Answer the open question, and return what the app says then.

        Parameters
        ----------
        answer:
            What the question asks for: a text, one of its buttons or the name or label of one, a
            path or several files, or a dict of what is filled into the fields of a form. The dict
            ``{"submitted": False}`` cancels the form. Name the question before the answer if
            several are open: ``chat.answer(question, "Ada")``.

        Raises
        ------
        ChatTestError
            No question is open, or it has no such button.
        RefusedError
            The question does not take this answer, or is over.
        """
        question = answer if isinstance(answer, ShownQuestion) else self.question
        if isinstance(answer, ShownQuestion):
            answer = "" if to_question is None else to_question
        if question is None:
            raise ChatTestError(NO_QUESTION)
        form, files = _fill_in(question, answer)
        return self._visitor.act(
            f"questions/{question.id}",
            {**form, **_key()},
            files=files,
            **options,
        )

    def time_out(self, **options: Unpack[WaitOptions]) -> Answer:
        """Let the time for the open question be over, and return what the app says then."""
        if not expire_questions(self._visitor.browser.app, self._visitor.require_chat()):
            raise ChatTestError(NO_QUESTION)
        return self._visitor.answer(**options)

    def post_window_message(self, data: Any, **options: Unpack[WaitOptions]) -> Answer:
        """Send what the page around the chat would, and return what the app says then.

        Parameters
        ----------
        data:
            What JSON can hold, for ``@on_window_message``.
        """
        if self._visitor.chat_id is None:
            self._visitor.start({}, timeout=options.get("timeout"))
        form = {"content": json.dumps(data), **_key()}
        return self._visitor.act("window-messages", form, **options)

    @property
    def window_messages(self) -> list[Any]:
        """What the app has sent to the page around the chat: the newest 20 messages."""
        return [message["data"] for message in self._inputs().get(WINDOW) or ()]

    @property
    def toasts(self) -> list[str]:
        """The texts of the newest 3 toasts of the app."""
        return [toast["text"] for toast in self._inputs().get(TOASTS) or ()]

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
        return find_inputs(self._visitor.browser.app, self._visitor.require_chat())

    def _last_turn(self) -> str:
        turns = [message.turn_id for message in self._visitor.messages() if message.turn_id]
        if not turns:
            raise ChatTestError("There is no answer yet: call say() first.")
        return str(turns[-1])


def _key() -> dict[str, Any]:
    return {"key": str(uuid.uuid4())}


def _fill_in(
    question: ShownQuestion, answer: GivenAnswer
) -> tuple[Mapping[str, Any], Sequence[AttachedFile]]:
    """Return the fields of the form of a question, and its files."""
    check_answer(answer)
    if isinstance(answer, Mapping):
        fields = {f"{FIELD_PREFIX}{name}": v for name, v in answer.items() if name != "submitted"}
        return {**fields, "submitted": "yes" if answer.get("submitted", True) else "no"}, ()
    if isinstance(answer, ShownAction) or question.kind == "action":
        return {"action": _find_action(answer, question.actions).id}, ()
    if isinstance(answer, str) and question.kind != "file":
        return {"content": answer}, ()
    return {}, check_files(answer)


def _find_action(wanted: object, actions: Sequence[ShownAction]) -> ShownAction:
    if isinstance(wanted, ShownAction):
        return wanted
    for action in reversed(actions):
        if wanted in (action.name, action.label):
            return action
    names = ", ".join(action.name for action in actions) or "none"
    raise ChatTestError(f"There is no button {wanted!r}. The buttons are: {names}.")
