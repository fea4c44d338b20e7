"""Static files, with a fingerprint in their address so that browsers keep them for good."""

from __future__ import annotations

import hashlib
import runpy
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from wsgiref.headers import Headers

from flask import request
from whitenoise import WhiteNoise

from webapp.resources import PACKAGE
from webapp.web.headers import security_headers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PREFIX = "static/"
FOLDER = PACKAGE / "static"
# Only a checkout has these two. An installed package has the files that were built from them.
SOURCES = PACKAGE.parent / "static"
# What the frames of charts and diagrams load. Their origin is not that of the site.
IN_FRAMES = frozenset(("frame.css", "frame.js", "mermaid.min.js"))
BUILD_SCRIPT = PACKAGE.parent / "scripts" / "build_static.py"


def static_files(app: WSGIApplication, *, autorefresh: bool) -> WSGIApplication:
    """Return a WSGI app that serves ``/static/`` and passes all other requests on.

    Parameters
    ----------
    app:
        The app for all other requests.
    autorefresh:
        Look for changed files at each request, for development.
    """
    build_if_changed()
    static: WSGIApplication = WhiteNoise(
        app,
        root=str(FOLDER),
        prefix=PREFIX,
        autorefresh=autorefresh,
        add_headers_function=_add_headers,
        allow_all_origins=False,  # no other site needs them
        # Every address carries the hash of the content, so none ever changes.
        immutable_file_test=lambda _path, _url: not autorefresh,
        max_age=0,
    )
    if not autorefresh:
        return static

    def rebuild_first(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(f"/{PREFIX}"):
            build_if_changed()
        return static(environ, start_response)

    return rebuild_first


def build_if_changed() -> None:
    """Build the static files of a checkout when a source is newer than they are.

    You always get the script or style sheet that you have just edited. An installed package has no
    sources, so nothing is built there.
    """
    if not BUILD_SCRIPT.is_file() or not SOURCES.is_dir():
        return
    built = [path.stat().st_mtime_ns for path in FOLDER.glob("*")]
    # The folders too: they change when a file is added, removed or replaced by an older one.
    sources = [path.stat().st_mtime_ns for path in (BUILD_SCRIPT, SOURCES, *SOURCES.rglob("*"))]
    if not built or min(built) < max(sources):
        runpy.run_path(str(BUILD_SCRIPT))["build"]()


def asset(name: str) -> str:
    """Return the address of a static file, also on error pages, where ``url_for`` may fail."""
    return asset_below(request.script_root, name)


def asset_below(root: str, name: str) -> str:
    """Return the address of a static file of the site at ``root``, without a request."""
    return f"{root}/{PREFIX}{name}?v={_fingerprint(name)}"


@lru_cache(maxsize=64)
def _fingerprint(name: str) -> str:
    return hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()[:12]


def _add_headers(headers: Headers, path: str, url: str) -> None:
    del url
    for name, value in security_headers().items():
        headers[name] = value
    if Path(path).name in IN_FRAMES:
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"


def theme_url(folder: Path | None) -> str | None:
    """Return the address of ``public/theme.css`` beside the app file, if the author made one."""
    path = public_file(folder, "theme.css")
    if path is None:
        return None
    return f"{request.script_root}/public/theme.css?v={path.stat().st_mtime_ns:x}"


def public_file(folder: Path | None, name: str) -> Path | None:
    """Return a file of the app's ``public`` folder, or ``None`` if it is not in there."""
    if folder is None or any(part.startswith(".") for part in Path(name).parts):
        return None
    try:
        path = (folder / name).resolve(strict=True)
        inside = path.is_relative_to(folder.resolve()) and path.is_file()
    except (OSError, ValueError, RuntimeError):
        return None
    return path if inside else None
