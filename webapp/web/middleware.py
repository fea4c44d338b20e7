"""WSGI middleware in front of Flask: static files, HSTS, and which proxies are believed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from ssl import SSLSocket
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.sansio.utils import host_is_trusted

from webapp.config.settings import Settings
from webapp.web.assets import PREFIX, static_files
from webapp.web.headers import HSTS, add_security_headers
from webapp.web.server import count_requests

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

FORWARDED_SCHEME = (
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_PROTOCOL",
    "HTTP_X_FORWARDED_SSL",
)

# A path that begins links, and a part of the name of the cookie.
_PREFIX = re.compile(r"(?=.{2,100}$)(?:/(?!\.{1,2}(?:/|$))[\w.~-]+)+", re.ASCII)


def add_middleware(app: Flask, settings: Settings, *, watch_files: bool) -> None:
    """Wrap ``app`` in the middleware that a request passes first.

    Parameters
    ----------
    watch_files:
        Look for changed static files at each request, for development.
    """
    pages = add_security_headers(app.wsgi_app, settings.frame_ancestors)
    static = static_files(pages, autorefresh=watch_files)
    wrapped = _serve_static_to_trusted_hosts(static, pages, settings.trusted_hosts)
    wrapped = _add_hsts(wrapped)
    hops = settings.proxy_hops
    if hops:
        wrapped = ProxyFix(_move_below_prefix(wrapped, hops), hops, hops, hops)
    else:
        wrapped = _ignore_proxies(wrapped)
    app.wsgi_app = count_requests(wrapped)  # type: ignore[method-assign, assignment]


def _serve_static_to_trusted_hosts(
    static: WSGIApplication, app: WSGIApplication, hosts: tuple[str, ...]
) -> WSGIApplication:
    # For any other host name the app shows an error, and not even a stylesheet is served.
    def choose_app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not environ["PATH_INFO"].startswith(f"/{PREFIX}"):
            return app(environ, start_response)
        trusted = not hosts or host_is_trusted(environ.get("HTTP_HOST"), hosts)
        reads = environ["REQUEST_METHOD"] in ("GET", "HEAD")
        return (static if trusted and reads else app)(environ, start_response)

    return choose_app


def _add_hsts(app: WSGIApplication) -> WSGIApplication:
    def add_over_https(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # The header must not be sent over plain HTTP (RFC 6797, 7.2).
        if environ["wsgi.url_scheme"] != "https":
            return app(environ, start_response)

        def start_with_hsts(
            status: str, headers: list[tuple[str, str]], *exc_info: Any
        ) -> Callable[[bytes], object]:
            headers = [*headers, ("Strict-Transport-Security", HSTS)]
            return start_response(status, headers, *exc_info)

        return app(environ, start_with_hsts)

    return add_over_https


def _move_below_prefix(app: WSGIApplication, hops: int) -> WSGIApplication:
    """Return ``app`` as it is below the path that a trusted proxy has removed.

    Not by `ProxyFix`: it takes any text, and the links of a page begin with this one. It also asks
    for one value from each proxy, while mostly just one of them removes a path.
    """

    def move(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        given = environ.get("HTTP_X_FORWARDED_PREFIX")
        if given:
            prefix = [value.strip() for value in given.split(",")][-hops:][0].rstrip("/")
            if _PREFIX.fullmatch(prefix):
                environ["SCRIPT_NAME"] = prefix
        return app(environ, start_response)

    return move


def _ignore_proxies(app: WSGIApplication) -> WSGIApplication:
    # gunicorn trusts the headers of clients on the same host about scheme and path, and a proxy on
    # this host passes on those of its own clients. Without WEBAPP_PROXY_HOPS none is trusted.
    def undo_headers(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        connection = environ.get("gunicorn.socket")
        if connection is None:
            return app(environ, start_response)

        if any(name in environ for name in FORWARDED_SCHEME):
            secure = isinstance(connection, SSLSocket)
            environ["wsgi.url_scheme"] = "https" if secure else "http"
        if "HTTP_SCRIPT_NAME" in environ:
            prefix = unquote_to_bytes(environ["SCRIPT_NAME"]).decode("latin-1")
            environ["SCRIPT_NAME"] = os.environ.get("SCRIPT_NAME", "")
            path = prefix + environ["PATH_INFO"]
            environ["PATH_INFO"] = path.removeprefix(environ["SCRIPT_NAME"])
        return app(environ, start_response)

    return undo_headers
