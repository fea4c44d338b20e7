"""Looking at the settings of this machine, and at the app as it would run here; changes nothing."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError
from waitress import wasyncore
from waitress.server import create_server

from webapp.app import build_app
from webapp.authoring.errors import AuthoringError
from webapp.authoring.loading.app_file import ChatApp
from webapp.authoring.loading.loader import load_chat_app
from webapp.config import (
    LOOPBACK_HOSTS,
    Settings,
    StartupError,
    instance_folder,
    new_secret,
)
from webapp.console import database_problem, file_problem
from webapp.database.commands import find_readable_files, find_schema_problems
from webapp.database.engines import db, sqlite_file
from webapp.doctor.findings import GOOD, EndOfCheckError, Finding, Report, change, good, hint
from webapp.doctor.http_client import Site
from webapp.doctor.site_checks import readiness, streaming

SERVERS = ("gunicorn", "waitress", "uWSGI", "mod_wsgi")
THREADS = 8  # as `chat-profiles run` has
LOOK_SECONDS = 0.1


def check_here() -> Report:
    """Return what is found in the settings of this machine."""
    report = Report(None)
    try:
        settings = _settings()
        report.add(*_safety(settings))
        report.add(*_files(settings))
        report.add(_streaming_setting(settings), _servers())
        found = [*_database(settings)]
        report.add(*found)
        _watch(_app(settings, report), report, ready=[f.level for f in found] == [GOOD])
        report.add(_next(settings))
    except EndOfCheckError as end:
        report.add(end.finding)
    return report


def _settings() -> Settings:
    try:
        settings = Settings.from_environment()
        _ = settings.url
    except StartupError as error:
        raise EndOfCheckError(change("settings", error.line)) from error
    return settings


def _safety(settings: Settings) -> Iterator[Finding]:
    # Only the first problem is told each time, so it is asked again as if the secret were fine.
    other = replace(settings, secret_key=new_secret(), secret_key_fallbacks=())
    problems = dict.fromkeys(line for each in (settings, other) if (line := _problem(each)))
    for line in problems:
        yield change("unsafe", line)
    if not problems:
        yield good("safe", f"The secret is set, and so are the names: {_names(settings)}.")
    if settings.insecure_cookies:
        yield hint("insecure-cookies", "WEBAPP_INSECURE_COOKIES lets cookies travel unprotected.")


def _problem(settings: Settings) -> str:
    try:
        settings.refuse_if_unsafe()
    except StartupError as error:
        return error.line
    return ""


def _names(settings: Settings) -> str:
    return ", ".join(settings.trusted_hosts)


def _files(settings: Settings) -> Iterator[Finding]:
    for warning in find_readable_files(settings):
        yield change("open-file", f"{warning}.")
    secret = instance_folder() / "secret_key"
    if secret.exists() and secret.stat().st_mode & 0o077:
        yield change("open-file", f"{secret} can be read by others; run `chmod 600 {secret}`.")


def _streaming_setting(settings: Settings) -> Finding:
    if settings.streaming == "auto":
        return good("auto", "WEBAPP_STREAMING is auto: the server decides how answers are watched.")
    return hint("forced", f"WEBAPP_STREAMING={settings.streaming} is set, whatever the server can.")


def _servers() -> Finding:
    found = [f"{name} {number}" for name in SERVERS if (number := _version(name))]
    return good("servers", f"Installed in this Python: {', '.join(found)}.")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _database(settings: Settings) -> Iterator[Finding]:
    file = sqlite_file(settings.url)
    if file and not file.exists():
        yield from _missing(file)
        return
    try:
        problems = list(find_schema_problems(settings))
    except SQLAlchemyError as error:
        problems = [database_problem(error)]
    except OSError as error:
        problems = [file_problem(error)]
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("psycopg"):
            raise
        advice = "Run pip install 'chat-profiles[postgresql]'."
        missing = change("no-driver", "PostgreSQL needs one more package.", advice)
        raise EndOfCheckError(missing) from error
    for problem in problems:
        yield change("database", f"About the database: {problem}.")
    if not problems:
        yield good("database", "The database answers, and its schema is current.")


def _missing(file: Path) -> Iterator[Finding]:
    yield hint("no-database", f"There is no database at {file} yet; the first start makes it.")
    folder = next(folder for folder in file.parents if folder.exists())
    if not os.access(folder, os.W_OK | os.X_OK):
        yield change(
            "closed-folder",
            f"This user may not write in {folder}, where the database is to be.",
            "Change its owner or rights, or WEBAPP_DATABASE_URL.",
        )


def _app(settings: Settings, report: Report) -> Flask:
    if settings.chat is None:
        text = "WEBAPP_CHAT is not set, so no app can be started."
        advice = "Give the path of your app file, such as WEBAPP_CHAT=/srv/chat/app.py."
        raise EndOfCheckError(change("no-app-file", text, advice))
    chat_app = _loaded(settings.chat)
    report.add(good("app-file", f"The app file loads: {chat_app.file_name}."))
    if not chat_app.callbacks:
        report.add(change("empty-app-file", "It registers nothing; are the decorators there?"))
    return build_app(chat_app, _on_loopback(settings))


def _loaded(chat: str) -> ChatApp:
    try:
        return load_chat_app(chat)
    except AuthoringError as error:
        advice = "Correct the app file."
        raise EndOfCheckError(change("app-file", f"{error}".rstrip(".") + ".", advice)) from error


def _on_loopback(settings: Settings) -> Settings:
    # In memory only: a secret that is missing is not written anywhere.
    return replace(
        settings,
        production=False,
        insecure_cookies=True,
        trusted_hosts=LOOPBACK_HOSTS,
        secret_key=settings.secret_key or new_secret(),
    )


def _watch(app: Flask, report: Report, *, ready: bool) -> None:
    with _served(app) as site:
        if ready:
            report.add(*readiness(site))
        report.add(*streaming(site, report))


@contextmanager
def _served(app: Flask) -> Iterator[Site]:
    """Yield where ``app`` is served by waitress for the moment, as `chat-profiles run` would."""
    # It says when a request waits for a thread, as the first one may.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    sockets: dict[int, Any] = {}
    # Typed by what it is for one address, which is what is asked for here.
    server: Any = create_server(
        app, map=sockets, host="127.0.0.1", port=0, threads=THREADS, ident=None
    )
    enough = threading.Event()
    loop = threading.Thread(target=_serve, args=(sockets, enough), daemon=True)
    loop.start()
    try:
        yield Site("http", "127.0.0.1", int(server.effective_port))
    finally:
        # The threads first: what they still say goes through sockets that are closed last.
        server.task_dispatcher.shutdown()
        enough.set()
        loop.join()
        wasyncore.close_all(sockets)
        with app.app_context():
            db.engine.dispose()


def _serve(sockets: dict[int, Any], enough: threading.Event) -> None:
    while not enough.is_set():
        wasyncore.loop(LOOK_SECONDS, map=sockets, count=1)


def _next(settings: Settings) -> Finding:
    host = settings.trusted_hosts[0].lstrip(".") if settings.trusted_hosts else "chat.example.org"
    return hint(
        "ask-the-site",
        f"So it is with waitress and {THREADS} threads, asked directly.",
        f"What your server and its proxy do: `chat-profiles doctor https://{host}`.",
    )
