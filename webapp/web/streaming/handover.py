"""The answer that gives its connection to another thread, and so holds no thread of gunicorn.

The last step of gunicorn is to ask the answer for its first bytes. At that moment the request has
ended, and all headers have been added. The answer lets gunicorn send the head, and of a stream the
first event. Then it puts a closed connection in the place of the reader's, and fails as if the
reader had gone. So gunicorn logs the request and counts its connections as it does for any reader
that has gone.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol

from flask import Response, request

from webapp.web.server import Host, give_up_silent_readers, host_of, wait_again
from webapp.web.sse import HEADERS, MIMETYPE, Slot
from webapp.web.streaming.reader import Events
from webapp.web.streaming.thread import stream_thread

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def host_of_streams() -> Host:
    """Return the server of this request. It hands over connections only if that has worked."""
    host = host_of(request.environ)
    return replace(host, hands_over=False) if stream_thread().is_bypassed else host


class Recipient(Protocol):
    """What takes over the connection of an answer."""

    def start(self) -> None:
        """Get ready, while nothing has been sent yet.

        Raises
        ------
        RuntimeError, OSError
            No thread or no file is left, so gunicorn goes on by itself.
        """

    def begin(self, answer: Any) -> None:
        """Let gunicorn send the beginning of its answer."""

    def serve(self, connection: socket.socket, *, chunked: bool) -> None:
        """Send the rest, and close the connection in the end."""

    def note_bypass(self) -> None:
        """Note that answers are asked for their bytes by somebody else."""

    def give_up(self) -> None:
        """Free what is held: the connection was not handed over."""


class EventResponse(Response):
    """A stream of events, sent by the stream thread if the server hands over the connection.

    Parameters
    ----------
    events:
        The stream.
    body:
        The same stream, for a server whose thread sends it.
    slot:
        It is given back at the end.
    """

    def __init__(self, events: Events, body: Iterator[bytes], slot: Slot, host: Host) -> None:
        super().__init__(body, mimetype=MIMETYPE, headers=HEADERS)
        self._slot = slot
        self._recipient = StreamRecipient(events, slot) if host.hands_over else None
        connection = give_up_silent_readers(request.environ)
        self.call_on_close(lambda: wait_again(connection))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Return the body that the server asks for bytes."""
        body = super().__call__(environ, start_response)
        if self._recipient is None or environ["REQUEST_METHOD"] == "HEAD":
            self.call_on_close(self._slot.give_back)
            return body
        return HandedOverBody(body, environ["gunicorn.socket"], self._recipient)


class StreamRecipient:
    """Gives the connection of a stream to the stream thread."""

    def __init__(self, events: Events, slot: Slot) -> None:
        self._events = events
        self._slot = slot
        self._thread = stream_thread()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def begin(self, answer: Any) -> None:
        """Let gunicorn send the first event."""
        answer.write(self._events.first)

    def serve(self, connection: socket.socket, *, chunked: bool) -> None:
        """Send the other events."""
        self._thread.serve(connection, self._events, self._slot, chunked=chunked)

    def note_bypass(self) -> None:
        """Let streams hold threads from now on, and count them so."""
        self._thread.is_bypassed = True

    def give_up(self) -> None:
        """Give the slot back."""
        self._slot.give_back()


class HandedOverBody:
    """The body of an answer, which hands its connection over if gunicorn itself asks for it."""

    def __init__(
        self, body: Iterable[bytes], connection: socket.socket, recipient: Recipient
    ) -> None:
        self._body = body
        self._rest = iter(body)
        self._connection = connection
        self._recipient = recipient
        self._was_asked = self._is_handed_over = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if not self._was_asked:
            self._was_asked = True
            answer = _answer_of_gunicorn(sys._getframe(1), self._connection)
            if answer is None:
                # Middleware of the site asks, and may change the bytes.
                self._recipient.note_bypass()
            elif self._hand_over(answer):
                raise BrokenPipeError(errno.EPIPE, "another thread has the connection")
        return next(self._rest)

    def close(self) -> None:
        """Free what the answer holds, unless the recipient holds it now."""
        if hasattr(self._body, "close"):
            self._body.close()
        if not self._is_handed_over:
            self._recipient.give_up()

    def _hand_over(self, answer: Any) -> bool:
        try:
            self._recipient.start()
            ours = self._connection.dup()
        except (RuntimeError, OSError):  # no thread or no file is left
            return False
        try:
            closed, other_end = socket.socketpair()
        except OSError:
            ours.close()
            return False
        try:
            with closed, other_end:
                answer.force_close()
                self._recipient.begin(answer)
                # gunicorn would shut the connection down. A connection that is shut down is so
                # for everybody who holds it, so gunicorn gets another one under its number.
                os.dup2(closed.fileno(), self._connection.fileno(), inheritable=False)
            self._recipient.serve(ours, chunked=bool(answer.chunked))
        except BaseException:
            ours.close()
            raise
        self._is_handed_over = True
        return True


def _answer_of_gunicorn(caller: FrameType, connection: socket.socket) -> Any:
    """Return gunicorn's own answer if ``caller`` is the function that sends it."""
    if caller.f_globals.get("__name__") != "gunicorn.workers.gthread":
        return None
    answer = caller.f_locals.get("resp")
    is_known = all(hasattr(answer, name) for name in ("force_close", "write", "chunked"))
    return answer if is_known and getattr(answer, "sock", None) is connection else None
