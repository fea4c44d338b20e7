"""The log: one line per event, safe to read, and without secrets."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.apps import APPS, SECRET, AppMaker
from tests.support.log import LogReader
from tests.support.people import Visitor
from webapp.web.log import JSONFormatter, _TerminalFormatter, log_event

HOSTILE = "a\r\nINFO forged\x1b[31m\u2028\x00\x9b"
CANARY_APP = """
    import webapp as cl
    @cl.set_chat_profiles
    def profiles():
        return [cl.ChatProfile("p", "canary-description")]
    @cl.on_chat_start
    def start():
        cl.Message("canary-message").send()
        cl.user_session.set("key", "canary-value")
    @cl.password_auth_callback
    def auth(username, password):
        if password == "canary-password-broken":
            raise RuntimeError("no answer")
        return cl.User(username) if password == "canary-password" else None
"""


@pytest.fixture
def everything() -> Iterator[LogReader]:
    """Return every line that anything logs, at DEBUG."""
    root = logging.getLogger()
    before = root.level
    names = ("webapp", "sqlalchemy", "werkzeug", "flask", "asyncio", "alembic")
    levels = {name: logging.getLogger(name).level for name in names}
    with LogReader.attached("") as reader:
        root.setLevel(logging.DEBUG)
        for name in names:
            logging.getLogger(name).setLevel(logging.DEBUG)
        yield reader
    root.setLevel(before)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def test_an_event_is_one_line_of_json(log: LogReader) -> None:
    logging.getLogger("webapp").setLevel(logging.INFO)
    log_event("thing.happened", user="alice", count=3)
    [line] = log.lines
    event = json.loads(line)
    assert (event["event"], event["user"], event["count"]) == ("thing.happened", "alice", 3)
    assert event["level"] == "INFO"
    assert event["time"].endswith("+00:00")


def test_hostile_text_stays_inside_its_line(log: LogReader) -> None:
    logging.getLogger("webapp").setLevel(logging.INFO)
    log_event("thing.happened", user=HOSTILE)
    [line] = log.lines
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["user"] == HOSTILE


@pytest.mark.parametrize("formatter", [JSONFormatter(), _TerminalFormatter()])
def test_hostile_text_is_escaped_in_both_shapes(formatter: logging.Formatter) -> None:
    record = logging.LogRecord("webapp", logging.INFO, "", 0, HOSTILE, None, None)
    record.fields = {"user": HOSTILE}
    line = formatter.format(record)
    assert line.isprintable()
    assert "\n" not in line


def test_a_traceback_in_the_terminal_keeps_its_lines_and_escapes_the_rest() -> None:
    try:
        raise ValueError("two\nlines\x1b[31m")
    except ValueError:
        info = sys.exc_info()
    record = logging.LogRecord("webapp", logging.ERROR, "", 0, "failed", None, info)
    head, *trace = _TerminalFormatter().format(record).split("\n")
    assert head.endswith("ERROR failed")
    assert all(line.startswith("  | ") and line.isprintable() for line in trace)


def test_a_refused_name_cannot_forge_a_line(bob: Visitor, log: LogReader) -> None:
    bob.post("/chats", {"profile": "x\nINFO login.ok user=alice\x1b"})
    assert len(log.lines) == 1
    assert log.one("profile.refused")["profile"] == "x\nINFO login.ok user=alice"


def test_no_secret_is_ever_logged(make_app: AppMaker, everything: LogReader) -> None:
    visitor = Visitor(make_app(CANARY_APP, log_level="DEBUG"))
    tokens = []
    for password in ("canary-password-wrong", "canary-password-broken", "canary-password"):
        visitor.post("/login", {"username": "alice", "password": password})
        visitor.get("/")
        tokens += [visitor.token, str(visitor.client.get_cookie("session"))]
    visitor.start_chat("p")
    visitor.post("/chats", {"csrf_token": "canary-token"})
    visitor.post("/logout")
    assert len(everything.lines) > 5
    for secret in ("canary", SECRET, *(token for token in tokens if token)):
        assert secret not in everything.text


@pytest.mark.postgresql
def test_the_databases_password_is_never_logged(
    make_app: AppMaker, postgresql_url: str, everything: LogReader
) -> None:
    make_app.database_url = postgresql_url.rpartition("/")[0] + "/does_not_exist"
    visitor = Visitor(make_app("simple.py", log_level="DEBUG"))
    assert visitor.get("/readyz").status_code == 503
    visitor.client.set_cookie("session", "x" * 43)
    assert visitor.get("/").status_code == 503
    assert "database.unavailable" in everything.text
    assert "secret-in-the-dsn" in postgresql_url
    assert "secret-in-the-dsn" not in everything.text


def test_a_failing_statement_does_not_log_its_values(
    make_app: AppMaker, everything: LogReader
) -> None:
    visitor = Visitor(make_app(CANARY_APP)).logged_in("alice", "canary-password")
    from webapp.database.engines import db  # noqa: PLC0415

    with visitor.app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE messages")
    assert visitor.post("/chats").status_code in (500, 503)
    assert "messages" in everything.text
    assert "canary" not in everything.text


def test_a_process_logs_json_to_standard_error_once(make_app: AppMaker) -> None:
    program = f"""
from webapp import create_app
app = create_app({str(APPS / "roles.py")!r}, {make_app.config()!r})
create_app({str(APPS / "simple.py")!r}, {make_app.config()!r})
client = app.test_client()
token = client.get("/login").text.partition('csrf_token" value="')[2].partition('"')[0]
client.post("/login", data=dict(csrf_token=token, username="bob", password="wrong"))
"""
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent,
    )
    [line] = result.stderr.splitlines()
    assert json.loads(line)["event"] == "login.failed"
    assert result.stdout == ""


@pytest.mark.parametrize(("level", "lines"), [("INFO", 1), ("WARNING", 0)])
def test_the_level_is_a_setting(make_app: AppMaker, log: LogReader, level: str, lines: int) -> None:
    Visitor(make_app("roles.py", log_level=level)).logged_in("alice")
    assert len(log.lines) == lines
