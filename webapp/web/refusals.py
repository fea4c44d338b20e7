"""The base of our HTTP errors: a status, and the explanation on the page or notice."""

from __future__ import annotations

from typing import Any

from werkzeug.exceptions import HTTPException


class Refusal(HTTPException):
    """A refused request. Each subclass has a status and an explanation.

    ``{}`` in the message stands for the subject, which may be any text from a browser or an author.

    Attributes
    ----------
    title:
        2 to 5 words without a full stop.
    message:
        One sentence: what happened.
    advice:
        One sentence: what to do now.
    retry_after:
        After how many seconds a program may try again.
    """

    code: int
    title: str
    message: str
    advice: str = ""
    retry_after: int | None = None

    def __init__(self, message: str | None = None, *, subject: str = "") -> None:
        if message is not None:
            self.message = message
        self.subject = subject
        super().__init__(self.message)

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        """Return the headers of the answer."""
        headers = super().get_headers(*args, **kwargs)
        if self.retry_after is not None:
            headers.append(("Retry-After", str(self.retry_after)))
        return headers
