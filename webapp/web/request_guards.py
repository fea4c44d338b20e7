"""The conditions that each request must meet before a view sees it."""

from __future__ import annotations

import secrets
from typing import IO, Any
from urllib.parse import parse_qsl, urlsplit

from flask import Flask, Request, g, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import LengthRequired, UnsupportedMediaType
from werkzeug.formparser import FormDataParser

from webapp.web.csrf import CSRFError, check_form_token, csrf_token
from webapp.web.late_schema import wait_for_schema
from webapp.web.refusals import Refusal

FORM_TYPE = "application/x-www-form-urlencoded"
MAX_BODY_BYTES = 256 * 1024
# The endpoints that accept more. An export is pasted into a form.
LARGER_BODIES = {"transfer.import_chats": 4 * 1024 * 1024}
MAX_FIELDS = 50
UNSAFE_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class ForeignFormError(CSRFError):
    """A form that another site sent, according to the browser."""

    description = "The form came from another site."


class TooManyFieldsError(Refusal):
    """A form with more fields than any form of this site has."""

    code = 400
    title = "Form not accepted"
    message = f"A form may have at most {MAX_FIELDS} fields."
    advice = "Go back and use the form on the page."


class FormParser(FormDataParser):
    """Reads forms as UTF-8. Invalid bytes become U+FFFD."""

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
    """Refuse requests that no form of this site sends. The cheapest check comes first."""
    app.request_class = FormRequest
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.config["MAX_FORM_MEMORY_SIZE"] = MAX_BODY_BYTES
    app.before_request(name_the_request)
    app.before_request(wait_for_schema)
    app.before_request(allow_larger_body)
    app.before_request(refuse_other_bodies)
    app.before_request(refuse_other_sites)
    app.before_request(refuse_forms_without_token)
    app.jinja_env.globals["csrf_token"] = csrf_token


def name_the_request() -> None:
    """Give the request an id, which error pages and the log show."""
    g.request_id = secrets.token_hex(6)


def allow_larger_body() -> None:
    """Accept a larger body at the endpoints that need it."""
    if request.endpoint in LARGER_BODIES:
        request.max_content_length = LARGER_BODIES[request.endpoint]


def refuse_other_bodies() -> None:
    """Refuse a body that no HTML form sends, before anything is parsed."""
    if request.method not in UNSAFE_METHODS:
        return
    if request.content_length in (None, 0) and not request.content_type:
        return
    if request.mimetype != FORM_TYPE:
        raise UnsupportedMediaType
    if request.content_length is None:
        # A body in chunks is truncated at the limit without an error, and loses its last fields.
        raise LengthRequired
    if len(list(request.form.items(multi=True))) > MAX_FIELDS:
        raise TooManyFieldsError


def refuse_other_sites() -> None:
    """Refuse changes that come from another site. The CSRF token is checked as well."""
    if request.method not in UNSAFE_METHODS:
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise ForeignFormError
    origin = request.headers.get("Origin")
    if origin is None:
        return
    try:
        host = urlsplit(origin).netloc
    except ValueError as error:
        raise ForeignFormError from error
    # The scheme is not compared. Behind a proxy that ends TLS it is known only if WEBAPP_PROXY_HOPS
    # is set, and both schemes of a host have the same owner.
    if host != request.host:
        raise ForeignFormError


def refuse_forms_without_token() -> None:
    """Refuse a form without its token. What has no route gets its 404 or 405."""
    if request.method in UNSAFE_METHODS and request.endpoint:
        check_form_token(request)
