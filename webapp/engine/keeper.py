"""The keeper of a process looks after its turns: it stores them and ends slow ones."""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from webapp.authoring.chat_message import ChatMessage
from webapp.authoring.questions.open_questions import QuestionUpdate
from webapp.authoring.questions.question import ANSWERED, TIMED_OUT
from webapp.engine.errors import StoreUnavailableError
from webapp.engine.phases import BEAT_SECONDS, TurnStatus
from webapp.engine.turn import RunningTurn

# How often the keeper looks at its turns.
TICK_SECONDS = 0.25
# A turn is stored when it has said something new and so much time has passed, or so many
# characters have come.
SAVE_SECONDS = 1.0
SAVE_CHARACTERS = 2_000
# How long the thread that began a turn waits to store its end. Then it leaves that to the keeper.
SAVE_HERE_SECONDS = 0.1
# How often the keeper asks whether a user pressed Stop in another process.
LOOK_FOR_STOP_SECONDS = 1.0
# While all turns wait for their users, and are no more than this, the keeper asks at each tick
# whether somebody has answered in another process: nothing else is to be done then.
MOST_ASKED_AT_EACH_TICK = 50
# The thread ends when it has had no turn for so long. The next turn starts another one.
IDLE_SECONDS = 10.0

logger = logging.getLogger("webapp")


@dataclass(frozen=True, kw_only=True)
class TurnUpdate:
    """What is to be stored of a turn: what has changed, and its end if it has ended.

    Parameters
    ----------
    inputs:
        What can be set in the chat; ``None`` if that has not changed since it was stored.
    inputs_version:
        Which state of the inputs that is.
    """

    turn: RunningTurn
    messages: list[ChatMessage]
    ended: bool
    inputs: dict[str, Any] | None = None
    inputs_version: int = 0
    questions: list[QuestionUpdate] = field(default_factory=list)


@dataclass(frozen=True)
class SaveResult:
    """What storing updates has shown: turns this process has lost, and turns that are to stop."""

    lost: set[uuid.UUID] = field(default_factory=set)
    to_stop: set[uuid.UUID] = field(default_factory=set)


class TurnStore(Protocol):
    """Where turns are stored. The engine itself knows no database."""

    def save(self, updates: list[TurnUpdate]) -> SaveResult:
        """Store the updates, and note that their turns are alive.

        Raises
        ------
        StoreUnavailableError
            When nothing can be stored at the moment.
        """

    def find_stop_requests(self, turns: list[uuid.UUID]) -> set[uuid.UUID]:
        """Return which of these turns a user has asked to stop."""

    def beat(self, turns: list[uuid.UUID]) -> set[uuid.UUID]:
        """Note that these turns are alive, and return those that this process still has."""

    def find_answers(self, questions: list[uuid.UUID]) -> Mapping[uuid.UUID, dict[str, Any]]:
        """Return what was answered to which of these questions."""

    def time_out(self, questions: list[uuid.UUID]) -> set[uuid.UUID]:
        """Let nobody answer these questions any more; return those that nobody has answered."""


@dataclass
class TrackedTurn:
    """A turn that the keeper looks after, and how much of it is stored."""

    turn: RunningTurn
    saved: dict[uuid.UUID, tuple[int, str]] = field(default_factory=dict)
    characters: int = 0
    # The version of the inputs that is stored.
    inputs_version: int = field(default=0, init=False)
    saved_at: float = field(default_factory=time.monotonic)
    seen_at: float = field(default_factory=time.monotonic)
    # The thread that begins the turn and stores its end, if it ends at once.
    beginner: int | None = field(default=None, init=False)

    def is_due(self, now: float) -> bool:
        if self.turn.over or self.turn.questions.has_unstored:
            return True
        unsaved = self.turn.unsaved - self.characters
        return (
            unsaved >= SAVE_CHARACTERS
            or (unsaved > 0 and now - self.saved_at >= SAVE_SECONDS)
            or self.turn.chat.inputs.version != self.inputs_version
        )

    def update(self) -> TurnUpdate:
        ended = self.turn.over
        questions = self.turn.questions.unstored()
        changed = [m for m in self.turn.messages() if self.saved.get(m.id) != (m.version, m.status)]
        inputs = self.turn.chat.inputs
        version = inputs.version  # before they are read, or a change in between would be lost
        return TurnUpdate(
            turn=self.turn,
            messages=changed,
            ended=ended,
            questions=questions,
            inputs=inputs.now() if version != self.inputs_version else None,
            inputs_version=version,
        )


class Keeper:
    """The turns that run in this process, and the thread that looks after them.

    The thread starts with the first turn, after any fork. Turns that end together are stored
    together, so many of them cost one flush of the disk.

    Parameters
    ----------
    store:
        Where turns are stored.
    on_start:
        Called with the keeper when it gets its first turn in a process.
    """

    def __init__(self, store: TurnStore, on_start: Callable[[Keeper], None]) -> None:
        self._store = store
        self._on_start = on_start
        self._lock = threading.RLock()
        # What `admit` and `shut_down` wait for.
        self._changed = threading.Condition(self._lock)
        # What the thread waits for. An end that another thread has stored must not wake it.
        self._work = threading.Condition(self._lock)
        # Held by the thread that stores turns. Taken before `_lock`, never after it.
        self._saving = threading.Lock()
        self._turns: dict[uuid.UUID, TrackedTurn] = {}
        self._thread: threading.Thread | None = None
        self._started = False
        # Turns that began and are not kept yet, and turns that are over but whose callbacks run.
        self._unkept: dict[uuid.UUID, RunningTurn] = {}
        self._woken = False
        # Nothing is expected any more, so the thread ends as soon as it has no turns.
        self._is_dismissed = False
        # The thread waits for a first turn, not for the next tick.
        self._is_idle = True
        self._next_tick = 0.0
        # Turns that have ended, or asked something, since the thread last looked.
        self._urgent: list[TrackedTurn] = []
        # How often another thread has woken the keeper's, for tests.
        self.handovers = 0
        self._looked_at = 0.0
        if hasattr(os, "register_at_fork"):
            # Weakly: what is registered stays until the process ends, and would keep the app.
            forget = weakref.WeakMethod(self._forget)
            os.register_at_fork(after_in_child=lambda: (alive := forget()) and alive())

    def admit(self, turn: RunningTurn, most: int, seconds: float) -> bool:
        """Count a turn among the work of its owner, and return whether there is room for it.

        Call it before a turn begins that is kept only later. A callback cannot be ended from
        outside, so callbacks must not pile up.

        Parameters
        ----------
        most:
            How many turns that are not kept yet, and callbacks that still run although their turns
            are over, one owner may have.
        seconds:
            How long to wait for one of them to end.
        """

        def has_room() -> bool:
            # A turn that is kept and runs is counted by its row, with the turns of other processes.
            theirs = [other for other in self._unkept.values() if other.owner == turn.owner]
            at_work = (t.lingers or not (t.over or t.id in self._turns) for t in theirs)
            return sum(at_work) < most

        with self._changed:
            if not self._changed.wait_for(has_room, seconds):
                return False
            self._unkept[turn.id] = turn
        return True

    def keep(self, turn: RunningTurn, already_saved: Iterable[ChatMessage] = ()) -> None:
        """Look after a turn from now on.

        Parameters
        ----------
        turn:
            A turn whose row says that this process runs it.
        already_saved:
            What of its messages was stored with it.
        """
        self._track(turn, already_saved)
        self._wake_from_idleness()

    @contextmanager
    def keep_begun_here(
        self, turn: RunningTurn, already_saved: Iterable[ChatMessage] = ()
    ) -> Iterator[None]:
        """Look after a turn that begins within the block.

        If the turn ends within the block too, this thread stores the end, and nobody is woken.

        Parameters
        ----------
        turn, already_saved:
            As for `keep`.
        """
        tracked = self._track(turn, already_saved)
        tracked.beginner = threading.get_ident()
        try:
            yield
        finally:
            tracked.beginner = None
            if not turn.over:
                self._wake_from_idleness()
            elif not self._save_here(turn):
                self._wake(tracked)

    def _track(self, turn: RunningTurn, already_saved: Iterable[ChatMessage]) -> TrackedTurn:
        tracked = TrackedTurn(turn, {m.id: (m.version, m.status) for m in already_saved})
        with self._changed:
            self._turns[turn.id] = tracked
            # A turn that blocks its beginner needs somebody who looks after it, so the thread runs.
            if self._thread is None or not self._thread.is_alive():
                self._next_tick = time.monotonic() + TICK_SECONDS
                self._thread = threading.Thread(target=self._run, name="webapp-keeper", daemon=True)
                self._thread.start()
            if not self._started:
                self._started = True
                self._on_start(self)
        return tracked

    def _save_here(self, turn: RunningTurn) -> bool:
        """Store the ends of this turn and of others in this thread; return whether it is stored."""
        # Whoever waits here may find its turn stored by the thread before it, together with others:
        # one flush of the disk for all.
        if not self._saving.acquire(timeout=SAVE_HERE_SECONDS):
            return False
        try:
            if not turn.stored:
                ended = [one for one in list(self._turns.values()) if one.turn.over]
                self._save(ended, time.monotonic())
        except StoreUnavailableError as error:
            self._log_unavailable(error)
        finally:
            self._saving.release()
        return turn.stored

    def find(self, turn_id: uuid.UUID) -> RunningTurn | None:
        """Return the turn if it runs in this process."""
        kept = self._turns.get(turn_id)
        return kept.turn if kept else None

    @property
    def count(self) -> int:
        """Return how many turns run in this process."""
        return len(self._turns)

    def lingering(self, owner: str) -> int:
        """Return how many callbacks of a user still run although their turns are over."""
        with self._changed:
            return sum(turn.owner == owner and turn.lingers for turn in self._unkept.values())

    def interrupt_chat(self, chat_id: uuid.UUID) -> None:
        """Interrupt what runs in a chat that was deleted."""
        for kept in list(self._turns.values()):
            if kept.turn.chat.chat_id == str(chat_id):
                kept.turn.interrupt()

    def shut_down(self, seconds: float) -> None:
        """Let the turns end by themselves for a while, then interrupt and store them."""
        give_up = time.monotonic() + seconds
        for kept in list(self._turns.values()):
            if kept.turn.questions.waits:  # its user may take hours
                kept.turn.interrupt()
        with self._changed:
            self._changed.wait_for(lambda: not self._turns, seconds)
            left = [kept.turn for kept in self._turns.values()]
        for turn in left:
            turn.interrupt()
        with self._changed:
            self._changed.wait_for(lambda: not self._turns, max(2.0, give_up - time.monotonic()))
            # Its thread has the app, which could not be collected while it waits for a first turn.
            self._is_dismissed = True
            self._work.notify()

    def _forget(self) -> None:
        # In a forked child nothing of this runs; the parent may have held the lock.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._work = threading.Condition(self._lock)
        self._saving = threading.Lock()
        self._turns = {}
        self._unkept = {}
        self._urgent = []
        self._is_idle = True
        self._thread = None
        self._started = False

    def note_end(self, turn: RunningTurn) -> None:
        """Store the end of a turn soon, or forget the turn if it is not kept."""
        with self._changed:
            tracked = self._turns.get(turn.id)
        if tracked is None:
            self._prune()
        elif tracked.beginner != threading.get_ident():
            self._wake(tracked)

    def note_question(self, turn: RunningTurn) -> None:
        """Store soon what a turn has asked, if the turn is kept."""
        with self._changed:
            tracked = self._turns.get(turn.id)
        if tracked is not None:
            self._wake(tracked)

    def _prune(self) -> None:
        with self._changed:
            self._unkept = {i: turn for i, turn in self._unkept.items() if turn.at_work}
            self._changed.notify_all()

    def _wake(self, urgent: TrackedTurn | None = None) -> None:
        with self._changed:
            if urgent is not None:
                self._urgent.append(urgent)
            self._woken = True
            self.handovers += 1
            self._work.notify()

    def _wake_from_idleness(self) -> None:
        """Let the thread look after a new turn, unless it will do that at its next tick anyway."""
        with self._changed:
            if self._is_idle:
                self._wake()

    def _run(self) -> None:
        while kept := self._next():
            try:
                self._look_after(kept)
            except StoreUnavailableError as error:
                # The text is in memory; it is tried again until the store is back.
                self._log_unavailable(error)
                time.sleep(SAVE_SECONDS)
                self._wake()

    @staticmethod
    def _log_unavailable(error: StoreUnavailableError) -> None:
        logger.error("turns.not_stored", extra={"fields": {"error": str(error)}})

    def _next(self) -> list[TrackedTurn]:
        """Wait for something to do, and return the turns; none after `IDLE_SECONDS` without any.

        Between two ticks these are the turns that have ended or asked something: to look at all of
        them each time that one of a thousand ends would take more time than all the rest.
        """
        with self._changed:
            while True:
                self._is_idle = not self._turns
                until_tick = max(0.0, self._next_tick - time.monotonic())
                self._work.wait_for(
                    lambda: self._is_dismissed or (self._woken and bool(self._turns)),
                    IDLE_SECONDS if self._is_idle else until_tick,
                )
                self._woken = self._is_idle = self._is_dismissed = False
                urgent, self._urgent = self._urgent, []
                if not self._turns:
                    self._thread = None  # while nobody can begin another one
                    self._is_idle = True
                    return []
                if time.monotonic() >= self._next_tick:
                    self._next_tick = time.monotonic() + TICK_SECONDS
                    return list(self._turns.values())
                if urgent:
                    return urgent

    def _look_after(self, kept: list[TrackedTurn]) -> None:
        now = time.monotonic()
        for one in kept:
            one.turn.check_limits()
        with self._saving:
            # A turn that another thread has stored meanwhile is tracked no more.
            tracked = [one for one in kept if one.turn.id in self._turns]
            self._save([one for one in tracked if one.is_due(now)], now)
        # Storing a turn is a heartbeat, and tells whether to stop it.
        quiet = [
            one for one in kept if one.turn.status == TurnStatus.RUNNING and one.saved_at != now
        ]
        if quiet and now - self._looked_at >= LOOK_FOR_STOP_SECONDS:
            self._looked_at = now
            self._stop(quiet, self._store.find_stop_requests([one.turn.id for one in quiet]))
            self._look_for_answers(kept)
        elif 0 < len(quiet) <= MOST_ASKED_AT_EACH_TICK and all(
            one.turn.questions.waits for one in list(self._turns.values())
        ):
            self._look_for_answers(quiet)
        self._time_out_questions(kept, now)
        silent = [one for one in quiet if now - one.seen_at >= BEAT_SECONDS]
        if silent:
            ours = self._store.beat([one.turn.id for one in silent])
            for one in silent:
                one.seen_at = now
                if one.turn.id not in ours:
                    one.turn.interrupt()

    def _look_for_answers(self, kept: list[TrackedTurn]) -> None:
        """Take what was answered in other processes."""
        asked = {it.id: one.turn for one in kept for it in one.turn.questions.open}
        if asked:
            for question_id, answer in self._store.find_answers(list(asked)).items():
                asked[question_id].questions.settle(question_id, ANSWERED, answer)

    def _time_out_questions(self, kept: list[TrackedTurn], now: float) -> None:
        late = {
            it.id: one.turn
            for one in kept
            if one.turn.questions.waits
            for it in one.turn.questions.open
            if it.gives_up_at <= now
        }
        if late:
            unanswered = self._store.time_out(list(late))
            for question_id in unanswered:
                late[question_id].questions.settle(question_id, TIMED_OUT)
            if len(unanswered) < len(late):  # somebody was just in time
                self._look_for_answers(kept)

    @staticmethod
    def _stop(kept: list[TrackedTurn], asked: set[uuid.UUID]) -> None:
        for one in kept:
            if one.turn.id in asked:
                one.turn.stop()

    def _save(self, due: list[TrackedTurn], now: float) -> None:
        if not due:
            return
        characters = [one.turn.unsaved for one in due]
        updates = [one.update() for one in due]
        stored = self._store.save(updates)
        self._stop(due, stored.to_stop)
        for one, update, count in zip(due, updates, characters, strict=True):
            one.saved.update({m.id: (m.version, m.status) for m in update.messages})
            one.turn.questions.note_stored(update.questions)
            one.characters, one.saved_at, one.seen_at = count, now, now
            one.inputs_version = update.inputs_version
            lost = update.turn.id in stored.lost
            if lost:
                update.turn.interrupt()
            # A turn that is being stopped ends first, within its limits. Its end is lost then.
            if update.ended or (lost and update.turn.over):
                with self._changed:
                    self._turns.pop(update.turn.id, None)
                    if update.turn.lingers:
                        self._unkept[update.turn.id] = update.turn
                self._prune()
                update.turn.mark_stored(lost=lost)
