"""The documented waitress line."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.servers import production, waitress
from tests.support.wire import RemoteVisitor, check_that_the_proxy_is_believed

pytestmark = pytest.mark.slow


def test_chat_starts_and_is_shown(tmp_path: Path, sqlite_url: str) -> None:
    settings = production(sqlite_url)
    with waitress(tmp_path, settings, "--threads", "16", fork=False) as server:
        visitor = RemoteVisitor(server.port)
        started = visitor.start_chat()
        shown = visitor.get(f"/chats/{started.chat_id}")
    assert "starting chat using the GPT-4 chat profile" in shown.text


def test_one_proxy_is_believed_with_the_documented_option(tmp_path: Path, sqlite_url: str) -> None:
    settings = {**production(sqlite_url, "roles.py"), "WEBAPP_PROXY_HOPS": "1"}
    with waitress(tmp_path, settings, "--no-clear-untrusted-proxy-headers") as server:
        check_that_the_proxy_is_believed(server)


def test_sixteen_visitors_at_once(tmp_path: Path, sqlite_url: str) -> None:
    with waitress(tmp_path, production(sqlite_url), "--threads", "16") as server:
        visitors = [RemoteVisitor(server.port) for _ in range(16)]
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(RemoteVisitor.start_chat, visitors))
        assert {answer.status for answer in answers} == {200}
        assert "Traceback" not in server.log
