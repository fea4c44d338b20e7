"""A reader of a stream: a connection of our own that never blocks, and what it is to get."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from webapp.web.server import SEND_SECONDS
from webapp.web.sse import Slot

# What readers send is thrown away. One that sends more than this is given up.
MOST_RECEIVED = 65_536
# How long an ended connection waits for the reader to close it too. If we close first and there is
# something unread, the reader may lose the last event (RFC 9112, 9.6).
LINGER_SECONDS = 2.0


class Events(Protocol):
    """A stream of events, a step at a time."""

    @property
    def first(self) -> bytes:
        """The event with which the stream begins."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""

    @property
    def is_cut(self) -> bool:
        """Whether the stream is to end now, because the server is stopping."""

    @property
    def rest_until(self) -> float:
        """When the next step makes sense, on the monotonic clock."""

    @property
    def has_end(self) -> bool:
        """Whether the next step is the last one. It waits for no rest."""

    @property
    def wake_at(self) -> float:
        """When a step is due even if nothing is new."""

    @property
    def look_at(self) -> float:
        """When the database is to be asked something, which may block."""

    def step(self) -> bytes:
        """Return what is new, or nothing. This never blocks."""

    def listen(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` whenever something is new."""

    def close(self) -> None:
        """Call the listener no more."""


class Reader:
    """One reader, and how far it is.

    Parameters
    ----------
    connection:
        It belongs to the reader, which closes it.
    slot:
        It is given back when the stream ends.
    chunked:
        Whether the answer is sent in the chunks of HTTP/1.1.
    wake:
        Called with the reader when something is new and the reader does not rest.
    """

    def __init__(
        self,
        connection: socket.socket,
        events: Events,
        slot: Slot,
        *,
        chunked: bool,
        wake: Callable[[Reader], None],
    ) -> None:
        self.connection = connection
        self.events = events
        self._slot = slot
        self._chunked = chunked
        self._wake = wake
        self._unsent = bytearray()
        self._accepted_at = time.monotonic()
        self._received = 0
        self._ended_at = math.inf
        # When it is this reader's turn.
        self.due_at = math.inf
        # Something came after the last step.
        self.has_news = True
        # It has just got something. Until the rest ends, news is only noted.
        self.rests = False

    def tell(self) -> None:
        """Note that something is new. Called by other threads at each token, so it is quick."""
        # The order counts: the stream thread ends the rest first, and then looks for news.
        is_first = not self.has_news
        self.has_news = True
        if (is_first and not self.rests) or self.events.has_end:
            self._wake(self)

    @property
    def has_ended(self) -> bool:
        """Whether the stream has ended, although its last bytes may not be sent yet."""
        return self._ended_at < math.inf

    @property
    def is_behind(self) -> bool:
        """Whether the reader has not taken all that was sent."""
        return bool(self._unsent)

    def is_given_up(self, now: float) -> bool:
        """Return whether the connection has been silent, or open after its end, for too long."""
        if self._unsent:
            return now - self._accepted_at > SEND_SECONDS
        return now - self._ended_at > LINGER_SECONDS

    def send(self, data: bytes) -> None:
        """Send an event, as far as the reader takes it now.

        Raises
        ------
        OSError
            The reader has gone.
        """
        self._unsent += b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data
        self._accepted_at = time.monotonic()
        self.flush()

    def flush(self) -> None:
        """Send what the reader has not taken yet, as far as it takes it now.

        Raises
        ------
        OSError
            The reader has gone.
        """
        with suppress(BlockingIOError):
            while self._unsent:
                del self._unsent[: self.connection.send(self._unsent)]
                self._accepted_at = time.monotonic()
        if self.has_ended and not self._unsent:
            self.connection.shutdown(socket.SHUT_WR)

    def is_there(self) -> bool:
        """Return whether the reader is still there, when there is something to receive."""
        try:
            received = len(self.connection.recv(4_096))
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._received += received
        return received > 0 and self._received <= MOST_RECEIVED

    def end(self) -> None:
        """End the stream: its slot is free, and the rest is sent as far as the reader takes it.

        Raises
        ------
        OSError
            The reader has gone.
        """
        self.release()
        if self._chunked:
            self._unsent += b"0\r\n\r\n"
        self.flush()

    def release(self) -> None:
        """Listen no more, and give the slot back."""
        self._ended_at = time.monotonic()
        self.events.close()
        self._slot.give_back()
