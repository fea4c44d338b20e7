"""`FakeModel`: a language model that answers from a script, in the protocol of OpenAI."""

from __future__ import annotations

import json
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from webapp.testing import openai_format
from webapp.testing.failures import ChatTestError

# How often a server looks whether it is to end.
LOOK_SECONDS = 0.02
# The client of an app file is never closed, and would keep connections until Python warns of them.
_CLOSE = {"Connection": "close"}


@dataclass(frozen=True)
class ToolCall:
    """A call of a tool, which the model asks for in the place of an answer.

    Example
    -------
    >>> ToolCall("search", {"query": "capital of Peru"}).name
    'search'
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        name: object = self.name
        arguments: object = self.arguments
        if not isinstance(name, str) or not isinstance(arguments, Mapping):
            raise ChatTestError(
                'ToolCall takes a name and a dict: ToolCall("search", {"query": "Peru"}).'
            )


@dataclass(frozen=True, kw_only=True)
class ModelError:
    """An error, with which the model answers.

    Parameters
    ----------
    status:
        The HTTP status, such as 429.
    message, code:
        What the client is told.
    retry_after:
        How many seconds the client is to wait.
    """

    status: int = 500
    message: str = "The fake model was told to fail."
    code: str | None = None
    retry_after: int | None = None

    def __post_init__(self) -> None:
        status: object = self.status
        if not isinstance(status, int) or not 400 <= status <= 599:
            raise ChatTestError(f"The status of a ModelError is 400 to 599, not {status!r}.")


@dataclass(frozen=True, kw_only=True)
class ModelRequest:
    """What a model was asked.

    Parameters
    ----------
    path:
        The last part of the address: ``chat/completions`` or ``responses``.
    body:
        Everything that the client has sent.
    """

    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]

    @property
    def model(self) -> str:
        """The name of the model."""
        return str(self.body.get("model", ""))

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages, the oldest first."""
        asked = self.body.get("messages", self.body.get("input", []))
        return [{"role": "user", "content": asked}] if isinstance(asked, str) else list(asked)

    @property
    def tools(self) -> list[dict[str, Any]]:
        """The tools that the model may call."""
        return list(self.body.get("tools") or [])

    @property
    def stream(self) -> bool:
        """Whether the answer comes piece by piece."""
        return bool(self.body.get("stream"))


Reply = str | ToolCall | ModelError | Iterable[ToolCall]
Script = Iterable[Reply] | Callable[[ModelRequest], Reply]


class FakeModel:
    """A model that gives the answers of a script, one for each request.

    It is a server on a port of loopback, which starts when its address is asked for. Any client
    that speaks the protocol of OpenAI can use it: chat completions and responses, whole or
    streamed, with tools, and embeddings.

    Parameters
    ----------
    script:
        The answers, in their order. Each is a text, a `ToolCall` or several, or a `ModelError`. Or
        a function that returns one for a `ModelRequest`.
    delay:
        How many seconds to wait before each word of a streamed answer, for tests that press Stop.

    Attributes
    ----------
    requests:
        What it was asked, each a `ModelRequest`.

    Example
    -------
    ::

        model = FakeModel([ToolCall("search", {"query": "Peru"}), "Lima"])
        with ChatTester("app.py", model=model) as chat:
            assert chat.say("What is the capital of Peru?").text == "Lima"
        assert model.requests[0].messages[-1]["content"] == "What is the capital of Peru?"
    """

    def __init__(self, script: Script, *, delay: float = 0.0) -> None:
        if delay < 0:
            raise ChatTestError(f"delay= takes a number of seconds from 0, not {delay!r}.")
        self._delay = delay
        self._function = script if callable(script) else None
        self._left: list[Reply] = [] if callable(script) else _check_script(script)
        self._given = 0
        self._failure: BaseException | None = None
        self._lock = threading.Lock()
        self._server: _ModelServer | None = None
        self.requests: list[ModelRequest] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def base_url(self) -> str:
        """The address for ``openai.OpenAI(base_url=..., api_key="any")``."""
        if self._server is None:
            server = self._server = _ModelServer(weakref.WeakMethod(self.reply_to), self._delay)
            # Also when nobody knows the model any more.
            self._end = weakref.finalize(self, server.end)
            server.start()
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    @property
    def environ(self) -> dict[str, str]:
        """The variables by which clients find it."""
        # Through no proxy of the machine.
        direct = ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1"]))
        found = {"OPENAI_BASE_URL": self.base_url, "OPENAI_API_KEY": "fake"}
        return {**found, "NO_PROXY": direct, "no_proxy": direct}

    @property
    def remaining(self) -> int:
        """How many answers of the script were not given."""
        return len(self._left)

    def close(self) -> None:
        """Stop the server."""
        if self._server is not None:
            self._end()

    def reply_to(self, request: ModelRequest) -> Reply:
        """Note a request, and return the next answer of the script."""
        with self._lock:
            self.requests.append(request)
            if self._function is None and not self._left:
                told = (
                    f"The script of FakeModel has {self._given} answers, and the app has asked "
                    f"{len(self.requests)} times. Add an answer to the script."
                )
                return self._fail(ChatTestError(told), "script_exhausted")
            if self._function is None:
                self._given += 1
                return self._left.pop(0)
        try:
            return _check_reply(self._function(request))
        except Exception as error:  # noqa: BLE001 - raised in the test, which has no other way
            return self._fail(error, "script_failed")

    def _fail(self, failure: Exception, code: str) -> ModelError:
        self._failure = self._failure or failure
        # No client asks again after a 400.
        return ModelError(status=400, message=str(failure), code=code)

    def raise_failure(self) -> None:
        """Raise what has gone wrong in the script.

        Raises
        ------
        ChatTestError
            The app has asked for more than the script has, or a function has returned something
            else. An app may have taken the error of its client for something else.
        Exception
            What the function has raised.
        """
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure


def _check_script(script: object) -> list[Reply]:
    if isinstance(script, str | ToolCall | ModelError | Mapping) or not isinstance(
        script, Iterable
    ):
        raise ChatTestError('The script of FakeModel is a list of answers: FakeModel(["Lima"]).')
    return [_check_reply(reply) for reply in script]


def _check_reply(reply: object) -> Reply:
    """Return a reply as it is to be given, several calls of tools as a list."""
    if isinstance(reply, str | ToolCall | ModelError):
        return reply
    calls = list(reply) if isinstance(reply, Iterable) else []
    if not calls or not all(isinstance(call, ToolCall) for call in calls):
        raise ChatTestError(
            "FakeModel answers with a text, a ToolCall, a list of them, or a ModelError, "
            f"not {reply!r:.80}."
        )
    return calls


class _ModelServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self, reply_to: weakref.WeakMethod[Callable[[ModelRequest], Reply]], delay: float
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.delay = delay
        # Weakly: the thread of the server must not keep the model.
        self._reply_to = reply_to

    def start(self) -> None:
        threading.Thread(
            target=self.serve_forever, args=[LOOK_SECONDS], name="fake-model", daemon=True
        ).start()

    def end(self) -> None:
        self.shutdown()
        self.server_close()

    def reply_to(self, request: ModelRequest) -> Reply:
        reply_to = self._reply_to()
        return ModelError(status=503) if reply_to is None else reply_to(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that stops an answer has left in the middle of it."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _ModelServer

    def do_GET(self) -> None:
        """List the models, which are any."""
        self._send_json(200, {"object": "list", "data": [{"id": "fake", "object": "model"}]})

    def do_POST(self) -> None:
        """Answer from the script."""
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        path = self.path.partition("?")[0]
        if path.endswith("/embeddings"):
            self._send_json(200, openai_format.embeddings(body))
            return
        known = [kind for kind in openai_format.FORMATS if path.endswith(f"/{kind}")]
        if not known:
            self._send_error(ModelError(status=404, message=f"FakeModel knows no {path}."))
            return
        request = ModelRequest(path=known[0], body=body, headers=dict(self.headers.items()))
        reply = self.server.reply_to(request)
        if isinstance(reply, ModelError):
            self._send_error(reply)
            return
        if isinstance(reply, str):
            text, calls = reply, list[ToolCall]()
        else:
            text, calls = "", [reply] if isinstance(reply, ToolCall) else list(reply)
        written = openai_format.FORMATS[request.path](
            body, text, [(call.name, json.dumps(dict(call.arguments))) for call in calls]
        )
        if request.stream:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            for name, value in _CLOSE.items():
                self.send_header(name, value)
            self.end_headers()
            for event in written.pieces():
                time.sleep(self.server.delay)
                data = event.encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.write(b"0\r\n\r\n")
        else:
            self._send_json(200, written.whole())

    def _send_error(self, error: ModelError) -> None:
        told = {"message": error.message, "type": "error", "param": None, "code": error.code}
        retry = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
        self._send_json(error.status, {"error": told}, retry)

    def _send_json(
        self, status: int, data: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        head = {"Content-Type": "application/json", "Content-Length": str(len(body)), **_CLOSE}
        for name, value in {**head, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""
