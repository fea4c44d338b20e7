"""Checks of the settings of this machine, and of the app as it would run here.

They change nothing.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError
from waitress import wasyncore
from waitress.server import create_server

from webapp.accounts.header_auth.trusted_proxy import find_proxy_problem
from webapp.authoring.errors import AuthoringError
from webapp.authoring.loading.app_file import ChatApp
from webapp.authoring.loading.loader import load_chat_app
from webapp.config.secret_file import instance_folder, new_secret
from webapp.config.settings import LOOPBACK_HOSTS, PROXY_SECRET_HEADER, Settings
from webapp.config.startup_error import StartupError
from webapp.console import database_problem, file_problem
from webapp.database.commands import find_readable_files, find_schema_problems
from webapp.database.engines import close_connections, sqlite_file
from webapp.doctor.findings import GOOD, EndOfCheckError, Finding, Report, change, good, hint
from webapp.doctor.http_client import Site
from webapp.doctor.needed_packages import find_needed_packages
from webapp.doctor.site_checks import check_readiness, check_streaming
from webapp.files.contents import FilesUnavailableError
from webapp.files.store import make_store
from webapp.site import BuildApp

SERVERS = ("gunicorn", "waitress", "uWSGI", "mod_wsgi")
THREADS = 8  # as `chat-profiles run` has
LOOP_SECONDS = 0.1
NO_CONTENT = "0" * 64  # no content has this hash


def check_settings(build_app: BuildApp) -> Report:
    """Return the findings about the settings of this machine, and about the app as it runs here.

    Parameters
    ----------
    build_app:
        Makes the Flask app of an app file, as `webapp.app.build_app` does.
    """
    report = Report(checked=None)
    try:
        settings = Settings.from_environment()
        _ = settings.url
    except StartupError as error:
        report.add(*(change("settings", line) for line in error.lines))
        return report
    try:
        report.add(*_check_safety(settings))
        report.add(*_check_installation(settings))
        database = [*_check_database(settings)]
        report.add(*database)
        report.add(*_check_files(settings))

        chat_app = _load(settings, report)
        report.add(*_check_header_sign_in(chat_app, settings))
        report.add(*find_needed_packages(chat_app, settings))
        # In memory only: a missing secret is not written to the disk.
        local_settings = replace(
            settings,
            production=False,
            insecure_cookies=True,
            trusted_hosts=LOOPBACK_HOSTS,
            secret_key=settings.secret_key or new_secret(),
        )
        with _serve(build_app(chat_app, local_settings)) as site:
            if [finding.level for finding in database] == [GOOD]:
                report.add(*check_readiness(site))
            report.add(*check_streaming(site, report))
        hosts = settings.trusted_hosts or ("chat.example.org",)
        report.add(
            hint(
                "ask-the-site",
                f"This is the result with waitress and {THREADS} threads, without a proxy.",
                "To check your server and its proxy, run `chat-profiles doctor "
                f"https://{hosts[0].lstrip('.')}`.",
            )
        )
    except EndOfCheckError as end:
        report.add(end.finding)
    return report


def _check_safety(settings: Settings) -> Iterator[Finding]:
    problems = settings.find_problems()
    for line in problems.values():
        yield change("unsafe", line)
    if not problems:
        names = ", ".join(settings.trusted_hosts)
        yield good("safe", f"The secret is set, and so are the host names: {names}.")
    if settings.insecure_cookies:
        yield hint("insecure-cookies", "WEBAPP_INSECURE_COOKIES lets cookies travel unprotected.")


def _check_installation(settings: Settings) -> Iterator[Finding]:
    for warning in find_readable_files(settings):
        yield change("open-file", f"{warning}.")
    secret = instance_folder() / "secret_key"
    if secret.exists() and secret.stat().st_mode & 0o077:
        yield change("open-file", f"{secret} can be read by others; run `chmod 600 {secret}`.")
    if settings.streaming == "auto":
        yield good("auto", "WEBAPP_STREAMING is auto: the server decides how to stream.")
    else:
        text = f"WEBAPP_STREAMING={settings.streaming} is set, whatever the server can do."
        yield hint("forced", text)
    servers = []
    for name in SERVERS:
        with suppress(PackageNotFoundError):
            servers.append(f"{name} {version(name)}")
    yield good("servers", f"Installed in this Python: {', '.join(servers)}.")


def _check_database(settings: Settings) -> Iterator[Finding]:
    file = sqlite_file(settings.url)
    if file and not file.exists():
        yield hint("no-database", f"There is no database at {file} yet; the first start makes it.")
        folder = next(folder for folder in file.parents if folder.exists())
        if not os.access(folder, os.W_OK | os.X_OK):
            yield change(
                "closed-folder",
                f"This user may not write in {folder}, the folder of the database.",
                "Change its owner or permissions, or WEBAPP_DATABASE_URL.",
            )
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
        yield change("database", f"Problem with the database: {problem}.")
    if not problems:
        yield good("database", "The database answers, and its schema is current.")


def _check_files(settings: Settings) -> Iterator[Finding]:
    folder = settings.files_folder
    if folder is None:
        try:
            make_store(settings).exists(NO_CONTENT)
        except FilesUnavailableError as error:
            yield change(
                "no-files",
                f"The object storage of WEBAPP_FILES_URL does not answer: {error}.",
                "Correct WEBAPP_FILES_URL and the AWS_ variables, or start the storage.",
            )
        return
    if folder.exists() and folder.stat().st_mode & 0o007:
        yield change("open-file", f"{folder} can be read by others; run `chmod o-rwx {folder}`.")
    nearest = next(each for each in (folder, *folder.parents) if each.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        yield change(
            "closed-files",
            f"This user may not write in {nearest}, where files of chats are kept.",
            "Change its owner or permissions, or WEBAPP_FILES_URL.",
        )


def _load(settings: Settings, report: Report) -> ChatApp:
    if settings.chat is None:
        text = "WEBAPP_CHAT is not set, so the doctor cannot start an app."
        advice = "Give the path of your app file, such as WEBAPP_CHAT=/srv/chat/app.py."
        raise EndOfCheckError(change("no-app-file", text, advice))
    try:
        chat_app = load_chat_app(settings.chat)
    except AuthoringError as error:
        advice = "Correct the app file."
        raise EndOfCheckError(change("app-file", f"{error}".rstrip(".") + ".", advice)) from error
    report.add(good("app-file", f"The app file loads: {chat_app.file_name}."))
    if not chat_app.callbacks:
        report.add(change("empty-app-file", "It registers nothing; are the decorators there?"))
    return chat_app


def _check_header_sign_in(chat_app: ChatApp, settings: Settings) -> Iterator[Finding]:
    """Yield whether the headers that sign users in can be forged, if the app reads such headers."""
    problem = find_proxy_problem(chat_app, settings)
    if problem is not None:
        yield change("header-sign-in", problem)
    elif "header_auth_callback" not in chat_app.callbacks:
        return
    elif settings.proxy_secret:
        text = f"Headers sign users in only if {PROXY_SECRET_HEADER} has the secret of the proxy."
        yield good("header-sign-in", text)
    else:
        addresses = ", ".join(settings.proxy_addresses)
        yield hint(
            "header-sign-in",
            f"Every program that connects from {addresses} can sign in as any user.",
            f"Set WEBAPP_PROXY_SECRET too, if the proxy can send {PROXY_SECRET_HEADER}.",
        )


@contextmanager
def _serve(app: Flask) -> Iterator[Site]:
    """Serve ``app`` with waitress for a moment, as `chat-profiles run` does."""
    # waitress logs each request that waits for a thread, as the first one may.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    sockets: dict[int, Any] = {}
    # Its type depends on the number of addresses. Here it is one.
    server: Any = create_server(
        app, map=sockets, host="127.0.0.1", port=0, threads=THREADS, ident=None
    )
    done = threading.Event()

    def run_loop() -> None:
        while not done.is_set():
            wasyncore.loop(LOOP_SECONDS, map=sockets, count=1)

    loop = threading.Thread(target=run_loop, daemon=True)
    loop.start()
    try:
        yield Site("http", "127.0.0.1", int(server.effective_port))
    finally:
        # The threads end first, since their last answers need the sockets.
        server.task_dispatcher.shutdown()
        done.set()
        loop.join()
        wasyncore.close_all(sockets)
        with app.app_context():
            close_connections()
