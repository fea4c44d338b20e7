"""The security headers of every answer, but for the one that web/middleware.py adds for HTTPS."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, request

from webapp.site import settings
from webapp.web.htmx import wants_fragment

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

POLICY = "Content-Security-Policy"
PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
# With this header, htmx tells from which origins its page may load icons.
PAGE_ICON_ORIGINS = "X-Icon-Origins"
# Of all together. The policy lists them twice, and servers take headers of 8,190 bytes.
ICON_ORIGINS_LENGTH = 2_000
HSTS = "max-age=31536000; includeSubDomains"


def security_headers(
    icon_origins: tuple[str, ...] = (), ancestors: tuple[str, ...] = ()
) -> dict[str, str]:
    """Return the security headers of every answer.

    Parameters
    ----------
    icon_origins:
        The origins of the icons on this page, such as ``https://example.org``.
    ancestors:
        The origins of the pages that may have this one in a frame.
    """
    # The older header cannot name origins, and browsers that know the policy ignore it.
    frames = {} if ancestors else {"X-Frame-Options": "DENY"}
    return {
        POLICY: content_policy(icon_origins, ancestors),
        "X-Content-Type-Options": "nosniff",
        **frames,
        # not no-referrer: the CSRF check over HTTPS compares the referrer
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": PERMISSIONS,
    }


def content_policy(icon_origins: Iterable[str], ancestors: Iterable[str] = ()) -> str:
    """Return the content security policy of a page with icons from these origins.

    Parameters
    ----------
    ancestors:
        As for `security_headers`.
    """
    images = " ".join(["'self'", *icon_origins])
    allowed = " ".join(ancestors) or "'none'"
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        f"img-src {images}; media-src {images}; frame-src 'self'; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; "
        f"frame-ancestors {allowed}"
    )


def allow_icons_from(origin: str) -> bool:
    """Let the page load icons from ``origin`` if possible, and return whether it may.

    A fragment cannot change the policy of the page it is swapped into. Until the page is loaded
    again, an icon from another origin is shown as the initial of its profile.
    """
    allowed = fragment_origins()
    if allowed is not None:
        return origin in allowed
    origins = page_icon_origins()
    if origin not in origins and sum(map(len, origins)) + len(origin) <= ICON_ORIGINS_LENGTH:
        origins.append(origin)
    return origin in origins


def fragment_origins() -> frozenset[str] | None:
    """Return the origins that the page of a fragment may load from; ``None`` for a whole page."""
    allowed = request.headers.get(PAGE_ICON_ORIGINS) if wants_fragment() else None
    return None if allowed is None else frozenset(allowed.split())


def page_icon_origins() -> list[str]:
    """Return the origins from which the page of this answer may load icons."""
    if "icon_origins" not in g:
        g.icon_origins = []
    origins: list[str] = g.icon_origins
    return origins


def send_headers(app: Flask) -> None:
    """Add to every answer of ``app`` the headers that only its request decides."""

    @app.after_request
    def add(response: Response) -> Response:
        headers = response.headers
        if origins := g.get("icon_origins"):
            headers[POLICY] = content_policy(origins, settings().frame_ancestors)
        if headers.get("Cache-Control") is None:
            headers.add("Cache-Control", "no-store")
            headers.add("Vary", "Cookie, HX-Request")
        headers.add("X-Request-ID", g.get("request_id", ""))
        return response


def add_security_headers(app: WSGIApplication, ancestors: tuple[str, ...] = ()) -> WSGIApplication:
    """Return ``app`` with the security headers on every answer that has none of its own.

    They are added here, and not to Flask's answers one by one: for each that is set there, Flask
    looks through all the others.
    """
    security = tuple(security_headers(ancestors=ancestors).items())

    def add(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start_with_headers(
            status: str, headers: list[tuple[str, str]], *exc_info: Any
        ) -> Callable[[bytes], object]:
            own = {name for name, _ in headers}
            added = [header for header in security if header[0] not in own]
            return start_response(status, headers + added, *exc_info)

        return app(environ, start_with_headers)

    return add
