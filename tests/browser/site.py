"""A live server in this process, on a free port of loopback."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wsgi import ClosingIterator

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


def _whole(app: WSGIApplication) -> WSGIApplication:
    # Werkzeug's server does not close the answer of a browser that has gone, so a file stays open.
    def answered(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with closing(ClosingIterator(app(environ, start_response))) as answer:
            return [b"".join(answer)]

    return answered


@contextmanager
def live(app: Flask) -> Iterator[Site]:
    """Serve ``app`` while the block runs."""
    server = make_server("127.0.0.1", 0, _whole(app), threaded=True, request_handler=_Quiet)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield Site(app, f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
