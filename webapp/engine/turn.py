"""One turn of a chat: a run of the author's callback, and what it has said at any moment.

A turn belongs to the process that began it and goes on whether anybody watches or not. It ends
once: when the callback ends, when its time is up, when the user stops it, or when it is lost.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

from webapp.authoring.chat_message import (
    ASSISTANT,
    COMPLETE,
    ERROR,
    FAILED,
    INTERRUPTED,
    STOPPED,
    STREAMING,
    ChatMessage,
    MessageStatus,
)
from webapp.authoring.context import ChatContext, Running
from webapp.authoring.errors import CallbackError, CallbackTimeoutError
from webapp.authoring.loading.app_file import Callback, ChatApp
from webapp.authoring.transcript import Transcript, latest_said
from webapp.authoring.types import ChatProfile
from webapp.engine.call import Begun, begin
from webapp.engine.loop import process_loop
from webapp.engine.outcome import ends_stopped, explained, problem_with, values_to_store
from webapp.engine.work import (
    RUNNING,
    IdleError,
    Work,
)

# So long a stopped callback may clean up, and then `@on_stop` may run.
CLEAN_UP_SECONDS = 1.0
ON_STOP_SECONDS = 10.0


class Turn:
    """A turn that runs in this process.

    Parameters
    ----------
    app:
        Whose callbacks run.
    chat:
        The chat it runs in.
    work:
        What runs.
    placeholder:
        The id of the message that stands in the chat for the answer already, if one does.
    """

    def __init__(
        self, app: ChatApp, chat: ChatContext, work: Work, placeholder: uuid.UUID | None = None
    ) -> None:
        self.id = uuid.uuid4()
        self.changed = threading.Condition()
        self.chat = replace(chat, transcript=Transcript(placeholder, self.changed))
        self.placeholder = placeholder
        self.status = RUNNING
        self.failure: CallbackError | None = None
        self.values: dict[str, Any] | None = None
        # Where one work followed another: the values that the second began with.
        self.values_between: dict[str, Any] | None = None
        self.over = False
        self.stored = False
        self.lost = False
        # Under which profile it is shown to those who follow it.
        self.profile: ChatProfile | None = None
        # Whose it is.
        self.owner = ""
        # Set by whoever stores it: the message it answers, and the number of its first one.
        self.question_id: uuid.UUID | None = None
        self.numbered_from = 1
        self.on_over: Callable[[], None] = _nobody
        # What runs now, or is about to.
        self.work = work
        self._app = app
        self._began = time.monotonic()
        self._began_at = datetime.now(UTC)
        self._transcripts = [self.chat.transcript]
        self._ended_at = self._began_at
        self._call: Begun | None = None
        self._on_stop_call: Begun | None = None
        self._stopped = 0.0
        self._after_stop_began = False
        self._settled = False
        # How much had been said when the work began that runs now.
        self._said_before = 0

    def begin(self) -> None:
        """Run the callback; an app that has none says nothing."""
        if self.status != RUNNING:  # it was stopped before it began
            return
        callback = self._app.get(self.work.decorator)
        if callback is None:
            self._end(COMPLETE)
            return
        try:
            self._call = begin(callback, self.work.arguments, Running(chat=self.chat))
        except RuntimeError as error:  # no thread is left
            self._end(FAILED, callback.failure(error))
            return
        self._call.ended.add_done_callback(lambda ended: self._callback_ended(callback, ended))
        if self.status != RUNNING:  # it was stopped while this began, which it could not know of
            self._call.cancel()

    def stop(self) -> None:
        """End the turn because the user said so; what was said stays, and ``@on_stop`` runs."""
        self._end(STOPPED)

    def interrupt(self) -> None:
        """End the turn because the process ends, or because it was given up elsewhere."""
        self._end(INTERRUPTED)

    def check_limits(self) -> None:
        """End the turn if its time is up (R64)."""
        now = time.monotonic()
        if self.status == STOPPED and not self.over:
            self._give_up_stopping(now)
        limits, decorator = self.work.limits, f"@{self.work.decorator}"
        if now - self._began > limits.total:
            self._end(FAILED, CallbackTimeoutError(decorator, limits.total))
        elif now - self._spoke_at() > limits.idle:
            self._end(FAILED, IdleError(decorator, limits.idle))
        if self.over and self._call is not None and not self._call.ended.done():
            process_loop.suspect()

    def mark_stored(self, *, lost: bool = False) -> None:
        """Note that the end of the turn is in the database, or that it will never be."""
        with self.changed:
            self.stored, self.lost = True, lost
            if lost:
                self.status = INTERRUPTED
            self.changed.notify_all()

    @property
    def version(self) -> int:
        """Return a number that grows with each change."""
        return self._transcripts[-1].version + self.over + self.stored

    @property
    def unsaved(self) -> int:
        """Return how many characters were said in all, for whoever stores them in steps."""
        return sum(transcript.unsaved for transcript in self._transcripts)

    @property
    def streaming(self) -> bool:
        """Say whether a message is growing at this moment."""
        return self.chat.transcript.streaming

    def wait(self, version: int, seconds: float) -> None:
        """Wait until there is something newer than ``version``, at most so long."""
        with self.changed:
            self.changed.wait_for(lambda: self.version > version, seconds)

    def wait_for_answer(self, seconds: float) -> bool:
        """Wait for the end, or until an answer begins to grow; say whether the end is stored."""
        with self.changed:
            self.changed.wait_for(lambda: self.stored or self.streaming, seconds)
            return self.stored

    def wait_until_stored(self, seconds: float) -> bool:
        """Wait for the end; say whether it came and is stored."""
        with self.changed:
            return self.changed.wait_for(lambda: self.stored, seconds)

    def wait_until_over(self, seconds: float) -> bool:
        """Wait for the end, stored or not, or until an answer begins to grow; say which it was."""
        with self.changed:
            self.changed.wait_for(lambda: self.over or self.streaming, seconds)
            return self.over

    def messages(self) -> list[ChatMessage]:
        """Return what the turn has said as it is to be shown and stored now."""
        with self.changed:
            said = latest_said(transcript.said() for transcript in self._transcripts)
            own = [message for message in said if not message.earlier]
            messages = [self._placed(message, place) for place, message in enumerate(own)]
            messages += [self._placed(message) for message in said if message.earlier]
            if self.placeholder is not None and all(m.id != self.placeholder for m in own):
                messages.insert(0, self._waiting(self.placeholder, is_alone=not own))
            if self.over and self.failure is not None:
                # After its own messages and the place where the answer was awaited.
                places = max(len(own), self.placeholder is not None)
                messages.append(self._failure_message(self.failure, places))
            return [replace(m, status=INTERRUPTED) for m in messages] if self.lost else messages

    def _placed(self, message: ChatMessage, place: int | None = None) -> ChatMessage:
        status = self._status_of_growing if message.status == STREAMING else message.status
        if place is None:
            return message if status == message.status else replace(message, status=status)
        sequence = self.numbered_from + place
        return replace(message, status=status, turn_id=self.id, sequence=sequence)

    @property
    def _status_of_growing(self) -> MessageStatus:
        """Return the status of a message that was growing when the turn ended, if it has ended."""
        return STREAMING if self.status == RUNNING else cast(MessageStatus, self.status)

    def _waiting(self, message_id: uuid.UUID, *, is_alone: bool) -> ChatMessage:
        # It goes when something else was said, or nothing at all; where a turn was ended before
        # it said anything, it stays and says so.
        stays = is_alone and self.status in (RUNNING, STOPPED, INTERRUPTED)
        return ChatMessage(
            id=message_id,
            kind=ASSISTANT,
            content="",
            status=self._status_of_growing,
            created_at=self._began_at,
            profile=self.chat.chat_profile,
            turn_id=self.id,
            sequence=self.numbered_from,
            removed=not stays,
            version=0 if stays else 1,
        )

    def _failure_message(self, failure: CallbackError, place: int) -> ChatMessage:
        return ChatMessage(
            id=uuid.uuid5(self.id, "failure"),
            kind=ERROR,
            content=self.work.explain(failure),
            status=FAILED,
            created_at=self._ended_at,
            profile=self.chat.chat_profile,
            turn_id=self.id,
            sequence=self.numbered_from + place,
            version=self.version,
        )

    def _spoke_at(self) -> float:
        return max(transcript.spoke_at for transcript in self._transcripts)

    def _callback_ended(self, callback: Callback, done: Future[Any]) -> None:
        error = done.exception()
        if self.status == STOPPED:
            if isinstance(error, Exception) and not ends_stopped(error):
                self.work.log(explained(callback, error))
            self._after_stop()
        elif isinstance(error, Exception):
            self._end(FAILED, explained(callback, error))
        elif problem := problem_with(
            done.result(),
            said_something=self.chat.transcript.version > self._said_before,
            decorator=self.work.decorator,
        ):
            self._end(FAILED, callback.wrong_answer(problem))
        elif self.work.then is not None and self.status == RUNNING:
            self._go_on(callback, self.work.then)
        else:
            self._end(COMPLETE)

    def _go_on(self, callback: Callback, work: Work) -> None:
        try:
            self.values_between = values_to_store(callback, self.chat.values.now())
        except CallbackError as error:
            self._end(FAILED, error)
            return
        self.work, self._said_before = work, self.chat.transcript.version
        self.chat.said_first = frozenset(said.id for said in self.chat.transcript.said())
        self.begin()

    @property
    def lingers(self) -> bool:
        """Say whether the callback still runs although the turn is over."""
        return self.over and self._call is not None and not self._call.ended.done()

    @property
    def at_work(self) -> bool:
        """Say whether the turn is not over, or its callback still runs although it is."""
        return not self.over or self.lingers

    def _end(self, status: str, failure: CallbackError | None = None) -> None:
        with self.changed:
            if self.status != RUNNING:
                return
            self.status, self.failure = status, failure
            self._ended_at = datetime.now(UTC)
            self._stopped = time.monotonic()
        self.chat.transcript.close(stopped=status == STOPPED)
        under_way = self._call is not None and not self._call.ended.done()
        if self._call is not None and under_way:
            self._call.cancel()
        if not (under_way and status == STOPPED):
            self._settle(self._app.get(self.work.decorator))

    def _after_stop(self) -> None:
        """Go on when the callback has ended, or does not end although it was stopped."""
        with self.changed:
            if self._after_stop_began:
                return
            self._after_stop_began = True
        on_stop = self._app.get("on_stop")
        if on_stop is None:
            self._settle(self._app.get(self.work.decorator))
        else:
            self._call_on_stop(on_stop)

    def _give_up_stopping(self, now: float) -> None:
        if now - self._stopped > CLEAN_UP_SECONDS:
            self._after_stop()
        if now - self._stopped > CLEAN_UP_SECONDS + ON_STOP_SECONDS:
            on_stop = self._on_stop_call
            if on_stop is None:
                self._settle(None)
            else:
                # Settled first: what it says when it is cancelled is not what went wrong.
                self._settle(None, CallbackTimeoutError("@on_stop", ON_STOP_SECONDS))
                on_stop.cancel()

    def _call_on_stop(self, on_stop: Callback) -> None:
        transcript = Transcript(None, self.changed, self.chat.transcript.version)
        with self.changed:
            self._transcripts.append(transcript)
        chat = replace(
            self.chat,
            transcript=transcript,
            earlier=self.chat.so_far,
            offered=None,
            answers=None,  # it comes after the answer
        )
        try:
            self._on_stop_call = begin(on_stop, (), Running(chat=chat))
        except RuntimeError as error:  # no thread is left
            self._settle(on_stop, on_stop.failure(error))
            return
        self._on_stop_call.ended.add_done_callback(lambda done: self._on_stop_ended(on_stop, done))

    def _on_stop_ended(self, on_stop: Callback, done: Future[Any]) -> None:
        error = done.exception()
        self._settle(on_stop, explained(on_stop, error) if isinstance(error, Exception) else None)

    def _settle(self, callback: Callback | None, failure: CallbackError | None = None) -> None:
        with self.changed:
            if self._settled:  # the first to say how it ended is right
                return
            self._settled = True
            self.failure = failure or self.failure
        for transcript in self._transcripts:
            transcript.close()
        try:
            self.values = values_to_store(callback, self.chat.values.close())
        except CallbackError as error:
            self.failure = self.failure or error
            self.status = FAILED if self.status == COMPLETE else self.status
        if self.failure is not None:
            self.work.log(self.failure)
        with self.changed:
            self.over = True
            self.changed.notify_all()
        self.on_over()


def _nobody() -> None:
    """Stand for whoever wants to know, until somebody does."""
