"""Static files: served with a fingerprint, compressed, and cached for good."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from wsgiref.headers import Headers

from flask import request
from whitenoise import WhiteNoise

from webapp.resources import resource_folder
from webapp.web.headers import security_headers

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

PREFIX = "static/"


def static_files(app: WSGIApplication, *, autorefresh: bool) -> WSGIApplication:
    """Return what answers for ``/static/`` and hands everything else on.

    Parameters
    ----------
    app:
        Where the rest goes.
    autorefresh:
        Look for changed files at each request; for development.
    """
    static: WSGIApplication = WhiteNoise(
        app,
        root=str(resource_folder("static")),
        prefix=PREFIX,
        autorefresh=autorefresh,
        add_headers_function=_add_headers,
        allow_all_origins=False,  # no other site has a use for them (R43)
        # Every address carries the hash of the content, so none ever changes.
        immutable_file_test=lambda _path, _url: not autorefresh,
    )
    return static


def asset(name: str) -> str:
    """Return the address of a static file; works where ``url_for`` does not, as on error pages."""
    return f"{request.script_root}/{PREFIX}{name}?v={_fingerprint(name)}"


@lru_cache(maxsize=64)
def _fingerprint(name: str) -> str:
    return hashlib.sha256((resource_folder("static") / name).read_bytes()).hexdigest()[:12]


def _add_headers(headers: Headers, path: str, url: str) -> None:
    del path, url
    for name, value in security_headers().items():
        headers[name] = value


def theme_url(folder: Path | None) -> str | None:
    """Return the address of ``public/theme.css`` beside the app file, if the author made one."""
    path = public_file(folder, "theme.css")
    if path is None:
        return None
    return f"{request.script_root}/public/theme.css?v={path.stat().st_mtime_ns:x}"


def public_file(folder: Path | None, name: str) -> Path | None:
    """Return a file of the app's ``public`` folder; ``None`` for anything that is not in it."""
    if folder is None or any(part.startswith(".") for part in Path(name).parts):
        return None
    try:
        path = (folder / name).resolve(strict=True)
        inside = path.is_relative_to(folder.resolve()) and path.is_file()
    except (OSError, ValueError, RuntimeError):
        return None
    return path if inside else None
