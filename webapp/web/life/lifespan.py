"""Running the app's `on_app_startup` and `on_app_shutdown`, once in each process that serves."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import weakref
from collections.abc import Iterable
from types import FrameType
from typing import TYPE_CHECKING

from flask import Flask

from webapp.authoring.context import Running
from webapp.authoring.errors import CallbackError
from webapp.authoring.loading.app_file import ChatApp
from webapp.config.settings import Settings
from webapp.config.startup_error import StartupError
from webapp.engine.call import call
from webapp.web.log import log_failure

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

EXTENSION = "lifespan"
# With this status of a worker, gunicorn ends instead of starting another one.
BOOT_ERROR = 3


class Lifespan:
    """What an app runs when this process begins to serve it, and when the process ends."""

    def __init__(self, app: Flask, chat_app: ChatApp, settings: Settings) -> None:
        self._app = app
        self._startup = chat_app.get("on_app_startup")
        self._shutdown = chat_app.get("on_app_shutdown")
        self._settings = settings
        self._lock = threading.Lock()
        # The process in which it has started. A forked one starts anew.
        self._pid: int | None = None

    @property
    def does_something(self) -> bool:
        """Return whether the app has one of the callbacks."""
        return self._startup is not None or self._shutdown is not None

    def start(self) -> None:
        """Call ``on_app_startup``, if this process has not called it yet.

        Raises
        ------
        CallbackError
            It fails. That is logged.
        """
        if self._pid == os.getpid():
            return
        with self._lock:
            if self._pid == os.getpid():
                return
            if self._startup is not None:
                try:
                    call(self._startup, (), Running(), self._settings.turn_seconds)
                except CallbackError as error:
                    log_failure("app_startup.failed", error)
                    raise
            self._pid = os.getpid()
            # Before executors are stopped, and after the keeper has ended the turns: what was
            # registered last is called first.
            register = getattr(threading, "_register_atexit", atexit.register)
            register(_end, weakref.ref(self))

    def end(self) -> None:
        """Call ``on_app_shutdown``, in the process that has started."""
        if self._pid != os.getpid() or self._shutdown is None:
            return
        self._pid = None
        try:
            call(self._shutdown, (), Running(), self._settings.callback_seconds)
        except CallbackError as error:
            log_failure("app_shutdown.failed", error)

    def before(self, app: WSGIApplication) -> WSGIApplication:
        """Return ``app``, which starts before its first request."""

        def start_first(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            try:
                start_or_refuse(self._app)
            except StartupError as error:
                if "SERVER_SOFTWARE" not in environ:  # a test, which must not end
                    raise
                sys.stderr.writelines(f"chat-profiles: {line}\n" for line in error.lines)
                sys.stderr.flush()
                # An exception would only end the thread of this request.
                os._exit(BOOT_ERROR)
            return app(environ, start_response)

        return start_first


def set_up_lifespan(app: Flask, chat_app: ChatApp, settings: Settings) -> Lifespan:
    """Let ``app`` start before the first request of each process."""
    lifespan = app.extensions[EXTENSION] = Lifespan(app, chat_app, settings)
    if lifespan.does_something:
        app.wsgi_app = lifespan.before(app.wsgi_app)  # type: ignore[method-assign, assignment]
    return lifespan


def start_here(app: Flask) -> None:
    """Start an app of this process, which begins to serve now.

    Raises
    ------
    CallbackError
        ``on_app_startup`` fails.
    """
    lifespan: Lifespan = app.extensions[EXTENSION]
    if lifespan.does_something:
        lifespan.start()


def start_or_refuse(app: Flask) -> None:
    """Start an app of this process, or refuse to serve it.

    Raises
    ------
    StartupError
        ``on_app_startup`` fails.
    """
    try:
        start_here(app)
    except CallbackError as error:
        raise StartupError(f"{error}; the log has the traceback.") from error


def is_gunicorn_worker() -> bool:
    """Return whether a worker of gunicorn is loading the app, and not its master."""
    if "gunicorn.workers.base" not in sys.modules:
        return False
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_globals.get("__name__") != "gunicorn.workers.base":
        frame = frame.f_back
    return frame is not None


def _end(reference: weakref.ref[Lifespan]) -> None:
    lifespan = reference()
    if lifespan is not None:
        lifespan.end()
