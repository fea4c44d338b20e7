"""The one place that knows htmx's request and answer headers."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response, make_response, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from webapp.web.redirects import plain_address

# Tells the selector to fetch itself again: what is offered has changed since it was drawn.
PROFILES_CHANGED = ("HX-Trigger", "profilesChanged")


def wants_fragment() -> bool:
    """Say whether htmx asks, for a part of a page; everybody else gets the page."""
    return request.headers.get("HX-Request") == "true"


def came_from() -> str | None:
    """Return the path and query of the page that htmx sends from; ``None`` when it does not say."""
    try:
        parts = urlsplit(request.headers.get("HX-Current-URL", ""))
    except ValueError:
        return None
    return plain_address(parts.path, parts.query.encode()) or None


def came_from_page(path: str) -> bool:
    """Say whether htmx sends from the page with this path, whatever its address asks for."""
    return (came_from() or "").partition("?")[0] == path


def notice_fragment(html: str, status: int) -> Response:
    """Answer htmx with a notice: it lands in the page's notices, whatever the form aimed at."""
    response = make_response(html, status)
    response.headers["HX-Retarget"] = "#notices"
    response.headers["HX-Reswap"] = "innerHTML"
    return response


def swap_whole(html: str, target: str, swap: str = "outerMorph") -> Response:
    """Answer htmx with a fragment in the place of ``target``, whatever the form aimed at."""
    response = make_response(html)
    response.headers["HX-Retarget"] = target
    response.headers["HX-Reswap"] = swap
    return response


def go_to(url: str, status: int = 303) -> BaseResponse:
    """Send the browser to another page; htmx would swap a redirect's target into the page."""
    if not wants_fragment():
        return redirect(url, status)
    response = make_response("", 401 if status == 401 else 204)
    response.headers["HX-Redirect"] = url
    return response


def at_address(html: str, url: str, *, replace: bool) -> Response:
    """Answer with a fragment and the address it belongs to."""
    response = make_response(html)
    response.headers["HX-Replace-Url" if replace else "HX-Push-Url"] = url
    return response
