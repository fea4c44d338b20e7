"""What a request must be before any view sees it (R23, R26, R27)."""

from __future__ import annotations

import secrets
from typing import IO, Any
from urllib.parse import parse_qsl, urlsplit

from flask import Flask, Request, g, request
from flask_wtf import CSRFProtect
from flask_wtf.csrf import CSRFError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import LengthRequired, UnsupportedMediaType
from werkzeug.formparser import FormDataParser

from webapp.web.late_schema import wait_for_schema
from webapp.web.refusals import Refusal

FORM_TYPE = "application/x-www-form-urlencoded"
MAX_BODY_BYTES = 256 * 1024
# Where more is taken, by endpoint: a file of exported chats, pasted into a form.
LARGER_BODIES = {"transfer.import_chats": 4 * 1024 * 1024}
MAX_FIELDS = 50
UNSAFE_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class ForeignFormError(CSRFError):
    """A form that the browser says another site has sent."""

    description = "The form came from another site."


class TooManyFieldsError(Refusal):
    """A form with more fields than any of ours has."""

    code = 400
    title = "Form not accepted"
    message = f"A form may have at most {MAX_FIELDS} fields."
    advice = "Go back and use the form on the page."


class FormParser(FormDataParser):
    """Reads forms as UTF-8: bytes that are none become U+FFFD (R28), not their escaped spelling."""

    def parse(
        self,
        stream: IO[bytes],
        mimetype: str,  # noqa: ARG002 - only forms get here: refuse_other_bodies
        content_length: int | None,  # noqa: ARG002
        options: dict[str, str] | None = None,  # noqa: ARG002
    ) -> tuple[IO[bytes], MultiDict[str, str], MultiDict[str, Any]]:
        """Return the stream, the fields, and no files."""
        text = stream.read().decode(errors="replace")
        fields = parse_qsl(text, keep_blank_values=True, errors="replace")
        return stream, self.cls(fields), self.cls()


class FormRequest(Request):
    """A request whose body is a form or nothing."""

    form_data_parser_class = FormParser


def guard_requests(app: Flask) -> None:
    """Refuse what no form of ours sends, in the order in which it is cheapest to tell."""
    app.request_class = FormRequest
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.config["MAX_FORM_MEMORY_SIZE"] = MAX_BODY_BYTES
    # A token lives as long as its session (R23); a limit of its own would only lose drafts.
    app.config["WTF_CSRF_TIME_LIMIT"] = None
    app.before_request(name_the_request)
    app.before_request(wait_for_schema)
    app.before_request(allow_larger_body)
    app.before_request(refuse_other_bodies)
    app.before_request(refuse_other_sites)
    CSRFProtect(app)


def name_the_request() -> None:
    """Give the request the id that error pages and the log share."""
    g.request_id = secrets.token_hex(6)


def allow_larger_body() -> None:
    """Take more where the form needs it, and nowhere else."""
    if request.endpoint in LARGER_BODIES:
        request.max_content_length = LARGER_BODIES[request.endpoint]


def refuse_other_bodies() -> None:
    """Take only what a plain HTML form sends, before anything is parsed."""
    if request.method not in UNSAFE_METHODS:
        return
    if request.content_length in (None, 0) and not request.content_type:
        return
    if request.mimetype != FORM_TYPE:
        raise UnsupportedMediaType
    if request.content_length is None:
        # A body in chunks is cut at the limit without a word, and its last fields would be lost.
        raise LengthRequired
    if len(list(request.form.items(multi=True))) > MAX_FIELDS:
        raise TooManyFieldsError


def refuse_other_sites() -> None:
    """Take changes from this site's own pages only; the CSRF token is checked as well."""
    if request.method not in UNSAFE_METHODS:
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise ForeignFormError
    origin = request.headers.get("Origin")
    if origin is not None and not _is_this_site(origin):
        raise ForeignFormError


def _is_this_site(origin: str) -> bool:
    # The scheme is not compared: behind a proxy that ends TLS it is only known when
    # WEBAPP_PROXY_HOPS is set, and another scheme of the same host is the same owner.
    try:
        return urlsplit(origin).netloc == request.host
    except ValueError:
        return False
