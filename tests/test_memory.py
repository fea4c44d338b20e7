"""Memory, files and threads do not grow with use, and logins stay within bounds.

`benchmarks/memory.py` starts 10,000 chats. The tests here start enough to see a leak of about 7 kB
each.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.conversation import wait_until
from tests.support.procfs import Holdings, holdings, peak_memory
from tests.support.servers import chat_profiles_command, gunicorn, production, run
from tests.support.wire import RemoteVisitor

pytestmark = pytest.mark.slow

WARM_UP = 320
STARTS = 600
GROWTH = 0.04
# A pooled connection to SQLite holds three files; a few more of them may be made when busy.
MORE_FILES = 12
LOGINS = 50
LOGIN_MEMORY_KB = 140_000
APP_WITH_LOGIN = """
import webapp as cl
from webapp.database import connections

# On a busy machine, one of fifty writers may not get its turn within the usual 5 seconds.
connections.BUSY_MILLISECONDS = 60_000
cl.password_auth_callback(cl.seeded_user)
"""


def test_chat_starts_leave_nothing_behind(tmp_path: Path, sqlite_url: str) -> None:
    with gunicorn(tmp_path, production(sqlite_url), fork=False) as server:
        (worker,) = server.workers()
        # As many at once as there are threads, so that every thread and connection exists.
        _start_chats(server.port, WARM_UP, at_once=32)
        before = _settled(worker)
        _start_chats(server.port, STARTS, at_once=8)
        after = _settled(worker)
    assert after.memory < before.memory * (1 + GROWTH), (before, after)
    assert after.files <= before.files + MORE_FILES, (before, after)
    assert after.threads <= before.threads, (before, after)


def test_fifty_logins_at_once_stay_within_bounds(tmp_path: Path, sqlite_url: str) -> None:
    app_file = tmp_path / "seeded.py"
    app_file.write_text(APP_WITH_LOGIN)
    settings = production(sqlite_url, app_file)
    command = chat_profiles_command("users", "add", "alice", "--generate")
    status, output = run(command, tmp_path, settings)
    assert status == 0, output
    # Each login comes from an address of its own, or the throttle would answer most of them.
    settings["WEBAPP_PROXY_HOPS"] = "1"
    # More threads than logins, so that only hashing is bounded.
    options = ("--workers", "1", "--threads", "64")
    with gunicorn(tmp_path, settings, *options, fork=False) as server:
        (worker,) = server.workers()
        visitors = [
            RemoteVisitor(server.port, headers={"X-Forwarded-For": f"192.0.2.{n}"})
            for n in range(LOGINS)
        ]
        for visitor in visitors:
            visitor.get("/login")
        idle = holdings(worker).memory
        with ThreadPoolExecutor(LOGINS) as pool:
            logins = [pool.submit(_log_in, visitor, n) for n, visitor in enumerate(visitors)]
            page = RemoteVisitor(server.port).get("/login")
            waiting = [login for login in logins if not login.done()]
        statuses = [login.result() for login in logins]
        grown = peak_memory(worker) - idle
    assert statuses == [401] * LOGINS
    assert page.status == 200
    assert waiting, "the page came after all logins"
    assert grown < LOGIN_MEMORY_KB


def _start_chats(port: int, count: int, at_once: int) -> None:
    def start_some(number: int) -> None:
        visitor = RemoteVisitor(port)
        for _ in range(number):
            answer = visitor.start_chat()
            assert answer.status == 200, answer.text

    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(start_some, [count // at_once] * at_once))


def _settled(pid: int) -> Holdings:
    """Return what a process holds once its connections to the clients are closed."""
    seen = [holdings(pid)]

    def is_settled() -> bool:
        time.sleep(0.5)
        seen.append(holdings(pid))
        return (seen[-1].files, seen[-1].threads) == (seen[-2].files, seen[-2].threads)

    wait_until(is_settled)
    return seen[-1]


def _log_in(visitor: RemoteVisitor, number: int) -> int:
    form = {"username": f"nobody-{number}", "password": "wrong", "next": "/"}
    return visitor.post("/login", form).status
