"""A question that an app has asked its user: what may be answered, and who waits for it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from webapp.authoring.chat_message import ANSWER_KEY, BY_APP_KEY, QUESTION_KEY, ChatMessage

QuestionKind = Literal["user", "action", "file", "element"]
QuestionStatus = Literal["open", "answered", "timed-out", "stopped", "interrupted"]
OPEN: Final = "open"
ANSWERED: Final = "answered"
TIMED_OUT: Final = "timed-out"
STOPPED: Final = "stopped"
INTERRUPTED: Final = "interrupted"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a question ended, and what was answered."""

    status: QuestionStatus
    answer: Mapping[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class OpenQuestion:
    """A question of a running callback.

    Parameters
    ----------
    message_id:
        The message that asks it.
    timeout:
        How many seconds there are to answer it.
    offers:
        What may be answered, as JSON, such as the buttons or the types of files.
    ended:
        Has the outcome once there is one.
    """

    kind: QuestionKind
    message_id: uuid.UUID
    timeout: float
    offers: Mapping[str, Any] = field(default_factory=dict)
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    status: QuestionStatus = OPEN
    asked_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    gives_up_at: float = field(init=False)
    ended: Future[Outcome] = field(default_factory=Future)

    def __post_init__(self) -> None:
        # The clock of the host may be set back meanwhile.
        self.gives_up_at = time.monotonic() + self.timeout

    def end(self, outcome: Outcome) -> None:
        """Tell whoever waits. Nobody does if the wait was cancelled."""
        with suppress(InvalidStateError):
            self.ended.set_result(outcome)

    def details(self) -> dict[str, Any]:
        """Return the question as the details of its message have it."""
        deadline = self.asked_at + timedelta(seconds=self.timeout)
        return {
            "id": str(self.id),
            "kind": self.kind,
            "status": self.status,
            "timeout": self.timeout,
            "deadline": deadline.isoformat(),
            **self.offers,
        }


def question_of(message: ChatMessage) -> Mapping[str, Any] | None:
    """Return the question that a message asks, as its details have it."""
    return (message.details or {}).get(QUESTION_KEY)


def is_open(message: ChatMessage) -> bool:
    """Return whether a message asks a question that waits for its answer."""
    question = question_of(message)
    return question is not None and question["status"] == OPEN


def is_within_turn(details: Mapping[str, Any] | None) -> bool:
    """Return whether a user's message belongs to a turn, and has begun none.

    It answers a question of the app, or the app has sent it.
    """
    return details is not None and (ANSWER_KEY in details or BY_APP_KEY in details)


def interrupted_question(message: ChatMessage) -> ChatMessage:
    """Return a message whose question waits for nobody any more."""
    question = question_of(message)
    details = {**(message.details or {}), QUESTION_KEY: {**(question or {}), "status": INTERRUPTED}}
    return replace(message, details=details)


def open_questions(messages: Iterable[ChatMessage]) -> str:
    """Return the ids of the open questions among messages, as a page sends them back."""
    questions = map(question_of, messages)
    return ",".join(it["id"] for it in questions if it is not None and it["status"] == OPEN)


def waits_for_text(messages: Iterable[ChatMessage]) -> bool:
    """Return whether one of the open questions is answered by the next text of the user."""
    return any(is_open(it) and (question_of(it) or {})["kind"] == "user" for it in messages)


def seconds_left(question: Mapping[str, Any]) -> int:
    """Return how many seconds there are to answer a question."""
    left = datetime.fromisoformat(question["deadline"]) - datetime.now(UTC)
    return max(0, round(left.total_seconds()))


def time_left(question: Mapping[str, Any]) -> str:
    """Return that time as a clock shows it, such as ``1:05``."""
    minutes, seconds = divmod(seconds_left(question), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
