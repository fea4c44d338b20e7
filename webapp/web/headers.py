"""The security headers of every answer, but for the one that web/middleware.py adds for HTTPS."""

from __future__ import annotations

from flask import Flask, Response, g, request

from webapp.web.htmx import wants_fragment

PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=(), interest-cohort=()"
# With this header, htmx tells from which origins its page may load icons.
PAGE_ICON_ORIGINS = "X-Icon-Origins"
ICON_ORIGINS_LENGTH = 4_000  # of all together: servers take headers of 8,190 bytes
HSTS = "max-age=31536000; includeSubDomains"


def security_headers(icon_origins: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the security headers of every answer.

    Parameters
    ----------
    icon_origins:
        The origins of the icons on this page, such as ``https://example.org``.
    """
    images = " ".join(["'self'", *icon_origins])
    return {
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; "
            f"img-src {images}; font-src 'self'; connect-src 'self'; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'"
        ),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        # not no-referrer: the CSRF check over HTTPS compares the referrer
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": PERMISSIONS,
    }


def allow_icons_from(origin: str) -> bool:
    """Let the page load icons from ``origin`` if possible, and return whether it may.

    A fragment cannot change the policy of the page it is swapped into. Until the page is loaded
    again, an icon from another origin is shown as the initial of its profile.
    """
    allowed = request.headers.get(PAGE_ICON_ORIGINS) if wants_fragment() else None
    if allowed is not None:
        return origin in allowed.split()
    origins = page_icon_origins()
    if origin not in origins and sum(map(len, origins)) + len(origin) <= ICON_ORIGINS_LENGTH:
        origins.append(origin)
    return origin in origins


def page_icon_origins() -> list[str]:
    """Return the origins from which the page of this answer may load icons."""
    if "icon_origins" not in g:
        g.icon_origins = []
    origins: list[str] = g.icon_origins
    return origins


def send_headers(app: Flask) -> None:
    """Add the headers to every answer of ``app``, errors included."""

    @app.after_request
    def add(response: Response) -> Response:
        for name, value in security_headers(tuple(g.get("icon_origins", ()))).items():
            response.headers[name] = value
        if "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "no-store"
            response.vary.update(["Cookie", "HX-Request"])
        response.headers["X-Request-ID"] = g.get("request_id", "")
        return response
