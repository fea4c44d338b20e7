"""`on_app_startup` and `on_app_shutdown`: once in each process that serves, and in no other."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.conversation import wait_until
from tests.support.log import LogReader
from tests.support.people import Visitor
from tests.support.servers import PATIENCE, gunicorn, gunicorn_command, production, running
from webapp.config.startup_error import StartupError

CALLBACKS = """
    import asyncio, os
    from pathlib import Path
    import webapp as cl

    CALLED, LOOPS = [], []
    NOTES = Path(__file__).with_name("notes.txt")

    def note(text):
        CALLED.append(text)
        with NOTES.open("a") as notes:
            notes.write(f"{text} {os.getpid()}\\n")

    @cl.on_app_startup
    async def startup():
        LOOPS.append(asyncio.get_running_loop())
        note("startup")

    @cl.on_app_shutdown
    def shutdown():
        note("shutdown")

    @cl.on_message
    async def answer(message):
        assert asyncio.get_running_loop() is LOOPS[0]
        await cl.Message(" ".join(CALLED)).send()
"""
WORKERS = 2
FAILS = CALLBACKS.replace('note("startup")', 'raise ValueError("no index")')


def names(app: Flask) -> dict[str, Any]:
    """Return the names of the app file."""
    found: dict[str, Any] = app.extensions["chat_app"].callbacks["on_message"].function.__globals__
    return found


def notes_in(folder: Path) -> list[tuple[str, int]]:
    """Return what was called, each with its process."""
    file = folder / "notes.txt"
    lines = file.read_text().splitlines() if file.exists() else []
    return [(name, int(pid)) for name, _, pid in (line.partition(" ") for line in lines)]


def test_an_app_starts_before_its_first_request_and_once(make_app: AppMaker) -> None:
    app = make_app(CALLBACKS)
    assert names(app)["CALLED"] == []
    chat = Chat(app).say("Hello")
    assert chat.messages() == ["startup"]
    assert names(app)["CALLED"] == ["startup"]


def test_an_app_ends_once_and_only_if_it_has_started(make_app: AppMaker) -> None:
    app = make_app(CALLBACKS)
    lifespan = app.extensions["lifespan"]
    lifespan.end()
    assert names(app)["CALLED"] == []
    Visitor(app).get("/")
    lifespan.end()
    lifespan.end()
    assert names(app)["CALLED"] == ["startup", "shutdown"]


def test_a_start_that_fails_is_told_and_serves_nothing(make_app: AppMaker, log: LogReader) -> None:
    app = make_app(FAILS)
    with pytest.raises(StartupError) as raised:
        Visitor(app).get("/")
    [line] = raised.value.lines
    assert line.startswith("@on_app_startup: ValueError: no index (app_file.py:")
    assert "no index" in log.one("app_startup.failed")["traceback"]


def test_an_end_that_fails_is_logged(make_app: AppMaker, log: LogReader) -> None:
    app = make_app(CALLBACKS.replace('note("shutdown")', 'raise ValueError("stuck")'))
    Visitor(app).get("/")
    app.extensions["lifespan"].end()
    assert "stuck" in log.one("app_shutdown.failed")["traceback"]


def test_an_app_without_them_is_called_as_before(make_app: AppMaker) -> None:
    assert not make_app("simple.py").extensions["lifespan"].does_something


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--preload",)])
def test_each_worker_starts_and_ends_once(
    tmp_path: Path, make_app: AppMaker, sqlite_url: str, options: tuple[str, ...]
) -> None:
    settings = production(sqlite_url, make_app.path(CALLBACKS))
    shape = ("--workers", str(WORKERS), "--threads", "4", *options)
    with gunicorn(tmp_path, settings, *shape, fork=False) as server:
        wait_until(lambda: len(server.workers()) == WORKERS)
        workers = set(server.workers())
        if not options:
            wait_until(lambda: len(notes_in(tmp_path)) == len(workers))
        # With --preload, a worker starts before its first request. One may not have had any.
        started = {pid for _, pid in notes_in(tmp_path)}
    assert started
    assert started <= workers
    wait_until(lambda: len(notes_in(tmp_path)) == 2 * len(started))
    expected = [(name, pid) for name in ("startup", "shutdown") for pid in started]
    assert sorted(notes_in(tmp_path)) == sorted(expected)


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--preload",)])
def test_a_start_that_fails_ends_the_server(
    tmp_path: Path, make_app: AppMaker, sqlite_url: str, options: tuple[str, ...]
) -> None:
    settings = production(sqlite_url, make_app.path(FAILS))
    command = gunicorn_command("--workers", "1", "--threads", "4", *options)
    with running(command, tmp_path, settings) as server:
        give_up = time.monotonic() + PATIENCE
        while server.process.poll() is None:
            server.status("/healthz", timeout=1)
            assert time.monotonic() < give_up, server.log
            time.sleep(0.05)
        assert server.process.poll() != 0
        assert "chat-profiles: @on_app_startup: ValueError: no index" in server.log
