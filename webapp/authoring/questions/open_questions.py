"""The questions of one turn. While one is open, the time of the turn stands still."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.authoring.chat_message import ANSWER_KEY, QUESTION_KEY, USER, ElementData
from webapp.authoring.draft import MessageTarget
from webapp.authoring.errors import MisuseError
from webapp.authoring.questions.question import ANSWERED, OpenQuestion, Outcome, QuestionStatus
from webapp.authoring.transcript import Transcript

QUESTIONS_AT_ONCE = 100


@dataclass(frozen=True, kw_only=True)
class QuestionUpdate:
    """A question whose row is to be stored, as it was at that moment."""

    question: OpenQuestion
    status: QuestionStatus
    is_new: bool


def answer_message_id(question_id: uuid.UUID) -> uuid.UUID:
    """Return the id of the message that shows what was answered to a question."""
    return uuid.uuid5(question_id, "answer")


class OpenQuestions:
    """The questions that the callbacks of a turn ask.

    Threads ask, answer and give up at the same time, so all changes are made under the lock of the
    turn.

    Parameters
    ----------
    transcript:
        What the turn says.
    on_ask:
        Called when a question was asked, outside the lock. It must be stored soon.
    """

    def __init__(self, transcript: Transcript, on_ask: Callable[[], None]) -> None:
        self._changed = transcript.changed
        self._transcript = transcript
        self._on_ask = on_ask
        self._open: dict[uuid.UUID, OpenQuestion] = {}
        # Questions whose rows are to be stored: new ones, and those that nobody has answered.
        self._unstored: dict[uuid.UUID, OpenQuestion] = {}
        self._known: set[uuid.UUID] = set()
        # Since when a question is open, and how long one was before that.
        self._waits_since: float | None = None
        self._waited = 0.0
        # How often questions were stored. Pages show one only when it is.
        self.version = 0
        # The turn has ended, so whoever waits is to end as well.
        self.is_closed = False

    def ask(
        self,
        used: str,
        question: OpenQuestion,
        content: str,
        author: str | None,
        elements: tuple[ElementData, ...] = (),
    ) -> None:
        """Show a question, and wait for nothing.

        Raises
        ------
        MisuseError
            The call has ended, or too many questions are open.
        """
        with self._changed:
            if len(self._open) >= QUESTIONS_AT_ONCE:
                raise MisuseError(
                    f"{used}: {QUESTIONS_AT_ONCE} questions are open in this chat. Wait for the "
                    "answers before you ask more."
                )
            self._transcript.send(
                used,
                MessageTarget(question.message_id, sent=False),
                content,
                author,
                elements=elements,
                details={QUESTION_KEY: question.details()},
            )
            self._open[question.id] = self._unstored[question.id] = question
            if self._waits_since is None:
                self._waits_since = time.monotonic()
        self._on_ask()

    def settle(
        self,
        question_id: uuid.UUID,
        status: QuestionStatus,
        answer: Mapping[str, Any] | None = None,
    ) -> bool:
        """End an open question, and return whether it was open."""
        with self._changed:
            question = self._open.pop(question_id, None)
            if question is None:
                return False
            question.status = status
            self._transcript.set_details(question.message_id, {QUESTION_KEY: question.details()})
            if question.kind == "user" and answer is not None:
                self._transcript.send(
                    "",
                    MessageTarget(answer_message_id(question_id), sent=False, kind=USER),
                    answer["content"],
                    None,
                    details={ANSWER_KEY: str(question_id)},
                )
            for file in (answer or {}).get("files", ()):
                shown = ElementData.from_json(file)
                self._transcript.attach("", question.message_id, shown)
            if status != ANSWERED:
                self._unstored[question_id] = question
            if not self._open and self._waits_since is not None:
                self._waited += time.monotonic() - self._waits_since
                self._waits_since = None
        question.end(Outcome(status=status, answer=answer or {}))
        return True

    def close(self, status: QuestionStatus) -> None:
        """End all open questions, as the turn ends."""
        self.is_closed = True
        for question_id in list(self._open):
            self.settle(question_id, status)

    @property
    def open(self) -> list[OpenQuestion]:
        """Return the questions that wait for answers."""
        with self._changed:
            return list(self._open.values())

    @property
    def waits(self) -> bool:
        """Return whether a question is open."""
        return self._waits_since is not None

    def waited(self, now: float) -> float:
        """Return for how many seconds a question has been open in all."""
        with self._changed:
            return self._waited + (now - self._waits_since if self._waits_since else 0.0)

    @property
    def has_asked(self) -> bool:
        """Return whether there was a question."""
        return bool(self._known or self._unstored)

    @property
    def has_unstored(self) -> bool:
        """Return whether rows are to be stored."""
        return bool(self._unstored)

    def unstored(self) -> list[QuestionUpdate]:
        """Return the questions whose rows are to be stored."""
        if not self._unstored:
            return []
        with self._changed:
            return [
                QuestionUpdate(
                    question=question, status=question.status, is_new=question.id not in self._known
                )
                for question in self._unstored.values()
            ]

    def note_stored(self, updates: Sequence[QuestionUpdate]) -> None:
        """Note that rows were stored."""
        if not updates:
            return
        with self._changed:
            for update in updates:
                self._known.add(update.question.id)
                if update.question.status == update.status:
                    self._unstored.pop(update.question.id, None)
            self.version += 1
            self._changed.notify_all()

    def is_hidden(self, message_id: uuid.UUID) -> bool:
        """Return whether a message asks a question that nobody could answer yet."""
        if not self._unstored:
            return False
        with self._changed:
            return any(
                question.message_id == message_id and question.id not in self._known
                for question in self._unstored.values()
            )
