"""People with browsers: a test client that fills in forms as a page would."""

from __future__ import annotations

import re
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
HTMX = {"HX-Request": "true"}


class Visitor:
    """Somebody with a browser of their own."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.client: FlaskClient = app.test_client()
        self._token = ""
        self._page = "/"

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        """Open a page."""
        self._page = path
        # Buffered: the answer of a file would stay open otherwise.
        return self._noted(self.client.get(path, buffered=True, **kwargs))

    def post(
        self, path: str, data: dict[str, Any] | None = None, *, htmx: bool = False, **kwargs: Any
    ) -> TestResponse:
        """Send a form as the page would: with its token, and with htmx's header if asked."""
        if not self._token:
            self.get("/login")
            if not self._token:
                self.get("/")
        from_htmx = {"HX-Request": "true", "HX-Current-URL": f"http://localhost{self._page}"}
        headers = {**(from_htmx if htmx else {}), **kwargs.pop("headers", {})}
        form = {"csrf_token": self._token, **(data or {})}
        return self._noted(self.client.post(path, data=form, headers=headers, **kwargs))

    def logged_in(self, username: str, password: str | None = None) -> Visitor:
        """Log in and return this visitor."""
        answer = self.post("/login", {"username": username, "password": password or username * 2})
        assert answer.status_code == 303, answer.text
        self.get("/")
        return self

    def twin(self) -> Visitor:
        """Return the same browser for use in another thread: its cookies and its page."""
        other = Visitor(self.app)
        cookie = self.client.get_cookie("session")
        assert cookie is not None
        other.client.set_cookie("session", cookie.value)
        other._token = self._token
        return other

    def start_chat(self, profile: str | None = None) -> str:
        """Start a chat and return its address."""
        answer = self.post("/chats", {"profile": profile} if profile else {})
        assert answer.status_code == 303, answer.text
        return str(answer.location)

    def forget_token(self) -> None:
        """Read the token anew before the next form."""
        self._token = ""

    @property
    def token(self) -> str:
        """Return the token of the last page."""
        return self._token

    def _noted(self, response: TestResponse) -> TestResponse:
        readable = response.mimetype == "text/html" and not response.content_encoding
        found = _TOKEN.search(response.text) if readable else None
        if found:
            self._token = found[1]
        return response
