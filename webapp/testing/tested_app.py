"""The app that a test talks with: the real one, on a database and files that go with the test."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
import weakref
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType

from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

from webapp.app import build_app
from webapp.authoring.errors import AppFileError, CallbackError
from webapp.authoring.loading.app_file import ChatApp
from webapp.authoring.loading.loader import load_chat_app
from webapp.config.secret_file import new_secret
from webapp.config.settings import Settings
from webapp.database.engines import close_connections, db
from webapp.database.schema import upgrade
from webapp.testing.background import wait_for_background
from webapp.testing.failures import CLOSED, FailureLog, authors_error
from webapp.web.life.lifespan import EXTENSION as LIFESPAN
from webapp.web.life.lifespan import start_here

# pytest shows no line of this module in a traceback.
__tracebackhide__ = True

# Where Linux has files that never reach a disk.
MEMORY = Path("/dev/shm")  # noqa: S108 - only a folder that nobody else may read is made there
_MANY = "100000"
_SETTINGS = {
    "WEBAPP_TRUSTED_HOSTS": "localhost",
    "WEBAPP_INSECURE_COOKIES": "true",
    # The request returns while the answer is written, so that a test can stop it.
    "WEBAPP_STREAMING": "poll",
    "WEBAPP_SQLITE_SYNCHRONOUS": "NORMAL",
    # All people of a test come from one address.
    "WEBAPP_STARTS_PER_ADDRESS": _MANY,
    "WEBAPP_MESSAGES_PER_ADDRESS": _MANY,
    "WEBAPP_TURNS_PER_ADDRESS": _MANY,
}


class CompiledTemplates(BytecodeCache):
    """Lets the apps of all tests share compiled templates; compiling is most of a short test."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill ``bucket`` if this template was compiled before."""
        bucket.code = self._kept.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        self._kept[bucket.key, bucket.checksum] = bucket.code


@cache
def compiled_templates() -> CompiledTemplates:
    """Return the compiled templates of this process."""
    return CompiledTemplates()


@cache
def empty_database() -> bytes:
    """Return a SQLite file with the current schema. The migrations run once in a process."""
    folder = Path(tempfile.mkdtemp(prefix="chat-profiles-"))
    try:
        file = folder / "chat.sqlite3"
        upgrade(Settings(database_url=f"sqlite:///{file}", sqlite_synchronous="NORMAL"))
        # The file is closed, so it has no write-ahead log beside it.
        return file.read_bytes()
    finally:
        shutil.rmtree(folder)


class TestedApp:
    """An app file that is loaded and served, until it is closed or nobody uses it any more.

    Parameters
    ----------
    app_file:
        The path of the app file.
    environ:
        What is set in the environment while the app lives. The ``WEBAPP_`` variables of the
        process itself do not count, so that a test runs everywhere in the same way.
    """

    __test__ = False  # it is no test, whatever its name begins with

    def __init__(self, app_file: str | Path | ChatApp, environ: Mapping[str, str]) -> None:
        before = {name: os.environ.get(name) for name in environ}
        folder = Path(tempfile.mkdtemp(prefix="chat-profiles-"))
        memory = MEMORY if os.access(MEMORY, os.W_OK) else folder
        data = Path(tempfile.mkdtemp(prefix="chat-profiles-", dir=memory))
        self.failures = FailureLog()
        left = _Left(self.failures, before, (data, folder))
        self.close = weakref.finalize(self, left.clean_up)
        logger = logging.getLogger("webapp")
        logger.addFilter(self.failures)
        # The app would print its log where there is no handler.
        logger.addHandler(left.handler)
        try:
            os.environ.update(environ)
            self.chat_app = _load(app_file)
            database = data / "chat.sqlite3"
            database.write_bytes(empty_database())
            settings = Settings.from_environment(
                {
                    **_SETTINGS,
                    "WEBAPP_SECRET_KEY": new_secret(),
                    "WEBAPP_DATABASE_URL": f"sqlite:///{database}",
                    "WEBAPP_FILES_URL": str(folder / "files"),
                    **{k: v for k, v in environ.items() if k.startswith("WEBAPP_")},
                },
                environ={},
            )
            self.app = left.app = build_app(self.chat_app, settings)
            self.failures.watch(self.app)
            _start(self.app)
        except BaseException:
            self.close()
            raise
        self.app.jinja_env.bytecode_cache = compiled_templates()

    @property
    def name(self) -> str:
        """The name of the app file."""
        return self.chat_app.file_name

    @property
    def module(self) -> ModuleType:
        """The module of the app file."""
        path = str(self.chat_app.path)
        named = (f"{self.chat_app.name}__app_file", self.chat_app.name)
        modules = [sys.modules.get(name) for name in named]
        return next(m for m in modules if m is not None and getattr(m, "__file__", "") == path)


class _Left:
    """What is cleaned up when an app is closed. It must not know the `TestedApp` itself."""

    def __init__(
        self, failures: FailureLog, environ: Mapping[str, str | None], folders: tuple[Path, ...]
    ) -> None:
        self.app: Flask | None = None
        self.handler = logging.NullHandler()
        self._failures = failures
        self._environ = environ
        self._folders = folders

    def clean_up(self) -> None:
        """End what still runs, as when a server ends, and give everything back."""
        if self.app is not None:
            close_app(self.app)
            self.app.extensions[CLOSED] = True
        logger = logging.getLogger("webapp")
        logger.removeFilter(self._failures)
        logger.removeHandler(self.handler)
        for name, value in self._environ.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)


def close_app(app: Flask) -> None:
    """End what still runs in an app, as when a server ends, and give back every connection."""
    conversation = app.extensions["conversation"]
    conversation.keeper.shut_down(0)
    conversation.late.forget()
    with app.app_context():
        app.extensions[LIFESPAN].end()
    # A connection that comes back to a pool after its end stays open until it is collected.
    wait_for_background()
    with app.app_context():
        db.session.remove()
        close_connections()


def _start(app: Flask) -> None:
    try:
        with app.app_context():
            start_here(app)
    except CallbackError as error:
        failure = authors_error(error)
    else:
        return
    raise failure


def _load(app_file: str | Path | ChatApp) -> ChatApp:
    try:
        return load_chat_app(app_file)
    except AppFileError as error:
        cause = error.__cause__
        if not isinstance(cause, Exception):
            raise
    # What the file itself has raised, with its own lines.
    raise authors_error(cause)
