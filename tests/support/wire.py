"""People with browsers of their own at a real server, over real sockets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection
from urllib.parse import urlencode

from tests.support.servers import PATIENCE, Server

_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
_CHAT = re.compile(r'data-chat-id="([0-9a-f-]{36})"')


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    headers: Message
    text: str

    @property
    def chat_id(self) -> str:
        """Return the id of the chat that was started or shown."""
        found = _CHAT.search(self.text) or re.search(r"/chats/(.{36})", self.headers["Location"])
        assert found is not None, self.text
        return found[1]


class RemoteVisitor:
    """Somebody at a server on a port of loopback; keeps cookies, and the token of the last page."""

    def __init__(
        self, port: int, timeout: float = PATIENCE, headers: Mapping[str, str] | None = None
    ) -> None:
        self._port = port
        # Sent with every request, such as what a proxy would add.
        self._headers = dict(headers or {})
        self._timeout = timeout
        self._cookies: dict[str, str] = {}
        self.token = ""

    def move_to(self, port: int) -> None:
        """Go on, with the same cookies, at a server on another port."""
        self._port = port

    @property
    def cookies(self) -> str:
        """Return the cookies as they are sent."""
        return "; ".join(f"{name}={value}" for name, value in self._cookies.items())

    def get(self, path: str) -> Answer:
        """Open a page."""
        return self._ask("GET", path, {}, None)

    def post(self, path: str, form: dict[str, str] | None = None, *, htmx: bool = False) -> Answer:
        """Send a form as the page would."""
        body = urlencode({"csrf_token": self.token, **(form or {})})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", path, headers | ({"HX-Request": "true"} if htmx else {}), body)

    def start_chat(self, profile: str = "GPT-4") -> Answer:
        """Start a chat as htmx would, opening the page first if that was not done."""
        if not self.token:
            self.get("/")
        return self.post("/chats", {"profile": profile}, htmx=True)

    def _ask(self, method: str, path: str, headers: dict[str, str], body: str | None) -> Answer:
        if self._cookies:
            headers["Cookie"] = self.cookies
        headers.update(self._headers)
        connection = HTTPConnection("127.0.0.1", self._port, timeout=self._timeout)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read().decode())
        finally:
            connection.close()
        self._note(answer)
        return answer

    def _note(self, answer: Answer) -> None:
        for cookie in answer.headers.get_all("Set-Cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name] = value
        found = _TOKEN.search(answer.text)
        if found:
            self.token = found[1]


def check_that_the_proxy_is_believed(server: Server) -> None:
    """Check that a server with ``WEBAPP_PROXY_HOPS=1`` takes address and scheme from a proxy."""
    said = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Proto": "https",
        "Referer": f"https://127.0.0.1:{server.port}/login",
    }
    visitor = RemoteVisitor(server.port, headers=said)
    assert "Strict-Transport-Security" in visitor.get("/login").headers
    assert visitor.post("/login", {"username": "zelda", "password": "wrong"}).status == 401
    assert '"ip": "203.0.113.9"' in server.log
