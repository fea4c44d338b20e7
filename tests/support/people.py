"""People with browsers: a test client that fills in forms as a page would."""

from __future__ import annotations

from typing import Self

from webapp.testing.browser import Browser

HTMX = {"HX-Request": "true"}


class Visitor(Browser):
    """Somebody with a browser of their own."""

    def logged_in(self, username: str, password: str | None = None) -> Self:
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
