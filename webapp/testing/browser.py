"""A browser for tests: it fills in forms as a page would, and knows what htmx sends."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


class Browser:
    """Somebody's browser, with cookies of its own."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.client: FlaskClient = app.test_client()
        self._token = ""
        self._page = "/"

    @property
    def language(self) -> str:
        """The languages that it prefers, as in the header ``Accept-Language``."""
        return str(self.client.environ_base.get("HTTP_ACCEPT_LANGUAGE", ""))

    @language.setter
    def language(self, language: str) -> None:
        self.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = language

    def send_always(self, headers: Mapping[str, str]) -> None:
        """Send these headers with all requests, as a proxy in front of the site adds them."""
        for name, value in headers.items():
            key = f"HTTP_{name.upper().replace('-', '_')}"
            # A server gives the bytes of a header as Latin-1.
            self.client.environ_base[key] = value.encode().decode("latin-1")

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
                # An app that asks its users for keys sends to another page first.
                self.get("/", follow_redirects=True)
        from_htmx = {"HX-Request": "true", "HX-Current-URL": f"http://localhost{self._page}"}
        headers = {**(from_htmx if htmx else {}), **kwargs.pop("headers", {})}
        form = {"csrf_token": self._token, **(data or {})}
        return self._noted(self.client.post(path, data=form, headers=headers, **kwargs))

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
