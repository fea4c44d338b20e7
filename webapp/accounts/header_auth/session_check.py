"""Whether the proxy still vouches for the user of a session.

A browser may be shared, and somebody else may have signed in at the proxy. Asking the author's
callback at each request would cost too much. So a session keeps the names of the headers that the
callback has read, and a hash of their values. The callback is asked again if one of them changes.
"""

from __future__ import annotations

import time
from typing import Any

from flask import g, request

from webapp.accounts.header_auth.header_check import ask_about_headers
from webapp.accounts.header_auth.request_headers import RequestHeaders, read_headers
from webapp.accounts.header_auth.trusted_proxy import find_proxy_mistrust
from webapp.accounts.sessions.interface import BrowserSession
from webapp.authoring.errors import AuthoringError
from webapp.authoring.users.user import User
from webapp.site import settings
from webapp.web.log import log_event, log_failure

HEADERS_KEY = "headers"
# A session that ends so soon is one that the next sign-in would not help.
SOON_SECONDS = 10


def watch_headers(
    headers: RequestHeaders, *, by_headers: bool, since: int | None = None
) -> dict[str, Any]:
    """Return what a session keeps of the headers that the callback has just read.

    Parameters
    ----------
    by_headers:
        Whether the user has signed in by them, so that the session ends with them.
    since:
        When that was, as a Unix time. Now, unless you give it.
    """
    names = headers.names_read
    return {
        "names": names,
        "digest": headers.digest(names),
        "by_headers": by_headers,
        "since": int(time.time()) if since is None else since,
    }


def check_headers(own: BrowserSession, user: User) -> User | None:
    """Return the user of a session, unless the proxy vouches for another one now.

    A session that began by headers also ends when the app does not accept them any more. As long as
    it goes on, its user is returned as the app describes them now, such as with another role.
    """
    watched = own.get(HEADERS_KEY) or {}
    by_headers = bool(watched.get("by_headers"))
    # Whom to keep where the proxy vouches for nobody.
    now = kept = None if by_headers else user
    if find_proxy_mistrust(request.environ, settings()) is None:
        headers = read_headers(request)
        if watched and headers.digest(watched["names"]) == watched["digest"]:
            return user
        try:
            now = ask_about_headers(headers).user or kept
        except AuthoringError as error:
            log_failure("login.callback_failed", error)
            g.header_check_failed = by_headers
            return kept
        # Not for another user: the next request would take these headers for the user's.
        if now is not None and now.identifier == user.identifier:
            since = watched.get("since")
            own[HEADERS_KEY] = watch_headers(headers, by_headers=by_headers, since=since)
    if now is None or now.identifier != user.identifier:
        log_event("session.not_vouched_for", user=user.identifier)
        # Where only the sign-in has the headers, it would go round in a circle.
        is_new = abs(time.time() - watched.get("since", 0)) < SOON_SECONDS
        g.signed_in_just_now = now is None and is_new
        g.user_has_changed = now is not None
        return None
    return now if by_headers else user
