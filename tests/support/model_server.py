"""A small server of language models on a port of loopback, in the protocol of OpenAI.

The name of the model says how it answers; see `MODES`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WORDS = ["Once ", "upon ", "a **time**", "."]
# What a server may write into an error, and nobody may read in a chat.
SECRET = "sk-secret-of-the-server"
LONG = 30.0


@dataclass(frozen=True)
class Asked:
    """What a client asked for."""

    model: str
    messages: list[dict[str, str]]
    authorization: str | None
    headers: dict[str, str]


class ModelServer(ThreadingHTTPServer):
    """Answers, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[Asked] = []
        # Set it to let slow answers end.
        self.free = threading.Event()
        # Set when a client has left in the middle of an answer.
        self.left = threading.Event()

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[ModelServer]:
        """Yield a server that answers until the end of the block."""
        with cls() as server:
            thread = threading.Thread(target=server.serve_forever, args=[0.05], daemon=True)
            thread.start()
            try:
                yield server
            finally:
                server.free.set()
                server.shutdown()
                thread.join()

    @property
    def url(self) -> str:
        """Return the address for ``OPENAI_BASE_URL``."""
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ModelServer

    def do_POST(self) -> None:
        if self.path != "/v1/chat/completions":
            self.fail(404)
            return
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(
            Asked(
                body["model"],
                body["messages"],
                self.headers["Authorization"],
                dict(self.headers.items()),
            )
        )
        assert body["stream"] is True
        MODES.get(body["model"], _Handler.answer)(self)

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def answer(self) -> None:
        """Answer in four pieces."""
        self.begin()
        for word in WORDS:
            self.event({"delta": {"content": word}})
        self.event({"delta": {}, "finish_reason": "stop"})
        self.chunk(b"data: [DONE]\n\n")
        self.chunk(b"")

    def fail(self, status: int, *, code: str | None = None, **headers: str) -> None:
        """Answer with an error."""
        error = {"message": f"No: {SECRET}", "type": "error", "param": None, "code": code}
        body = json.dumps({"error": error}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def wait(self) -> None:
        """Answer nothing for a long time."""
        self.server.free.wait(LONG)
        self.close_connection = True

    def pause(self) -> None:
        """Say one word, and then nothing for a long time."""
        self.begin()
        self.event({"delta": {"content": WORDS[0]}})
        self.wait()

    def cut(self) -> None:
        """Break off in the middle of a piece."""
        self.begin()
        self.event({"delta": {"content": WORDS[0]}})
        self.wfile.write(b'40\r\ndata: {"id": "1", "ch')
        self.close_connection = True

    def end_early(self) -> None:
        """End in good order, but before the answer is whole."""
        self.begin()
        self.event({"delta": {"content": WORDS[0]}})
        self.chunk(b"")

    def fail_late(self) -> None:
        """Tell an error in the middle of the answer."""
        self.begin()
        self.event({"delta": {"content": WORDS[0]}})
        self.chunk(b'data: {"error": {"message": "%s"}}\n\n' % SECRET.encode())
        self.chunk(b"")

    def drip(self) -> None:
        """Say a word again and again, until the client leaves."""
        self.begin()
        self.close_connection = True
        try:
            while not self.server.free.wait(0.02):
                self.event({"delta": {"content": WORDS[0]}})
        except OSError:
            self.server.left.set()

    def begin(self) -> None:
        """Begin a stream of events."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.event({"delta": {"role": "assistant", "content": ""}})

    def event(self, choice: dict[str, Any]) -> None:
        """Send a piece of the answer."""
        piece = {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "a",
            "choices": [{"index": 0, "finish_reason": None, **choice}],
        }
        self.chunk(f"data: {json.dumps(piece)}\n\n".encode())

    def chunk(self, data: bytes) -> None:
        """Send some bytes; none of them ends the answer."""
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def finish(self) -> None:
        """Close the connection, which the client may have done before."""
        with suppress(OSError):
            super().finish()


def _failing(status: int, code: str | None = None, **headers: str) -> Callable[[_Handler], None]:
    return lambda handler: handler.fail(status, code=code, **headers)


# How the models answer that do not simply answer.
MODES: dict[str, Callable[[_Handler], None]] = {
    "400": _failing(400),
    "401": _failing(401, "invalid_api_key"),
    "404": _failing(404, "model_not_found"),
    "429": _failing(429, "rate_limit_exceeded", Retry_After="7"),
    "429-without-time": _failing(429),
    "429-date": _failing(429, Retry_After="Fri, 31 Dec 2027 23:59:59 GMT"),
    "no-credit": _failing(429, "insufficient_quota"),
    "500": _failing(500),
    "503": _failing(503),
    "slow": _Handler.wait,
    "pause": _Handler.pause,
    "cut": _Handler.cut,
    "end-early": _Handler.end_early,
    "fail-late": _Handler.fail_late,
    "drip": _Handler.drip,
}
