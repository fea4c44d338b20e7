"""Error pages and notices: each error is explained here, and shown by one function."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace

from flask import Flask, Response, current_app, g, make_response, render_template, request
from sqlalchemy.exc import (
    DatabaseError,
    DisconnectionError,
    InterfaceError,
    InternalError,
    OperationalError,
)
from sqlalchemy.exc import (
    TimeoutError as PoolTimeoutError,
)
from werkzeug.exceptions import HTTPException, InternalServerError, SecurityError

from webapp.authoring.errors import AuthoringError, CallbackTimeoutError
from webapp.database.engines import note_failure
from webapp.web.csrf import CSRFError
from webapp.web.htmx import PROFILES_CHANGED, notice_fragment, wants_fragment
from webapp.web.log import log_event, log_failure, shown_error
from webapp.web.refusals import Refusal

RETRY_SECONDS = 5
# What PostgreSQL and SQLite say if there is no connection, and not that they are busy or full.
_NOT_CONNECTED = re.compile("connection (?:failed|is bad)|failed to resolve host|unable to open")
PASSED_ON = ("Allow", "Retry-After", PROFILES_CHANGED[0])
UNAVAILABLE = (
    OperationalError,
    InterfaceError,
    InternalError,
    DisconnectionError,
    PoolTimeoutError,
)


@dataclass(frozen=True)
class Explanation:
    """What an error page says: what happened, and what to do next.

    A ``{}`` in the message stands for ``name``, which may be anything a browser or an author sent.
    """

    title: str
    message: str
    advice: str
    name: str = ""


GIVE_REFERENCE = "If it keeps happening, give the administrator the reference below."
EXPLANATIONS = {
    400: Explanation(
        "Request not understood",
        "Something in the request was missing or not as expected.",
        "Go back, reload the page, and try again.",
    ),
    403: Explanation(
        "Not available to you",
        "What you asked for is not offered to you.",
        "Choose something else, or ask the administrator.",
    ),
    404: Explanation(
        "Page not found",
        "The page does not exist, or it belongs to someone else.",
        "Check the address, or start a new chat.",
    ),
    405: Explanation(
        "Not possible here",
        "This address does not accept that kind of request.",
        "Go back and use the buttons on the page.",
    ),
    409: Explanation(
        "Someone changed this first",
        "The page you see is no longer current.",
        "Reload the page to see the current version, then try again.",
    ),
    411: Explanation(
        "Missing Content-Length",
        "The request does not give the length of the form.",
        "Go back and use the form on the page.",
    ),
    413: Explanation(
        "Text is too long",
        "The form holds more than can be sent at once.",
        "Shorten the text and send it again.",
    ),
    415: Explanation(
        "Content not accepted",
        "Only ordinary form fields can be sent here.",
        "Go back and use the form on the page.",
    ),
    422: Explanation(
        "Form not accepted",
        "Something in the form needs to be corrected.",
        "Go back, correct it, and send it again.",
    ),
    429: Explanation(
        "Too many attempts",
        "There were too many attempts in a short time.",
        "Wait a few minutes, then try again.",
    ),
    500: Explanation(
        "Something went wrong",
        "The fault is on the site, not with you. It was logged.",
        f"Try again. {GIVE_REFERENCE}",
    ),
    503: Explanation(
        "Temporarily unavailable",
        "The database cannot be reached at the moment. Nothing was changed.",
        "Wait a few seconds, then try again.",
    ),
}
FORM_TOO_OLD = Explanation(
    "Page is out of date",
    "Its form is no longer valid, for example because you signed in or out in another tab.",
    "Reload the page and try again.",
)
NEEDS_HTTPS = Explanation(
    "This site needs HTTPS",
    "Over plain HTTP, your browser does not keep the cookie that this site needs.",
    "Open the address with https:// instead. The administrator will find details in the log.",
)
ORIGIN_MISMATCH = Explanation(
    "Address changed on the way",
    "The headers Origin and Host of this form differ ({}), so it was not accepted.",
    "A proxy in front of this site changes the host name or the port. The administrator should let "
    "it pass them on. In nginx, the line is: proxy_set_header Host $http_host;",
)
WRONG_HOST = Explanation(
    "Unknown host name",
    "The server was asked for a host name that it does not serve.",
    "Check the address. The administrator can add the name to WEBAPP_TRUSTED_HOSTS.",
)
APP_FAILED = Explanation(
    "The app failed",
    "The code of this app failed, so the page could not be prepared. No chat was started.",
    f"Try again. {GIVE_REFERENCE}",
)
SIGN_IN_FAILED = Explanation(
    "Signing in does not work",
    "The site could not find out whether you are still signed in.",
    f"Try again in a moment. {GIVE_REFERENCE}",
)
APP_TOO_SLOW = Explanation(
    "The app took too long",
    "The code of this app did not answer in time. No chat was started.",
    f"Try again in a moment. {GIVE_REFERENCE}",
)


def handle_errors(app: Flask) -> None:
    """Show every error of ``app`` as a page or notice of ours."""
    app.register_error_handler(HTTPException, show_http_error)
    app.register_error_handler(SecurityError, show_wrong_host)
    app.register_error_handler(AuthoringError, show_app_failure)
    app.register_error_handler(InternalServerError, show_internal_error)
    for error in UNAVAILABLE:
        app.register_error_handler(error, show_unavailable)
    app.register_error_handler(DatabaseError, show_database_error)


def show_http_error(error: HTTPException) -> Response:
    """Show an HTTP error. A redirect passes unchanged."""
    if error.response is not None or error.code is None:
        return make_response(error.get_response())
    response = explain(error.code, explanation(error))
    for name, value in error.get_headers():
        if name in PASSED_ON:
            response.headers[name] = value
    return response


def explanation(error: HTTPException) -> Explanation:
    """Return the explanation of a refusal, or the general one for its status."""
    if isinstance(error, Refusal):
        return Explanation(error.title, error.message, error.advice, error.subject)
    return EXPLANATIONS.get(error.code or 500, EXPLANATIONS[400])


def log_refused_form(error: CSRFError, user: str | None) -> None:
    """Log that a form was refused. accounts/login.py decides what to answer."""
    log_event("csrf.refused", level=logging.WARNING, user=user, reason=str(error.description))


def show_needs_https() -> Response:
    """Show that a secure cookie cannot come back over plain HTTP, and log what to change."""
    log_event(
        "request.insecure",
        level=logging.WARNING,
        hint="serve over HTTPS, set WEBAPP_PROXY_HOPS behind a proxy, or WEBAPP_INSECURE_COOKIES",
    )
    return explain(400, NEEDS_HTTPS)


def show_origin_mismatch() -> Response:
    """Show that a form names another address than its request, and log which line to change."""
    origin, host = request.headers.get("Origin", ""), request.host
    # ProxyFix has put the forwarded host in the place of the other, and kept that one.
    believed = request.environ.get("werkzeug.proxy_fix.orig", {}).get("HTTP_HOST", host) != host
    header = "X-Forwarded-Host" if believed else "Host"
    log_event(
        "host.changed",
        level=logging.WARNING,
        origin=origin,
        host=host,
        hint=f"Origin and Host differ; if it is your own site, its proxy changes the address: in "
        f"nginx write `proxy_set_header {header} $http_host;`, in Apache `ProxyPreserveHost On`",
    )
    pair = f"{origin[:100]} / {host[:100]}"
    advice = ORIGIN_MISMATCH.advice.replace("Host $http_host", f"{header} $http_host")
    return explain(400, replace(ORIGIN_MISMATCH, name=pair, advice=advice))


def show_wrong_host(_error: SecurityError) -> Response:
    """Show that the host name is not one of this site, and log it."""
    log_event(
        "host.refused",
        level=logging.WARNING,
        host=request.headers.get("Host"),
        hint="if people reach this site by that name, add it to WEBAPP_TRUSTED_HOSTS",
    )
    return explain(400, WRONG_HOST)


def show_app_failure(error: AuthoringError) -> Response:
    """Show that the author's code failed. The error is in the log, never on the page."""
    log_failure("callback.failed", error)
    return explain(500, APP_TOO_SLOW if isinstance(error, CallbackTimeoutError) else APP_FAILED)


def show_unavailable(error: Exception) -> Response:
    """Show that the database cannot be used at the moment."""
    log_unavailable(error)
    response = explain(503, EXPLANATIONS[503])
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def show_database_error(error: DatabaseError) -> Response:
    """Show that the file is damaged or no database. Raise any subclass, which is a bug of ours."""
    if type(error) is not DatabaseError:
        raise error
    return show_unavailable(error)


def log_unavailable(error: Exception) -> None:
    """Note and log that the database cannot be used, without the values of the statement."""
    note_failure(current_app)
    # The lines below the first may hold what was to be stored.
    first_line = str(error).splitlines()[0]
    fields = {"error": first_line}
    if _NOT_CONNECTED.search(first_line):
        fields["hint"] = "check that the database runs, and WEBAPP_DATABASE_URL"
    log_event("database.unavailable", level=logging.ERROR, **fields)


def show_internal_error(error: InternalServerError) -> Response:
    """Show an error of our own, or that the database failed while the session was saved."""
    if isinstance(error.original_exception, UNAVAILABLE):
        return show_unavailable(error.original_exception)
    return explain(500, EXPLANATIONS[500])


def explain(code: int, what: Explanation) -> Response:
    """Return the explanation of an error: a notice for htmx, or a page."""
    words = {
        "code": code,
        "title": what.title,
        "message": what.message,
        "name": what.name,
        "advice": what.advice,
        "request_id": request_id(),
        "detail": shown_error(current_app, request_id()),
        "home": True,
    }
    if wants_fragment():
        return notice_fragment(render_template("errors/_notice.html", **words), code)
    return make_response(render_template("errors/page.html", **words), code)


def request_id() -> str:
    """Return the id of this request. A request that was refused very early has none."""
    return str(g.get("request_id", "none"))
