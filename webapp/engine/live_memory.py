"""The objects of chats that this process holds, since JSON cannot hold them."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from webapp.authoring.live.values import LiveObjects

logger = logging.getLogger("webapp")

RESUMED = (
    "It lives in this process. In another worker, and after a restart, @on_chat_resume runs to "
    "make it again."
)
NOT_RESUMED = (
    "It lives in this process. Another worker, and this one after a restart, cannot read it: write "
    "an @on_chat_resume that makes it again."
)


@dataclass
class _Held:
    objects: LiveObjects
    used_at: float


class LiveMemory:
    """The objects of the chats of one process, bounded by the number of chats and by time.

    The chat that was silent for longest goes first. An object that goes is only forgotten: nothing
    is closed.

    Parameters
    ----------
    most_chats:
        Of how many chats objects are held.
    idle_seconds:
        How long they are held after the last turn of their chat.
    can_resume:
        Whether the app has an ``@on_chat_resume``.
    """

    def __init__(self, most_chats: int, idle_seconds: float, *, can_resume: bool) -> None:
        self._most_chats = most_chats
        self._idle_seconds = idle_seconds
        self._can_resume = can_resume
        self._lock = threading.Lock()
        # The chat whose turn was last comes last.
        self._chats: OrderedDict[str, _Held] = OrderedDict()
        self._was_told = False

    def of(self, chat_id: str) -> ChatMemory:
        """Return the part of the memory that belongs to a chat."""
        return ChatMemory(self, chat_id)

    def find(self, chat_id: str) -> LiveObjects:
        """Return the objects of a chat, by their versions."""
        self.forget_idle()
        with self._lock:
            held = self._chats.get(chat_id)
            return held.objects if held is not None else {}

    def keep(self, chat_id: str, objects: LiveObjects) -> None:
        """Keep these objects of a chat, and forget all others that it had."""
        self.forget_idle()
        with self._lock:
            self._chats.pop(chat_id, None)
            if objects:
                self._chats[chat_id] = _Held(objects, time.monotonic())
            while len(self._chats) > self._most_chats:
                self._chats.popitem(last=False)
            is_first = bool(objects) and not self._was_told
            self._was_told = self._was_told or is_first
        if is_first:
            first = next(iter(objects.values()))
            fields = {
                "key": first.key,
                "type": type(first.value).__name__,
                "advice": RESUMED if self._can_resume else NOT_RESUMED,
            }
            level = logging.INFO if self._can_resume else logging.WARNING
            logger.log(level, "session.object", extra={"fields": fields})

    def forget(self, chat_ids: Iterable[str]) -> None:
        """Forget the objects of these chats."""
        with self._lock:
            for chat_id in chat_ids:
                self._chats.pop(chat_id, None)

    def forget_idle(self) -> None:
        """Forget the objects of chats that were silent for too long."""
        before = time.monotonic() - self._idle_seconds
        with self._lock:
            while self._chats and next(iter(self._chats.values())).used_at < before:
                self._chats.popitem(last=False)

    @property
    def chat_ids(self) -> list[str]:
        """Return the chats whose objects are held."""
        with self._lock:
            return list(self._chats)


@dataclass(frozen=True)
class ChatMemory:
    """The objects of one chat, for its `Values`."""

    memory: LiveMemory
    chat_id: str

    def find(self) -> LiveObjects:
        """Return the objects."""
        return self.memory.find(self.chat_id)

    def keep(self, objects: LiveObjects) -> None:
        """Keep these objects, and forget all others of the chat."""
        self.memory.keep(self.chat_id, objects)
