"""A live server in this process, on a free port of loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING, Any

from flask import Flask
from werkzeug.datastructures import Headers
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wsgi import ClosingIterator

from webapp.web.sse import MIMETYPE

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002
        """Leave the test's output to the test."""


@dataclass(frozen=True)
class Site:
    """An app, and the address under which browsers find it."""

    app: Flask
    url: str

    def __str__(self) -> str:
        return self.url


def _closed(app: WSGIApplication) -> WSGIApplication:
    # Werkzeug's server does not close the answer of a browser that has gone, so a file stays open:
    # answers are sent whole, but for streams, which close themselves.
    def answered(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        kinds: list[str] = []

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[..., Any]:
            kinds.append(Headers(headers).get("Content-Type", ""))
            return start_response(status, headers, *error)

        answer = ClosingIterator(app(environ, start))
        if kinds and kinds[-1].startswith(MIMETYPE):
            return _piece_by_piece(answer)
        with closing(answer):
            return [b"".join(answer)]

    return answered


def _piece_by_piece(answer: ClosingIterator) -> Iterator[bytes]:
    with closing(answer):
        yield from answer


@contextmanager
def live(app: Flask) -> Iterator[Site]:
    """Serve ``app`` while the block runs."""
    server = make_server("127.0.0.1", 0, _closed(app), threaded=True, request_handler=_Quiet)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield Site(app, f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
