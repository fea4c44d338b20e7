"""What stands in front of Flask: static files, transport security, and what proxies may say."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from ssl import SSLSocket
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.sansio.utils import host_is_trusted

from webapp.config import Settings
from webapp.web.assets import static_files
from webapp.web.headers import HSTS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

FORWARDED_SCHEME = (
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_PROTOCOL",
    "HTTP_X_FORWARDED_SSL",
)


def stand_in_front(app: Flask, settings: Settings, *, watch_files: bool) -> None:
    """Put around ``app`` what a request meets before it; with ``watch_files``, for development."""
    static = static_files(app.wsgi_app, autorefresh=watch_files)
    front = _for_our_hosts(static, app.wsgi_app, settings.trusted_hosts)
    front = _with_transport_security(front)
    hops = settings.proxy_hops
    front = ProxyFix(front, hops, hops, hops) if hops else _without_proxy(front)
    app.wsgi_app = front  # type: ignore[method-assign, assignment]


def _for_our_hosts(
    static: WSGIApplication, app: WSGIApplication, hosts: tuple[str, ...]
) -> WSGIApplication:
    # Under any other name nothing is served, not even a stylesheet; the app says so (R46).
    def ours(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        trusted = not hosts or host_is_trusted(environ.get("HTTP_HOST"), hosts)
        reads = environ["REQUEST_METHOD"] in ("GET", "HEAD")
        return (static if trusted and reads else app)(environ, start_response)

    return ours


def _with_transport_security(app: WSGIApplication) -> WSGIApplication:
    # Only over HTTPS: over plain HTTP it must not be sent (RFC 6797, 7.2; R41).
    def secured(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["wsgi.url_scheme"] == "https":
            return app(environ, _adding(start_response, "Strict-Transport-Security", HSTS))
        return app(environ, start_response)

    return secured


def _adding(start_response: StartResponse, name: str, value: str) -> StartResponse:
    def start(
        status: str, headers: list[tuple[str, str]], *exc_info: Any
    ) -> Callable[[bytes], object]:
        return start_response(status, [*headers, (name, value)], *exc_info)

    return start


def _without_proxy(app: WSGIApplication) -> WSGIApplication:
    # gunicorn believes what clients on the same host say about scheme and path, and a proxy there
    # passes on what its own clients say. Without WEBAPP_PROXY_HOPS nobody is believed (R47).
    def alone(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        connection = environ.get("gunicorn.socket")
        if connection is not None:
            if any(name in environ for name in FORWARDED_SCHEME):
                secure = isinstance(connection, SSLSocket)
                environ["wsgi.url_scheme"] = "https" if secure else "http"
            if "HTTP_SCRIPT_NAME" in environ:
                _take_back_script_name(environ)
        return app(environ, start_response)

    return alone


def _take_back_script_name(environ: WSGIEnvironment) -> None:
    path = unquote_to_bytes(environ["SCRIPT_NAME"]).decode("latin-1") + environ["PATH_INFO"]
    environ["SCRIPT_NAME"] = os.environ.get("SCRIPT_NAME", "")
    environ["PATH_INFO"] = path.removeprefix(environ["SCRIPT_NAME"])
