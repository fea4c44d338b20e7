"""The conditions that each request must meet before a view sees it."""

from __future__ import annotations

import secrets
from urllib.parse import parse_qsl, urlsplit

from flask import Flask, Request, g, request
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.exceptions import LengthRequired, UnsupportedMediaType
from werkzeug.sansio.http import parse_cookie
from werkzeug.utils import cached_property

from webapp.web.csrf import CSRFError, check_form_token, csrf_token
from webapp.web.late_schema import wait_for_schema
from webapp.web.log import enable_log
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


class FormRequest(Request):
    """A request whose body is a form without files, or nothing.

    What it reads, Werkzeug would read too, but through a choice of parsers and by rewriting the
    names of all headers.
    """

    @cached_property
    def form(self) -> ImmutableMultiDict[str, str]:
        """Return the fields, as UTF-8. Invalid bytes become U+FFFD."""
        if self.mimetype != FORM_TYPE:
            return ImmutableMultiDict()
        text = self.get_data(cache=False).decode(errors="replace")
        if text.count("&") >= MAX_FIELDS:
            raise TooManyFieldsError
        return ImmutableMultiDict(parse_qsl(text, keep_blank_values=True, errors="replace"))

    @cached_property
    def cookies(self) -> ImmutableMultiDict[str, str]:
        """Return the cookies."""
        return ImmutableMultiDict(parse_cookie(self.environ.get("HTTP_COOKIE")))


def guard_requests(app: Flask) -> None:
    """Refuse requests that no form of this site sends. The cheapest check comes first."""
    app.request_class = FormRequest
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.jinja_env.globals["csrf_token"] = csrf_token

    @app.before_request
    def guard() -> None:
        # An id, which error pages and the log show.
        g.request_id = secrets.token_hex(6)
        enable_log()  # for Flask's own records, too
        wait_for_schema()
        sent = request._get_current_object()  # type: ignore[attr-defined]
        if sent.method in UNSAFE_METHODS:
            refuse_other_bodies(sent)
            refuse_other_sites(sent)
            if sent.endpoint:  # what has no route gets its 404 or 405
                check_form_token(sent)


def refuse_other_bodies(sent: Request) -> None:
    """Refuse a body that no HTML form sends, before anything is parsed."""
    if sent.endpoint in LARGER_BODIES:
        sent.max_content_length = LARGER_BODIES[sent.endpoint]
    length = sent.content_length
    if not length and not sent.content_type:
        return
    if sent.mimetype != FORM_TYPE:
        raise UnsupportedMediaType
    if length is None:
        # A body in chunks is truncated at the limit without an error, and loses its last fields.
        raise LengthRequired
    # Parsed here: too many fields, or a body that is too long, are refused before the database is
    # asked whose form this is.
    _ = sent.form


def refuse_other_sites(sent: Request) -> None:
    """Refuse changes that come from another site. The CSRF token is checked as well."""
    headers = sent.headers
    if headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise ForeignFormError
    origin = headers.get("Origin")
    if origin is None:
        return
    try:
        host = urlsplit(origin).netloc
    except ValueError as error:
        raise ForeignFormError from error
    # The scheme is not compared. Behind a proxy that ends TLS it is known only if WEBAPP_PROXY_HOPS
    # is set, and both schemes of a host have the same owner.
    if host != sent.host:
        raise ForeignFormError
