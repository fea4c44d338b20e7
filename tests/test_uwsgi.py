"""The documented line of uWSGI, with a real one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.conversation import Rows, Talker, spoken, tokens_in, wait_until
from tests.support.servers import PATIENCE, production, run, uwsgi, uwsgi_command
from tests.support.wire import RemoteVisitor

pytestmark = pytest.mark.slow

GRACE_SECONDS = 5


def test_a_chat_starts_and_is_shown(tmp_path: Path, sqlite_url: str) -> None:
    with uwsgi(tmp_path, production(sqlite_url)) as server:
        visitor = RemoteVisitor(server.port)
        started = visitor.start_chat()
        shown = visitor.get(f"/chats/{started.chat_id}")
        first = json.loads(visitor.get("/healthz/stream").text.split("\n\n")[0][len("data: ") :])
    assert "starting chat using the GPT-4 chat profile" in shown.text
    assert (first["way"], first["streams"], first["server"]) == ("sse", 24, "uWSGI")


def test_without_threads_a_page_waits_for_the_whole_answer(tmp_path: Path, sqlite_url: str) -> None:
    without = ("--enable-threads", "--threads", "32")
    with uwsgi(tmp_path, production(sqlite_url, "talker.py"), *without) as server:
        talker = Talker(server.port).start()
        with talker.say("stream word 20 0.01") as answer:
            assert not answer.is_stream
            assert spoken("word", 20) in answer.text()


def test_at_its_end_it_waits_for_turns_then_marks_them(tmp_path: Path, sqlite_url: str) -> None:
    settings = production(sqlite_url, "talker.py")
    settings["WEBAPP_SHUTDOWN_SECONDS"] = str(GRACE_SECONDS)
    with uwsgi(tmp_path, settings) as server:
        short, long = Talker(server.port).start(), Talker(server.port).start()
        # Nobody watches the long one. Whoever does keeps the process up for a minute.
        assert long.said("stream long 4000 0.03", htmx=False).status == 303
        wait_until(lambda: tokens_in(long.bubbles()[-1].text, "long") > 20)
        with short.say("stream short 20 0.05") as one:
            one.until("short-1 ")
            server.process.terminate()
            assert spoken("short", 20) in one.text()
        server.process.wait(GRACE_SECONDS + PATIENCE)
    assert "Traceback" not in server.log
    rows = Rows(sqlite_url).all("SELECT status, content FROM messages WHERE kind = 'assistant'")
    answers = dict(rows)
    assert answers["complete"] == spoken("short", 20)
    assert spoken("long", 4_000).startswith(answers["interrupted"])
    assert tokens_in(answers["interrupted"], "long") > 50


def test_an_app_that_believes_a_proxy_does_not_start(tmp_path: Path, sqlite_url: str) -> None:
    settings = production(sqlite_url, "by_proxy.py")
    settings["WEBAPP_PROXY_SECRET"] = "0123456789abcdef0123456789abcdef"
    _, output = run([*uwsgi_command("--master"), "--need-app"], tmp_path, settings)
    assert "uWSGI" in output
    assert "X_Forwarded" in output
