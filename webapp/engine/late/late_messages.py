"""Messages of tasks and threads that outlive their callback.

The turn has ended, and its chat is free. What is said now is stored as soon as no turn runs in the
chat, and pages that were told to expect it ask for it.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Protocol

from webapp.authoring.chat_message import COMPLETE, STREAMING, ChatMessage
from webapp.authoring.context import ChatContext
from webapp.authoring.errors import MisuseError
from webapp.authoring.transcript import Transcript
from webapp.engine.changes import Changes
from webapp.engine.errors import StoreUnavailableError

# How many messages one callback may send after its end.
MOST_MESSAGES = 100
# A message that is streamed is stored when it has ended, or has not grown for so long.
QUIET_SECONDS = 1.0
# How long to wait before a chat is tried again in which a turn runs.
RETRY_SECONDS = 0.25
# How long the chat of a start that has ended may take to be stored.
START_SECONDS = 10.0

logger = logging.getLogger("webapp")


class LateOutcome(Enum):
    """What became of messages that were to be stored."""

    STORED = auto()
    BUSY = auto()  # a turn runs in the chat
    MISSING = auto()  # there is no such chat, or its start is not stored yet
    OVER = auto()  # the chat was deleted, or has ended


class LateStore(Protocol):
    """Where late messages are stored. The engine itself knows no database."""

    def save_late(
        self, chat_id: uuid.UUID, turn_id: uuid.UUID, messages: list[ChatMessage]
    ) -> LateOutcome:
        """Store messages at the end of a chat, and say whether that was possible.

        Raises
        ------
        StoreUnavailableError
            When nothing can be stored at the moment.
        """


@dataclass(kw_only=True)
class LateTalk:
    """What one callback says after its end."""

    chat: ChatContext
    turn_id: uuid.UUID
    ends_at: float
    began_at: float = field(default_factory=time.monotonic)
    saved: dict[uuid.UUID, int] = field(default_factory=dict)
    placed: set[uuid.UUID] = field(default_factory=set)

    def unsaved(self, now: float) -> list[ChatMessage]:
        """Return the messages that are to be stored now."""
        transcript = self.chat.transcript
        is_quiet = now - transcript.spoke_at >= QUIET_SECONDS or now >= self.ends_at
        return [
            replace(
                message,
                status=COMPLETE if message.status == STREAMING else message.status,
                earlier=message.earlier or message.id in self.placed,
            )
            for message in transcript.said()
            if message.version > self.saved.get(message.id, 0)
            and (is_quiet or message.status != STREAMING)
        ]

    @property
    def has_more(self) -> bool:
        """Return whether something is not stored."""
        return any(m.version > self.saved.get(m.id, 0) for m in self.chat.transcript.said())


class LateMessages:
    """The late messages of all chats of this process, and the thread that stores them.

    Parameters
    ----------
    store:
        Where they are stored.
    seconds:
        How long after its end a callback may say something.
    """

    def __init__(self, store: LateStore, seconds: float) -> None:
        self._store = store
        self._seconds = seconds
        self._lock = threading.Lock()
        # Held by whoever stores. Taken before `_lock`, never after it.
        self._saving = threading.Lock()
        self._talks: dict[uuid.UUID, LateTalk] = {}
        # Chats whose tasks are not done, each with the time until which it may say something.
        self._expected: dict[str, tuple[ChatContext, float]] = {}
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_unavailable = False

    def expect(self, chat: ChatContext, turn_id: uuid.UUID, said: list[ChatMessage]) -> None:
        """Let the tasks that a callback leaves behind speak on, now that its turn has ended."""
        ends_at = time.monotonic() + self._seconds
        chat.go_on = _GoOn(self, chat, turn_id, said, ends_at)
        if chat.has_tasks:
            with self._lock:
                self._expected = {
                    key: each for key, each in self._expected.items() if each[0].has_tasks
                }
                self._expected[chat.chat_id] = (chat, ends_at)

    def seconds_left(self, chat_id: str) -> float:
        """Return for how long messages of a chat may come late; 0 if none are expected."""
        found = self._expected.get(chat_id)
        if found is None or self.is_over(chat_id):
            return 0.0
        return max(0.0, found[1] - time.monotonic())

    def is_over(self, chat_id: str) -> bool:
        """Return whether this process knows that all late messages of a chat are stored."""
        found = self._expected.get(chat_id)
        return (
            found is not None
            and not found[0].has_tasks
            and not any(
                talk.chat.chat_id == chat_id and talk.has_more
                for talk in list(self._talks.values())
            )
        )

    def has_unstored(self, chat_id: str) -> bool:
        """Return whether late messages of a chat are not stored yet."""
        talks = list(self._talks.values())
        return any(talk.has_more for talk in talks if talk.chat.chat_id == chat_id)

    def talk(
        self, chat: ChatContext, turn_id: uuid.UUID, said: list[ChatMessage], ends_at: float
    ) -> ChatContext:
        """Return where a callback that has ended says more.

        Raises
        ------
        MisuseError
            It has ended too long ago.
        """
        with self._lock:
            talk = self._talks.get(turn_id)
            if talk is None:
                changed = Changes()
                changed.listen(self._woken.set)
                transcript = Transcript(None, changed, most=MOST_MESSAGES)
                for message in said:
                    if not message.removed:
                        transcript.adopt(message)
                talk = LateTalk(
                    chat=replace(
                        chat,
                        transcript=transcript,
                        earlier=chat.so_far,
                        offered=None,
                        answers=None,
                        questions=None,
                        saving=set(),
                        go_on=None,
                    ),
                    turn_id=turn_id,
                    ends_at=ends_at,
                )
            if time.monotonic() > ends_at:
                raise MisuseError(
                    f"This came after the callback had ended, {self._seconds:g} seconds or more, "
                    "so it is not sent. Await what takes longer before you return, or begin it "
                    "again when the user writes."
                )
            self._talks[turn_id] = talk
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="webapp-late", daemon=True)
                self._thread.start()
        return talk.chat

    def flush(self) -> None:
        """Store what can be stored at once, because the process ends."""
        for talk in list(self._talks.values()):
            talk.ends_at = 0.0  # what is still growing is stored as it is
            self._save(talk, time.monotonic())

    def forget(self) -> None:
        """Store nothing more, because the app is closed."""
        with self._lock:
            self._talks.clear()
            self._expected.clear()
        self._woken.set()

    def _run(self) -> None:
        while True:
            self._woken.clear()
            now = time.monotonic()
            for talk in list(self._talks.values()):
                self._save(talk, now)
            with self._lock:
                over = [
                    key
                    for key, talk in self._talks.items()
                    if not talk.has_more and (now >= talk.ends_at or not talk.chat.has_tasks)
                ]
                for key in over:
                    # A thread may speak again, which begins another talk.
                    del self._talks[key]
                if not self._talks:
                    self._thread = None  # while nobody can begin another talk
                    return
                waits = any(talk.has_more for talk in self._talks.values())
            self._woken.wait(RETRY_SECONDS if waits else self._seconds / 60)
            if waits:
                time.sleep(0.02)  # several messages at once are stored together

    def _save(self, talk: LateTalk, now: float) -> None:
        with self._saving:
            messages = talk.unsaved(now)
            if messages:
                self._save_messages(talk, messages, now)

    def _save_messages(self, talk: LateTalk, messages: list[ChatMessage], now: float) -> None:
        chat_id = uuid.UUID(talk.chat.chat_id)
        try:
            stored = self._store.save_late(chat_id, talk.turn_id, messages)
        except StoreUnavailableError as error:
            # It is tried again several times a second, and told once.
            if not self._is_unavailable:
                logger.error("turns.not_stored", extra={"fields": {"error": str(error)}})
            self._is_unavailable = True
            stored = LateOutcome.BUSY
        else:
            self._is_unavailable = False
        waits = {
            LateOutcome.BUSY: talk.ends_at + self._seconds,
            LateOutcome.MISSING: talk.began_at + START_SECONDS,
        }
        if now < waits.get(stored, 0.0):
            return
        if stored is not LateOutcome.STORED:
            fields = {"chat": talk.chat.chat_id, "messages": len(messages)}
            logger.warning("late_messages.not_stored", extra={"fields": fields})
        talk.saved.update({message.id: message.version for message in messages})
        talk.placed.update(message.id for message in messages)


@dataclass(frozen=True)
class _GoOn:
    late: LateMessages
    chat: ChatContext
    turn_id: uuid.UUID
    said: list[ChatMessage]
    ends_at: float

    def __call__(self) -> ChatContext:
        return self.late.talk(self.chat, self.turn_id, self.said, self.ends_at)
