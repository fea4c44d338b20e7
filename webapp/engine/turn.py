"""One turn of a chat: a run of the author's callback, and what it has said at any moment.

A turn belongs to the process that began it and goes on whether anybody watches or not. It ends
once: when the callback ends, when its time is up, when the user stops it, or when it is lost.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

from webapp.authoring.chat_message import (
    ERROR,
    FAILED,
    INTERRUPTED,
    STREAMING,
    ChatMessage,
    MessageStatus,
    latest_said,
)
from webapp.authoring.context import ChatContext, Running
from webapp.authoring.errors import CallbackError, CallbackTimeoutError
from webapp.authoring.loading.app_file import Callback, ChatApp
from webapp.authoring.profiles.answering_profile import own_callback
from webapp.authoring.questions.open_questions import OpenQuestions
from webapp.authoring.questions.question import INTERRUPTED as QUESTION_INTERRUPTED
from webapp.authoring.questions.question import STOPPED as QUESTION_STOPPED
from webapp.authoring.transcript import Transcript
from webapp.engine.call import RunningCall, begin
from webapp.engine.changes import Changes
from webapp.engine.loop import process_loop
from webapp.engine.outcome import (
    SAYS_NOTHING,
    as_callback_error,
    find_problem,
    is_expected_after_stop,
    store_values,
)
from webapp.engine.phases import (
    OVER_PHASES,
    STOPPING_PHASES,
    Lifecycle,
    Phase,
    Transition,
    TurnStatus,
)
from webapp.engine.work import IdleError, TurnSpec, Work

# How long a stopped callback may clean up, and how long `@on_stop` may run after that.
CLEAN_UP_SECONDS = 1.0
ON_STOP_SECONDS = 10.0
# What makes the objects of a chat again.
RESUMING = "on_chat_resume"
_KEEP_PLACEHOLDER = (TurnStatus.RUNNING, TurnStatus.STOPPED, TurnStatus.INTERRUPTED)


# Tasks that a callback has begun may speak on, unless it was ended from outside.
_MAY_GO_ON = (TurnStatus.COMPLETE, TurnStatus.FAILED)


def _ignore(turn: RunningTurn) -> None:
    del turn


class RunningTurn:
    """A turn that runs in this process.

    Nobody but the turn itself sets its attributes.

    Parameters
    ----------
    app:
        The app file whose callbacks run.
    chat:
        The chat it runs in.
    work:
        What runs.
    spec:
        Which turn of the chat it is.
    on_over:
        Called once, with the turn, when its end can be stored.
    on_ask:
        Called with the turn when it has asked its user something, which must be stored soon.
    """

    def __init__(
        self,
        app: ChatApp,
        chat: ChatContext,
        work: Work,
        spec: TurnSpec,
        on_over: Callable[[RunningTurn], None] = _ignore,
        on_ask: Callable[[RunningTurn], None] = _ignore,
    ) -> None:
        self.id = spec.id
        self.owner = spec.owner
        self.profile = spec.profile
        self.question_id = spec.question_id
        self.action_id = spec.action_id
        self.first_sequence = spec.first_sequence
        placeholder = spec.placeholder
        self.changed = Changes()
        transcript = Transcript(placeholder.id if placeholder else None, self.changed)
        chat.inputs.join(self.changed)
        self.questions = OpenQuestions(transcript, partial(on_ask, self))
        app_cot = app.cot or "full"
        self.chat = replace(
            chat,
            transcript=transcript,
            questions=self.questions,
            earlier=self._earlier,
            cot=(spec.profile.cot if spec.profile else None) or app_cot,
            app_cot=app_cot,
        )
        # How it ends: decided once, by the first transition out of Phase.RUNNING.
        self.status = TurnStatus.RUNNING
        self.failure: CallbackError | None = None
        self.values: dict[str, Any] | None = None
        # Where one work followed another: the values that the second began with.
        self.values_between: dict[str, Any] | None = None
        self._app = app
        self._work = work
        self._placeholder = placeholder
        self._on_over = on_over
        self._lifecycle = Lifecycle(self.changed)
        self._began = time.monotonic()
        self._transcripts = [transcript]
        self._ended_at = datetime.now(UTC)
        self._stopped = 0.0
        self._call: RunningCall | None = None
        self._on_stop_call: RunningCall | None = None
        # How much had been said when the work began that runs now.
        self._said_before = 0

    @property
    def phase(self) -> Phase:
        """Return where the turn is in its life."""
        return self._lifecycle.phase

    @property
    def over(self) -> bool:
        """Return whether the turn has ended, so that its end can be stored."""
        return self.phase in OVER_PHASES

    @property
    def stored(self) -> bool:
        """Return whether the end is in the database, or will never be."""
        return self.phase in (Phase.STORED, Phase.LOST)

    @property
    def lost(self) -> bool:
        """Return whether the end will never be in the database."""
        return self.phase is Phase.LOST

    def begin(self) -> None:
        """Run the callback. Without one, the turn is complete at once."""
        if not self._is_running():  # it was stopped before it began
            return
        callback = self._find_callback()
        if callback is None:
            self._end(TurnStatus.COMPLETE)
            return
        self.chat.callback = self._work.decorator
        arguments = self._work.arguments()
        if self._work.decorator == RESUMING:
            self.chat.values.note_resuming()
        try:
            self._call = begin(callback, arguments, Running(chat=self.chat))
        except RuntimeError as error:  # no thread is left
            self._end(TurnStatus.FAILED, callback.failure(error))
            return
        release, delete_fetched = self._work.release, self.chat.delete_fetched
        self._call.ended.add_done_callback(lambda _: delete_fetched())
        if release is not None:
            self._call.ended.add_done_callback(lambda _: release())
        self._call.ended.add_done_callback(lambda ended: self._callback_ended(callback, ended))
        if not self._is_running() and not self._call.ended.done():
            # It was stopped while the call began, and `_end` could not cancel the call.
            self._call.cancel()

    def stop(self) -> None:
        """End the turn because the user pressed Stop. Its text stays, and ``@on_stop`` runs."""
        self._end(TurnStatus.STOPPED)

    def interrupt(self) -> None:
        """End the turn because the process ends, or because another process has ended its row."""
        self._end(TurnStatus.INTERRUPTED)

    def _find_callback(self) -> Callback | None:
        decorator = self._work.decorator
        return own_callback(self.profile, decorator) or self._app.get(decorator)

    def _is_running(self) -> bool:
        return self.phase is Phase.RUNNING

    def check_limits(self) -> None:
        """End the turn if its time is up. It stands still while a question is open."""
        now = time.monotonic()
        with self.changed:
            stopped = self._stopped if self.phase in STOPPING_PHASES else now
        self._give_up_stopping(now - stopped)
        if not self.questions.waits:
            limits, decorator = self._work.limits, f"@{self._work.decorator}"
            spoke_at = max(transcript.spoke_at for transcript in self._transcripts)
            if now - self._began - self.questions.waited(now) > limits.total:
                self._end(TurnStatus.FAILED, CallbackTimeoutError(decorator, limits.total))
            elif now - spoke_at > limits.idle:
                self._end(TurnStatus.FAILED, IdleError(decorator, limits.idle))
        if self.lingers:
            process_loop.suspect()

    def mark_stored(self, *, lost: bool = False) -> None:
        """Note that the end of the turn is in the database, or never will be."""
        with self.changed:
            if self._lifecycle.move(Transition.LOSE if lost else Transition.STORE) and lost:
                self.status = TurnStatus.INTERRUPTED

    @property
    def version(self) -> int:
        """Return a number that grows with each change."""
        said = self._transcripts[-1].version + self.chat.inputs.version
        return said + self.questions.version + self.over + self.stored

    @property
    def unsaved(self) -> int:
        """Return how many characters were said in all, for whoever stores them."""
        return sum(transcript.unsaved for transcript in self._transcripts)

    @property
    def streaming(self) -> bool:
        """Return whether a message is growing at this moment."""
        return self.chat.transcript.streaming

    def wait(self, version: int, seconds: float) -> None:
        """Wait until there is something newer than ``version``, for ``seconds`` at most."""
        with self.changed:
            self.changed.wait_for(lambda: self.version > version, seconds)

    def wait_for_answer(self, seconds: float) -> bool:
        """Wait for the end or a growing answer, and return whether the end is stored."""
        with self.changed:
            self.changed.wait_for(lambda: self.rests or self.streaming, seconds)
            return self.stored

    @property
    def rests(self) -> bool:
        """Return whether nothing comes by itself: the end is stored, or a question is open."""
        return self.stored or (self.questions.waits and not self.questions.has_unstored)

    def wait_until_stored(self, seconds: float) -> bool:
        """Wait for the end or an open question, and return whether the end is stored."""
        with self.changed:
            self.changed.wait_for(lambda: self.rests, seconds)
            return self.stored

    def wait_until_over(self, seconds: float) -> bool:
        """Wait for the end, a growing answer or a question; return whether the turn is over."""
        with self.changed:
            self.changed.wait_for(
                lambda: self.over or self.streaming or self.questions.waits, seconds
            )
            return self.over

    def messages(self) -> list[ChatMessage]:
        """Return what the turn has said, as it is to be shown and stored now."""
        with self.changed:
            said = latest_said(transcript.said() for transcript in self._transcripts)
            own = self._without_empty([message for message in said if not message.earlier])
            messages = [
                replace(
                    self._with_status(message),
                    turn_id=self.id,
                    sequence=self.first_sequence + place,
                )
                for place, message in enumerate(own)
            ]
            messages += self._changed_earlier([message for message in said if message.earlier])
            placeholder = self._placeholder
            if placeholder is not None and all(m.id != placeholder.id for m in own):
                messages.insert(0, self._open_placeholder(placeholder, is_alone=not own))
            if self.over and self.failure is not None:
                # After its own messages and the place where the answer was awaited.
                place = max(len(own), placeholder is not None)
                messages.append(self._failure_message(self.failure, self.first_sequence + place))
            return [replace(m, status=INTERRUPTED) for m in messages] if self.lost else messages

    def _without_empty(self, messages: list[ChatMessage]) -> list[ChatMessage]:
        """Return messages of this turn, with those removed in which nobody said anything.

        If nothing else was said either, the one in the place of the answer waits for its text.
        """
        if all(message.removed or message.says_something for message in messages):
            return messages
        is_waiting = self.status in _KEEP_PLACEHOLDER and not any(
            message.says_something for message in messages if not message.removed
        )
        place = self._placeholder.id if self._placeholder and is_waiting else None
        return [
            message
            if message.removed or message.says_something
            else replace(message, status=STREAMING)
            if message.id == place
            else replace(message, removed=True)
            for message in messages
        ]

    def _changed_earlier(self, messages: list[ChatMessage]) -> list[ChatMessage]:
        # Only at the end: a row that was deleted could not get the text that is still to come.
        return [
            replace(message, removed=True, version=message.version + 1)
            if self.over and not message.says_something
            else self._with_status(message)
            for message in messages
        ]

    def _with_status(self, message: ChatMessage) -> ChatMessage:
        """Return a message that was growing when the turn ended with the status of the turn."""
        if message.status != STREAMING or self.status == TurnStatus.RUNNING:
            return message
        return replace(message, status=cast(MessageStatus, self.status.value))

    def _open_placeholder(self, placeholder: ChatMessage, *, is_alone: bool) -> ChatMessage:
        # It is removed if the turn said something else, or completed without a word. If the turn
        # was ended before it said anything, the placeholder stays and shows that.
        stays = is_alone and self.status in _KEEP_PLACEHOLDER
        return replace(self._with_status(placeholder), removed=not stays, version=0 if stays else 1)

    def _failure_message(self, failure: CallbackError, sequence: int) -> ChatMessage:
        return ChatMessage(
            id=uuid.uuid5(self.id, "failure"),
            kind=ERROR,
            content=self._work.explain(failure),
            status=FAILED,
            created_at=self._ended_at,
            profile=self.chat.chat_profile,
            turn_id=self.id,
            sequence=sequence,
            version=self.version,
        )

    def _log(self, failure: CallbackError) -> None:
        failure.secrets = tuple(self.chat.keys.values())
        self._work.log(failure)

    def _earlier(self) -> list[tuple[uuid.UUID, str, str]]:
        return self._work.earlier()

    def _callback_ended(self, callback: Callback, done: Future[Any]) -> None:
        error = done.exception()
        # Under the lock, as Stop decides there whether the call is still under way.
        with self.changed:
            stopped = self.status == TurnStatus.STOPPED
        has_spoken = self.chat.transcript.version > self._said_before
        if stopped:
            if isinstance(error, Exception) and not is_expected_after_stop(error):
                self._log(as_callback_error(callback, error))
            self._finish_stopping()
        elif isinstance(error, Exception):
            self._end(TurnStatus.FAILED, as_callback_error(callback, error))
        elif problem := find_problem(
            done.result(), said_something=has_spoken, decorator=self._work.decorator
        ):
            self._end(TurnStatus.FAILED, callback.wrong_answer(problem))
        elif self._work.then is not None and self._is_running():
            self._continue_with(callback, self._work.then)
        else:
            if self._work.decorator == "on_message" and not has_spoken:
                callback.advise("turn.silent", SAYS_NOTHING)
            self._end(TurnStatus.COMPLETE)

    def _note_resumed(self) -> None:
        if self._work.decorator == RESUMING:
            self.chat.values.note_resumed()

    def _continue_with(self, callback: Callback, work: Work) -> None:
        try:
            self._note_resumed()
            self.values_between = store_values(callback, self.chat.values)
        except CallbackError as error:
            self._end(TurnStatus.FAILED, error)
            return
        self._work, self._said_before = work, self.chat.transcript.version
        self.chat.said_first = frozenset(said.id for said in self.chat.transcript.said())
        self.begin()

    @property
    def lingers(self) -> bool:
        """Return whether the callback still runs although the turn is over."""
        return self.over and self._call is not None and not self._call.ended.done()

    @property
    def at_work(self) -> bool:
        """Return whether the turn is not over, or its callback still runs although it is."""
        return not self.over or self.lingers

    def _end(self, status: TurnStatus, failure: CallbackError | None = None) -> None:
        stopped = status == TurnStatus.STOPPED
        with self.changed:
            call = self._call
            under_way = call is not None and not call.ended.done()
            stopping = stopped and under_way
            if not self._lifecycle.move(Transition.STOP if stopping else Transition.END):
                return
            self.status, self.failure = status, failure
            self._ended_at = datetime.now(UTC)
            self._stopped = time.monotonic()
        interrupted = status == TurnStatus.INTERRUPTED
        self.questions.close(QUESTION_INTERRUPTED if interrupted else QUESTION_STOPPED)
        self.chat.transcript.close(stopped=stopped)
        if call is not None and under_way:
            call.cancel()
        if stopping:
            self._lifecycle.move(Transition.CLEAN_UP)
        else:
            self._settle(self._find_callback())

    def _give_up_stopping(self, seconds: float) -> None:
        if seconds > CLEAN_UP_SECONDS:
            self._finish_stopping()
        if seconds > CLEAN_UP_SECONDS + ON_STOP_SECONDS:
            on_stop = self._on_stop_call
            failure = CallbackTimeoutError("@on_stop", ON_STOP_SECONDS) if on_stop else None
            # Settled first: the error of its cancellation is not what went wrong.
            if self._end_on_stop(None, failure) and on_stop is not None:
                on_stop.cancel()

    def _finish_stopping(self) -> None:
        """Run ``@on_stop`` now that the callback has ended, or has not ended in time."""
        on_stop = self._app.get("on_stop")
        if on_stop is None:
            if self._lifecycle.move(Transition.SKIP_ON_STOP):
                self._settle(self._find_callback())
            return
        with self.changed:
            if not self._lifecycle.move(Transition.RUN_ON_STOP):
                return
            transcript = Transcript(None, self.changed, self.chat.transcript.version)
            self._transcripts.append(transcript)
        chat = replace(
            self.chat,
            transcript=transcript,
            earlier=self.chat.so_far,
            offered=None,
            answers=None,  # it comes after the answer
            questions=None,
        )
        try:
            self._on_stop_call = begin(on_stop, (), Running(chat=chat))
        except RuntimeError as error:  # no thread is left
            self._end_on_stop(on_stop, on_stop.failure(error))
            return

        def note_end(done: Future[Any]) -> None:
            error = done.exception()
            failure = as_callback_error(on_stop, error) if isinstance(error, Exception) else None
            self._end_on_stop(on_stop, failure)

        self._on_stop_call.ended.add_done_callback(note_end)

    def _end_on_stop(self, on_stop: Callback | None, failure: CallbackError | None) -> bool:
        with self.changed:
            if not self._lifecycle.move(Transition.END_ON_STOP):
                return False
            self.failure = failure or self.failure
        self._settle(on_stop)
        return True

    def _settle(self, callback: Callback | None) -> None:
        """Make the end ready to be stored; ``callback`` is the one that set the values last."""
        for transcript in self._transcripts:
            transcript.close()
        self.chat.inputs.close()
        self.chat.values.close()
        self._note_resumed()
        try:
            self.values = store_values(callback, self.chat.values)
        except CallbackError as error:
            self.failure = self.failure or error
            self.status = TurnStatus.FAILED if self.status == TurnStatus.COMPLETE else self.status
        if self.failure is not None:
            self._log(self.failure)
        cut = isinstance(self.failure, CallbackTimeoutError)
        if self.chat.after_end is not None and self.status in _MAY_GO_ON and not cut:
            said = latest_said(transcript.said() for transcript in self._transcripts)
            self.chat.after_end(self.chat, self.id, said)
        self._lifecycle.move(Transition.SETTLE)
        self._on_over(self)
