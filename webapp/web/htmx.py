"""The headers by which htmx and the server talk. No other module knows them."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response, make_response, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from webapp.web.redirects import plain_address

# Tells the profile selector to fetch itself again, since the offer has changed.
PROFILES_CHANGED = ("HX-Trigger", "profilesChanged")
# Tells a page that waits for an answer to a question that its turn has been told to stop.
STOPPED = ("HX-Trigger", "stopped")


def wants_fragment() -> bool:
    """Return whether the request wants a fragment, because htmx sent it."""
    return request.headers.get("HX-Request") == "true"


def came_from() -> str | None:
    """Return the path and query of the page that sent this request, or ``None`` without htmx."""
    try:
        parts = urlsplit(request.headers.get("HX-Current-URL", ""))
    except ValueError:
        return None
    return plain_address(parts.path, parts.query.encode()) or None


def page_to_return_to() -> str | None:
    """Return the address to which the browser can go back once it has been elsewhere.

    Only a page can be returned to: a POST would be repeated, and a fragment has no address.
    """
    if wants_fragment():
        return came_from()
    if request.method != "GET":
        return None
    return plain_address(request.script_root + request.path, request.query_string)


def came_from_page(path: str) -> bool:
    """Return whether htmx sent this request from the page at ``path``, whatever its query."""
    return (came_from() or "").partition("?")[0] == path


def notice_fragment(html: str, status: int) -> Response:
    """Return a notice, which htmx adds to the notices of the page whatever the form's target."""
    response = make_response(html, status)
    response.headers["HX-Retarget"] = "#notices"
    response.headers["HX-Reswap"] = "innerHTML"
    return response


def swap_whole(html: str, target: str, swap: str = "outerMorph") -> Response:
    """Return a fragment that replaces ``target``, whatever the form's target."""
    response = make_response(html)
    response.headers["HX-Retarget"] = target
    response.headers["HX-Reswap"] = swap
    return response


def go_to(url: str, status: int = 303) -> BaseResponse:
    """Send the browser to another page. After a plain redirect, htmx would swap that page in."""
    if not wants_fragment():
        return redirect(url, status)
    response = make_response("", 401 if status == 401 else 204)
    response.headers["HX-Redirect"] = url
    return response


def at_address(html: str, url: str, *, replace: bool) -> Response:
    """Return a fragment, and let the browser show the address it belongs to."""
    response = make_response(html)
    response.headers["HX-Replace-Url" if replace else "HX-Push-Url"] = url
    return response
