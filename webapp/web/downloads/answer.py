"""The answer to a request for a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Response, request

from webapp.web.downloads.ranges import Part, choose_part
from webapp.web.downloads.sources import PIECE_BYTES, FileSource, Source
from webapp.web.downloads.thread import DownloadThread, download_thread
from webapp.web.errors import RETRY_SECONDS
from webapp.web.headers import POLICY
from webapp.web.refusals import Refusal
from webapp.web.server import (
    SEND_SECONDS,
    give_up_silent_readers,
    host_of,
    max_held_threads,
    wait_again,
)
from webapp.web.sse import Slot, Slots
from webapp.web.streaming.handover import HandedOverBody

if TYPE_CHECKING:
    import socket

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

# The buffers of a connection take so much at once, so no thread waits for the reader.
SMALL_BYTES = 64 * 1024
# A thread that must send more than this has a slot, so that some threads stay free.
THREAD_BYTES = 1024 * 1024
# Of one user, where downloads hold threads.
DOWNLOADS_OF_ONE = 2
WAITRESS = "waitress"


class TooManyDownloadsError(Refusal):
    """All slots for downloads, or those of this user, are in use."""

    code = 429
    title = "Too many downloads"
    message = "Too many downloads are in progress."
    advice = "Wait until one of them has finished, then try again."
    retry_after = RETRY_SECONDS


@dataclass(frozen=True, kw_only=True)
class Content:
    """A content that can be sent.

    Parameters
    ----------
    etag:
        Without quotes. It changes with the content.
    mime, disposition, policy, cache:
        What the headers about type, name, rights and caching say.
    open:
        Returns the bytes from one place up to another.
    sent_by_proxy:
        The header, and its value, with which the proxy before this site sends the file itself.
    """

    size: int
    etag: str
    mime: str
    disposition: str
    policy: str
    cache: str
    open: Callable[[int, int], Source]
    sent_by_proxy: tuple[str, str] | None = None


def answer_with(content: Content, owner: str, thread_slots: Slots) -> Response:
    """Return the answer with a content, or with the range that the request names.

    Parameters
    ----------
    owner:
        Whose downloads are counted.
    thread_slots:
        Where threads are counted that slow readers hold.

    Raises
    ------
    TooManyDownloadsError
        There are too many, or this user has too many.
    """
    part = choose_part(request, content.etag, content.size)
    if content.sent_by_proxy is not None and part.status in (206, 416):
        part = Part(status=200, start=0, stop=content.size)  # the proxy looks at ranges itself
    has_body = request.method != "HEAD" and part.start < part.stop
    if has_body and content.sent_by_proxy is None:
        response = _send(content, part, owner, thread_slots)
    else:
        response = Response()
    response.status_code = part.status
    response.headers.update(_headers(content, part))
    if part.status == 304:
        del response.headers["Content-Type"]
    return response


def _headers(content: Content, part: Part) -> dict[str, str]:
    headers = {"Cache-Control": content.cache, "ETag": f'"{content.etag}"', "Vary": "Cookie"}
    if part.status == 304:
        return headers
    headers |= {
        "Accept-Ranges": "bytes",
        "Content-Disposition": content.disposition,
        "Content-Type": content.mime,
        POLICY: content.policy,
    }
    if "frame-ancestors 'self'" in content.policy:
        headers["X-Frame-Options"] = "SAMEORIGIN"
    if part.status == 416:
        return headers | {"Content-Range": f"bytes */{content.size}", "Cache-Control": "no-store"}
    if content.sent_by_proxy is not None:
        name, value = content.sent_by_proxy
        return headers | {name: value}
    headers["Content-Length"] = str(part.stop - part.start)
    if part.status == 206:
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{content.size}"
    return headers


def _send(content: Content, part: Part, owner: str, thread_slots: Slots) -> Response:
    length = part.stop - part.start
    if length <= SMALL_BYTES:
        with closing(content.open(part.start, part.stop)) as source:
            return Response(b"".join(source))

    host, thread = host_of(request.environ), download_thread()
    hands_over = host.hands_over and not thread.is_bypassed
    holds_thread = not hands_over and host.name != WAITRESS and length > THREAD_BYTES
    slot = None
    if hands_over:
        slot = thread.take_slot(owner)
    elif holds_thread:
        slot = thread_slots.take(max_held_threads(host), f"download {owner}", DOWNLOADS_OF_ONE)
    if slot is None and (hands_over or holds_thread):
        raise TooManyDownloadsError
    source = content.open(part.start, part.stop)
    if host.name == WAITRESS and isinstance(source, FileSource):
        # Its own loop sends such a file, and closes it.
        body = request.environ["wsgi.file_wrapper"](source.file, PIECE_BYTES)
        return Response(body, direct_passthrough=True)
    return DownloadResponse(source, slot, thread if hands_over else None)


class DownloadResponse(Response):
    """The bytes of a file, sent by the download thread if the server hands over the connection.

    Parameters
    ----------
    slot:
        It is given back at the end.
    thread:
        ``None`` if a thread of the server sends the file.
    """

    def __init__(self, source: Source, slot: Slot | None, thread: DownloadThread | None) -> None:
        super().__init__(iter(source))
        self._recipient = None
        if thread is not None and slot is not None:
            self._recipient = DownloadRecipient(source, slot, thread)
            return
        connection = give_up_silent_readers(request.environ)
        self.call_on_close(source.close)
        self.call_on_close(lambda: wait_again(connection))
        if slot is not None:
            self.call_on_close(slot.give_back)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Return the body that the server asks for bytes."""
        body = super().__call__(environ, start_response)
        if self._recipient is None:
            return body
        return HandedOverBody(body, environ["gunicorn.socket"], self._recipient)


class DownloadRecipient:
    """Gives the connection of a download to the download thread."""

    def __init__(self, source: Source, slot: Slot, thread: DownloadThread) -> None:
        self._source = source
        self._slot = slot
        self._thread = thread

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def begin(self, answer: Any) -> None:
        """Let gunicorn send the head, to a reader who may not have read the last answer."""
        answer.sock.settimeout(SEND_SECONDS)
        answer.write(b"")

    def serve(self, connection: socket.socket, *, chunked: bool) -> None:
        """Send the file. Its length is known, so it is never sent in chunks."""
        del chunked
        self._thread.serve(connection, self._source, self._slot)

    def note_bypass(self) -> None:
        """Let downloads hold threads from now on, and count them so."""
        self._thread.is_bypassed = True

    def give_up(self) -> None:
        """Close the file, and give the slot back."""
        self._source.close()
        self._slot.give_back()
