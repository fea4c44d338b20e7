"""What every test can use: databases, apps made from small files, and people with browsers."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import os
import sys
import textwrap
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from sqlalchemy.engine import make_url

from tests.cli_support import CommandLine
from tests.support.apps import AppMaker
from tests.support.browsers.programs import find_firefox, find_webkit
from tests.support.chats import Talk
from tests.support.chromium import find_chromium
from tests.support.log import LogReader
from tests.support.nginx import NGINX
from tests.support.people import Visitor
from tests.support.postgresql import (
    PgBouncer,
    PostgreSQLServer,
    find_pgbouncer,
    find_postgresql,
)
from webapp.accounts import passwords
from webapp.engine.loop import process_loop
from webapp.testing import ChatTester
from webapp.testing.tested_app import empty_database

# How long an example takes depends on the machine. The same examples are drawn each time, so that
# nobody's tests fail by chance. With ``CHAT_PROFILES_FUZZ`` there are new ones.
settings.register_profile(
    "tests",
    deadline=None,
    derandomize="CHAT_PROFILES_FUZZ" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tests")

# From <malloc.h>.
M_ARENA_MAX = -8
NO_SKIP = os.environ.get("CHAT_PROFILES_NO_SKIP") == "1"


def pytest_configure() -> None:
    """Let all threads of the tests share two heaps.

    glibc gives each new thread a heap of its own, up to eight for a processor, and a thread that
    has hashed a password leaves 19 MiB of free memory there.
    """
    with suppress(AttributeError):  # only glibc has it
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 2)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let the garbage collector pass over the modules and tests, which all stay to the end.

    Each of its full passes would take half a second for them, while they are collected and after.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long, so that no processor is left alone with one at the end.

    ``make test`` hands them out in this order (``--no-loadscope-reorder``).
    """
    long = {item.path for item in items if item.get_closest_marker("slow")}
    driven = {item.path for item in items if item.get_closest_marker("browser")}
    items.sort(key=lambda item: (item.path not in long, item.path not in driven))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Make a skipped test a failed one where nothing may be skipped."""
    del item, call
    report = yield
    if NO_SKIP and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but CHAT_PROFILES_NO_SKIP=1: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say loudly which parts were not tested, and what to install."""
    for missing, advice in (
        (find_chromium() is None, "chromium"),
        (find_firefox() is None, "firefox-esr"),
        (find_webkit() is None, "webkit2gtk-driver xvfb"),
        (find_postgresql() is None, "postgresql"),
        (find_pgbouncer() is None, "pgbouncer"),
        (not Path(NGINX).exists(), "nginx-light"),
    ):
        if missing:
            terminalreporter.write_line(
                f"NOT TESTED: {advice} was not found. Install it (Debian: apt-get install "
                f"{advice}) and run the tests again.",
                red=True,
                bold=True,
            )


@pytest.fixture(autouse=True, scope="session")
def _make_no_loop_by_asking_for_one() -> None:
    """Let `asyncio.get_event_loop` make none, as in the threads of a server.

    A library that asks for a loop would get one that nobody closes, and some later test would fail
    for it.
    """
    asyncio.set_event_loop(None)


@pytest.fixture(autouse=True)
def _push_request_context() -> None:
    """Replace pytest-flask's ambient request context, which leaks a logged-in user from one
    request into the next."""


@pytest.fixture(autouse=True)
def _close_connections() -> Iterator[None]:
    """Close what the clients of an app's author leave open on the loop of the process.

    A warning would come when they are collected, which fails whichever test runs then.
    """
    yield
    current = process_loop._current
    if current is None or current.loop.is_closed():
        return
    # asyncio has no public list of them. Those that are closed have no socket any more.
    for transport in list(vars(current.loop).get("_transports", {}).values()):
        if transport._sock is not None:
            current.loop.call_soon_threadsafe(transport.abort)


@pytest.fixture(autouse=True)
def _forget_app_folders() -> Iterator[None]:
    """Take the folders of app files from the path, where loading an app leaves them.

    Later tests would find the modules there, and each import would look into thousands of folders.
    """
    before = [*sys.path]
    yield
    for folder in {*sys.path} - {*before}:
        sys.path_importer_cache.pop(folder, None)
    sys.path[:] = before


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.startswith(("WEBAPP_", "FLASK_"))]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session", autouse=True)
def _quiet_log() -> None:
    """Give our logger a handler, so that events go to pytest and not to standard error."""
    logging.getLogger("webapp").addHandler(logging.NullHandler())


@pytest.fixture(autouse=True)
def _cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash with the least that is allowed, a seventh of the work; a module that tests the hashes
    themselves has a fixture of this name that does nothing."""
    cheap = {"MEMORY_KIB": passwords.IMPORT_MEMORY_KIB[0], "ROUNDS": 1}
    dummy = passwords._DUMMY_HASH.replace("m=19456,t=2,", f"m={cheap['MEMORY_KIB']},t=1,")
    for name, value in {**cheap, "_DUMMY_HASH": dummy}.items():
        monkeypatch.setattr(passwords, name, value)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a SQLite file with the current schema, to be copied."""
    file = tmp_path_factory.mktemp("template") / "chat.sqlite3"
    file.write_bytes(empty_database())
    return file


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQLServer]:
    """Start a PostgreSQL server of our own on a free port of loopback."""
    if find_postgresql() is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with PostgreSQLServer.started() as server:
        yield server


@pytest.fixture(scope="session")
def pgbouncer(postgresql_server: PostgreSQLServer) -> Iterator[PgBouncer]:
    """Start a connection pooler in transaction mode before that server."""
    if find_pgbouncer() is None:
        pytest.skip("PgBouncer is not installed (Debian: apt-get install pgbouncer)")
    with postgresql_server.pooled() as pooler:
        yield pooler


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """Return the URL of a fresh SQLite database with the current schema."""
    folder = tmp_path / "instance"
    folder.mkdir(mode=0o700)
    file = folder / "chat.sqlite3"
    # The template is closed, so it has no write-ahead log beside it.
    file.write_bytes(sqlite_template.read_bytes())
    file.chmod(0o600)
    return f"sqlite:///{file}"


@pytest.fixture
def postgresql_url(postgresql_server: PostgreSQLServer) -> Iterator[str]:
    """Return the URL of a fresh PostgreSQL database with the current schema."""
    with postgresql_server.database() as url:
        yield make_url(url).render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def either_url(request: pytest.FixtureRequest) -> str:
    """Return a database of each kind in turn; for what must be the same on both."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def cli(sqlite_url: str, tmp_path: Path) -> CommandLine:
    """Return the command, in a folder of its own, on a fresh SQLite database."""
    return CommandLine(tmp_path, sqlite_url)


@pytest.fixture
def make_app(sqlite_url: str, tmp_path: Path) -> Iterator[AppMaker]:
    """Return `make_app(source_or_file, **settings)`, which makes an app from an app file."""
    with AppMaker.in_folder(tmp_path, sqlite_url) as maker:
        yield maker


@pytest.fixture
def talk(tmp_path: Path, chat_tester: Talk) -> Talk:
    """Return `talk(source, **options)`, which makes a tester of the text of an app file."""

    def make(source: str, **options: Any) -> ChatTester:
        path = tmp_path / "an_app.py"
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        return chat_tester(path, **options)

    return make


@pytest.fixture
def simple_app(make_app: AppMaker) -> Flask:
    """Return an app with two profiles and no login."""
    return make_app("simple.py")


@pytest.fixture
def roles_app(make_app: AppMaker) -> Flask:
    """Return an app with login: Alice is an admin with three profiles, Bob a user with two,
    Charlie a stranger with none. Each one's password is their name twice. Chats can be shared."""
    return make_app("roles.py", sharing="yes")


@pytest.fixture(scope="module")
def shared_app(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """Return one app like `roles_app` for all those tests of a module that change nothing in it."""
    folder = tmp_path_factory.mktemp("shared")
    file = folder / "chat.sqlite3"
    file.write_bytes(sqlite_template.read_bytes())
    with AppMaker.in_folder(folder, f"sqlite:///{file}") as maker:
        yield maker("roles.py", sharing="yes")


@pytest.fixture(scope="module")
def shared_alice(shared_app: Flask) -> Visitor:
    """Return Alice, signed in to `shared_app`, for tests that change nothing of hers."""
    return Visitor(shared_app).logged_in("alice")


@pytest.fixture
def visitor(simple_app: Flask) -> Visitor:
    """Return somebody with a browser, at the app without login."""
    return Visitor(simple_app)


@pytest.fixture
def alice(roles_app: Flask) -> Visitor:
    """Return Alice, an admin, logged in."""
    return Visitor(roles_app).logged_in("alice")


@pytest.fixture
def bob(roles_app: Flask) -> Visitor:
    """Return Bob, a user, logged in."""
    return Visitor(roles_app).logged_in("bob")


@pytest.fixture
def charlie(roles_app: Flask) -> Visitor:
    """Return Charlie, who is offered nothing, logged in."""
    return Visitor(roles_app).logged_in("charlie")


@pytest.fixture
def anonymous(roles_app: Flask) -> Visitor:
    """Return somebody at the app with login who has not logged in."""
    return Visitor(roles_app)


@pytest.fixture
def log() -> Iterator[LogReader]:
    """Return what the app logs, line by line as a collector gets it."""
    with LogReader.attached("webapp") as reader:
        yield reader
