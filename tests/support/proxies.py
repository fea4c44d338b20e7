"""What may stand in front of a site: small proxies that pass its answers on, each in its manner."""

from __future__ import annotations

import gzip
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.servers import PATIENCE

# A certificate with its key, for localhost and 127.0.0.1.
CERTIFICATE = Path(__file__).parent / "loopback.pem"
# Of one connection each, so not to be passed on.
HOP_BY_HOP = {"connection", "content-length", "date", "server", "transfer-encoding"}


@dataclass(frozen=True)
class Manners:
    """How a proxy passes on what the site answers.

    Parameters
    ----------
    collects:
        Waits for the whole answer and sends it then.
    holds_seconds:
        Sends what has come only every so often.
    compresses:
        With gzip, if the browser takes that.
    cuts_after:
        Hangs up after so many pieces of an answer.
    asks_with:
        Headers it sets in what it asks the site.
    says:
        Headers it sets in what it answers.
    drops:
        Headers it takes away from what it answers.
    answers:
        What it answers by itself: by path, a status, headers and a body.
    """

    collects: bool = False
    holds_seconds: float = 0.0
    compresses: bool = False
    cuts_after: int = 1_000
    protocol: str = "HTTP/1.1"
    tls: bool = False
    asks_with: Mapping[str, str] = field(default_factory=dict)
    says: Mapping[str, str] = field(default_factory=dict)
    drops: tuple[str, ...] = ()
    answers: Mapping[str, tuple[int, Mapping[str, str], bytes]] = field(default_factory=dict)


class Proxy:
    """A proxy on a port of loopback, and what it was asked: paths with their headers."""

    def __init__(self, port: int, *, tls: bool) -> None:
        self.port = port
        self.url = f"{'https' if tls else 'http'}://localhost:{port}"
        self.asked: list[tuple[str, dict[str, str]]] = []


@contextmanager
def proxy(site_port: int = 0, **manners: Any) -> Iterator[Proxy]:
    """Yield a proxy in front of a site on loopback; ``manners`` are those of `Manners`."""
    manner = Manners(**manners)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(manner, site_port))
    if manner.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.proxy = Proxy(server.server_port, tls=manner.tls)  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.proxy  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(manner: Manners, site_port: int) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        protocol_version = manner.protocol
        manners = manner
        site = site_port

    return Handler


class _Handler(BaseHTTPRequestHandler):
    manners: Manners
    site: int

    def do_GET(self) -> None:
        """Pass a question on, or answer it."""
        asked = self.server.proxy.asked  # type: ignore[attr-defined]
        asked.append((self.path, dict(self.headers.items())))
        # Whoever asked may have heard enough.
        with suppress(BrokenPipeError, ConnectionResetError):
            own = self.manners.answers.get(self.path)
            self._send(*own) if own else self._pass_on()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

    def version_string(self) -> str:
        """Return what it calls itself."""
        return self.manners.says.get("Server", "proxy")

    def _pass_on(self) -> None:
        connection = HTTPConnection("127.0.0.1", self.site, timeout=PATIENCE)
        try:
            headers = {**dict(self.headers.items()), **self.manners.asks_with}
            connection.request("GET", self.path, headers=headers)
            response = connection.getresponse()
            if self.manners.collects or self.manners.compresses:
                self._send(response.status, self._headers(response), response.read())
            else:
                self._stream(response)
        finally:
            connection.close()

    def _headers(self, response: HTTPResponse) -> dict[str, str]:
        left_out = HOP_BY_HOP | {name.lower() for name in self.manners.drops}
        return {k: v for k, v in response.getheaders() if k.lower() not in left_out}

    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        if self.manners.compresses and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body)
            headers = {**headers, "Content-Encoding": "gzip"}
        self._send_headers({**headers, "Content-Length": str(len(body))})
        self.wfile.write(body)

    def _stream(self, response: HTTPResponse) -> None:
        self.send_response(response.status)
        chunked = self.manners.protocol == "HTTP/1.1"
        how = {"Transfer-Encoding": "chunked"} if chunked else {}
        self._send_headers({**self._headers(response), **how})
        pieces = iter(lambda: response.read1(65_536), b"")
        for number, piece in enumerate(_held(pieces, self.manners.holds_seconds)):
            if number == self.manners.cuts_after:
                self.close_connection = True
                return
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _send_headers(self, headers: Mapping[str, str]) -> None:
        for name, value in headers.items():
            self.send_header(name, value)
        for name, value in self.manners.says.items():
            if name != "Server":
                self.send_header(name, value)
        self.end_headers()


def _held(pieces: Iterator[bytes], seconds: float) -> Iterator[bytes]:
    held, began = b"", time.monotonic()
    for piece in pieces:
        held += piece
        if time.monotonic() - began >= seconds:
            yield held
            held, began = b"", time.monotonic()
    if held:
        yield held
