"""The audit trail: what is on record, what never is, and `chat-profiles audit`."""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from tests.cli_support import GOOD_PASSWORD, CommandLine
from tests.support.apps import AppMaker
from tests.support.log import LogReader
from tests.support.people import Visitor
from tests.support.rows import column, count, every_row, run_sql
from webapp.accounts import audit
from webapp.accounts.models import AuditEntry
from webapp.database.engines import utc_now, write_session

# Alice may log in, and is offered one profile.
APP = """
    import webapp as cl

    cl.password_auth_callback(cl.seeded_user)

    @cl.set_chat_profiles
    def profiles():
        return [cl.ChatProfile("Team", "For the team.")]

    @cl.on_message
    async def answer(message):
        await cl.Message("Yes").send()
"""
SECRET_TYPED_AS_NAME = "correct horse battery"


@pytest.fixture
def cli(either_url: str) -> CommandLine:
    """Return the command, on each database, where Alice has an account."""
    found = CommandLine(Path(), either_url)
    found.add("alice")
    found("users", "add", "bob", "--generate")
    return found


@pytest.fixture
def app(cli: CommandLine, either_url: str, tmp_path: Path) -> Iterator[Flask]:
    """Return the app, on the same database."""
    with AppMaker.in_folder(tmp_path, either_url) as maker:
        yield maker(APP)


@pytest.fixture
def alice(app: Flask) -> Visitor:
    """Return Alice, logged in."""
    return Visitor(app).logged_in("alice", GOOD_PASSWORD)


def listed(cli: CommandLine, *options: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(cli.ok("audit", "--json", *options))
    return found


def newest(cli: CommandLine) -> tuple[str, str | None, dict[str, Any]]:
    """Return event, user and details of the newest entry."""
    first = listed(cli)[0]
    return first["event"], first["user"], first["details"]


def tried(visitor: Visitor, username: str, password: str = "wrong") -> int:
    return visitor.post("/login", {"username": username, "password": password}).status_code


def test_a_login_and_a_logout_are_on_record(cli: CommandLine, alice: Visitor) -> None:
    [entry] = listed(cli, "--event", "login.ok")
    assert (entry["user"], entry["ip"], entry["details"]) == ("alice", "127.0.0.1", {})
    assert entry["at"].endswith("Z")
    alice.post("/logout")
    assert newest(cli) == ("logout", "alice", {})


def test_a_failed_login_is_on_record_under_the_name_of_the_account(
    cli: CommandLine, app: Flask
) -> None:
    assert tried(Visitor(app), " ALICE ") == 401
    assert newest(cli) == ("login.failed", "alice", {})


def test_a_name_that_nobody_has_is_neither_kept_nor_logged(
    cli: CommandLine, app: Flask, log: LogReader
) -> None:
    assert [tried(Visitor(app), SECRET_TYPED_AS_NAME) for _ in range(11)][-1] == 429
    assert newest(cli) == ("login.throttled", None, {})
    assert SECRET_TYPED_AS_NAME not in str(every_row(app, audited=True))
    assert log.events("login.failed")[0]["user"] is None
    assert log.one("login.throttled")["user"] is None
    assert SECRET_TYPED_AS_NAME not in log.text


def test_without_its_database_the_log_has_no_name(
    app: Flask, log: LogReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise OperationalError("BEGIN", None, OSError("no database"))

    monkeypatch.setattr(audit, "write_transaction", fails)
    assert tried(Visitor(app), SECRET_TYPED_AS_NAME) == 401
    assert log.one("login.failed")["user"] is None
    assert SECRET_TYPED_AS_NAME not in log.text


def test_somebody_without_an_account_is_known_after_a_login(roles_app: Flask) -> None:
    visitor = Visitor(roles_app)
    tried(visitor, "bob")
    visitor.logged_in("bob").post("/logout")
    visitor.forget_token()
    tried(visitor, "bob")
    assert column(roles_app, "audit_entries.identifier") == [None, "bob", "bob", "bob"]


def test_a_throttled_login_is_on_record(cli: CommandLine, app: Flask) -> None:
    visitor = Visitor(app)
    assert [tried(visitor, "bob") for _ in range(11)][-1] == 429
    assert newest(cli) == ("login.throttled", "bob", {})
    assert len(listed(cli, "--event", "login.failed", "--user", "bob")) == 10


def test_a_refused_profile_is_on_record(cli: CommandLine, alice: Visitor) -> None:
    assert alice.post("/chats", {"profile": "Admins"}).status_code == 403
    assert newest(cli) == ("profile.refused", "alice", {"profile": "Admins"})


def test_writing_in_a_chat_of_somebody_else_is_on_record(cli: CommandLine, alice: Visitor) -> None:
    nobodys = uuid.uuid4()
    said = {"content": "Hello", "key": str(uuid.uuid4())}
    assert alice.post(f"/chats/{nobodys}/messages", said).status_code == 404
    details = {"owner": "user:alice", "chat": str(nobodys)}
    assert newest(cli) == ("chat.not_found", "alice", details)


def test_looking_at_a_chat_of_somebody_else_is_only_logged(alice: Visitor, log: LogReader) -> None:
    before = every_row(alice.app, audited=True)
    nobodys = uuid.uuid4()
    assert alice.get(f"/chats/{nobodys}").status_code == 404
    assert every_row(alice.app, audited=True) == before
    assert log.one("chat.not_found")["chat"] == str(nobodys)


def test_refusals_of_one_user_are_a_few_in_a_minute(cli: CommandLine, alice: Visitor) -> None:
    for number in range(15):
        alice.post("/chats", {"profile": f"x{number}"})
    assert len(listed(cli, "--event", "profile.refused")) == audit.REFUSALS_OF_ONE
    age(cli)
    alice.post("/chats", {"profile": "again"})
    assert newest(cli)[2] == {"profile": "again"}


def test_refusals_of_many_users_are_limited_too(
    cli: CommandLine, alice: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_entries(cli, audit.REFUSALS_OF_ALL, "profile.refused", identifier="mallory")
    alice.post("/chats", {"profile": "x"})
    assert listed(cli, "--event", "profile.refused", "--user", "alice") == []
    assert tried(Visitor(alice.app), "bob") == 401  # of another kind
    assert newest(cli)[:2] == ("login.failed", "bob")


def test_all_refusals_are_in_the_log(alice: Visitor, log: LogReader) -> None:
    for number in range(15):
        alice.post("/chats", {"profile": f"x{number}"})
    assert len(log.events("profile.refused")) == 15


def test_nothing_secret_is_on_record(app: Flask, cli: CommandLine) -> None:
    visitor = Visitor(app)
    tried(visitor, "alice", "a wrong pass-word")
    visitor.logged_in("alice", GOOD_PASSWORD)
    chat = visitor.start_chat("Team")
    said = {"content": "a private message", "key": str(uuid.uuid4())}
    visitor.post(f"{chat}/messages", said)
    visitor.post(f"/chats/{uuid.uuid4()}/messages", said)
    cookie = visitor.client.get_cookie("session")
    cli.ok("users", "set-password", "alice", "--password-stdin", stdin="purple engine harbour")
    trail = json.dumps(listed(cli)) + str(every_row(app, audited=True)["audit_entries"])
    assert cookie is not None
    for secret in ("a wrong pass", GOOD_PASSWORD, "private", "purple engine", cookie.value):
        assert secret not in trail


def test_a_request_does_as_before_when_nothing_can_be_recorded(
    make_app: AppMaker, log: LogReader
) -> None:
    app = make_app("roles.py")
    run_sql(app, "DROP TABLE audit_entries")
    visitor = Visitor(app)
    assert tried(visitor, "bob") == 401
    visitor.logged_in("bob")
    assert visitor.post("/chats", {"profile": "admin-only"}).status_code == 403
    assert visitor.post("/logout").status_code == 303
    logged = [e["event"] for e in log.events() if e["event"] != "database.unavailable"]
    assert logged == ["login.failed", "login.ok", "profile.refused", "logout"]


CHANGES: list[tuple[list[str], str, str | None, dict[str, Any]]] = [
    (["users", "add", "carol", "--generate"], "user.added", "carol", {}),
    (["users", "update", "alice", "--role", "ADMIN"], "user.updated", "alice", {"sessions": 0}),
    (["users", "set-password", "alice", "--generate"], "user.password_set", "alice", {
        "sessions": 0}),
    (["users", "disable", "alice"], "user.disabled", "alice", {"sessions": 0}),
    (["users", "unlock", "alice"], "user.unlocked", "alice", {}),
    (["users", "unlock", "--address", "192.0.2.7"], "address.unlocked", None, {
        "address": "192.0.2.7", "failures": 0}),
    (["users", "remove", "alice", "--yes"], "user.removed", "alice", {"sessions": 0}),
    (["sessions", "revoke", "--user", "alice"], "sessions.revoked", "alice", {
        "session": None, "sessions": 0}),
]  # fmt: skip


@pytest.mark.parametrize(("command", "event", "user", "details"), CHANGES, ids=str)
def test_changes_by_the_command_line_are_on_record(
    cli: CommandLine, command: list[str], event: str, user: str | None, details: dict[str, Any]
) -> None:
    cli.ok(*command)
    found, whom, known = newest(cli)
    assert known.pop("by").startswith("cli:")
    assert (found, whom, known) == (event, user, details)


def test_enabling_a_user_is_on_record(cli: CommandLine) -> None:
    cli.ok("users", "disable", "alice")
    cli.ok("users", "enable", "alice")
    assert newest(cli)[:2] == ("user.enabled", "alice")


def test_a_session_that_was_ended_by_its_id_is_on_record_with_its_user(cli: CommandLine) -> None:
    session = cli.log_in("bob")
    cli.ok("sessions", "revoke", session)
    event, user, details = newest(cli)
    assert (event, user, details["session"]) == ("sessions.revoked", "bob", session)


def test_each_user_of_an_import_is_on_record(cli: CommandLine) -> None:
    users = "username,role\nalice,ADMIN\ncarol,USER\nbob,\n"
    cli.ok("users", "import", "-", "--format", "csv", stdin=users)
    parts = listed(cli, "--event", "user.imported")
    assert {(e["user"], e["details"]["added"]) for e in parts} == {
        ("alice", False),
        ("carol", True),
    }
    [all_of_it] = listed(cli, "--event", "users.imported")
    assert all_of_it["details"]["added"] == all_of_it["details"]["changed"] == 1


@pytest.mark.parametrize(
    ("command", "stdin"),
    [
        (["users", "add", "alice", "--password-stdin"], GOOD_PASSWORD),
        (["users", "add", "carol", "--password-stdin"], "short"),
        (["users", "enable", "alice"], ""),
        (["users", "disable", "nobody"], ""),
        (["users", "import", "-", "--format", "csv", "--dry-run"], "username\ncarol\n"),
        (["users", "import", "-", "--format", "csv"], "username\nalice\n"),
        (["sessions", "revoke", str(uuid.UUID(int=7))], ""),
    ],
)
def test_what_was_not_changed_is_not_on_record(
    cli: CommandLine, command: list[str], stdin: str
) -> None:
    before = listed(cli)
    cli(*command, stdin=stdin)
    assert listed(cli) == before


def test_a_change_and_its_entry_are_stored_together_or_not_at_all(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, log: LogReader
) -> None:
    before = listed(cli)

    def breaks(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", "chat.sqlite3")

    monkeypatch.setattr(audit.AuditedTransaction, "record", breaks)
    assert cli("users", "disable", "alice").exit_code == 2
    assert json.loads(cli.ok("users", "show", "alice", "--json"))["disabled"] is False
    assert listed(cli) == before
    assert log.events("user.disabled") == []


def store_entries(cli: CommandLine, number: int, event: str, **columns: Any) -> None:
    with cli.app(), write_session() as session:
        session.add_all(
            AuditEntry(event=event, **{"details": {}, **columns}) for _ in range(number)
        )


def age(cli: CommandLine) -> None:
    """Let two minutes pass for all that is on record."""
    with cli.app(), write_session() as session:
        for entry in session.query(AuditEntry):
            entry.at -= timedelta(minutes=2)


@pytest.fixture
def trail(either_url: str) -> CommandLine:
    """Return the command, with entries of three days and two users."""
    cli = CommandLine(Path(), either_url)
    for days, user in ((3, "alice"), (2, "bob"), (1, "Ünusual Name")):
        at = utc_now() - timedelta(days=days)
        store_entries(cli, 1, f"event.{days}", identifier=user, at=at)
    return cli


def test_the_newest_is_listed_first(trail: CommandLine) -> None:
    assert [e["event"] for e in listed(trail)] == ["event.1", "event.2", "event.3"]
    assert [e["event"] for e in listed(trail, "--limit", "2")] == ["event.1", "event.2"]
    assert list(listed(trail)[0]) == ["at", "event", "user", "ip", "details"]


def test_the_list_can_be_narrowed(trail: CommandLine) -> None:
    day = (utc_now() - timedelta(days=2)).date().isoformat()
    assert [e["user"] for e in listed(trail, "--since", day)] == ["Ünusual Name", "bob"]
    assert [e["user"] for e in listed(trail, "--user", "ALICE")] == ["alice"]
    assert [e["user"] for e in listed(trail, "--user", "Ünusual Name")] == ["Ünusual Name"]
    assert [e["user"] for e in listed(trail, "--event", "event.2")] == ["bob"]
    assert listed(trail, "--event", "event.2", "--user", "alice") == []
    assert listed(trail, "--user", "\udcff") == []
    assert trail("audit", "--event", "x").stderr.startswith("There are no such entries.\n")


def test_the_table_shows_what_the_json_holds(trail: CommandLine) -> None:
    store_entries(
        trail, 1, "profile.refused", ip="192.0.2.7", details={"profile": "\u202eabc", "count": 2}
    )
    head, first, *_ = trail.ok("audit").splitlines()
    assert head.split() == ["AT", "EVENT", "USER", "IP", "DETAILS"]
    assert "192.0.2.7" in first
    assert first.endswith(r'profile="\u202eabc" count=2')
    assert first.isprintable()


def test_csv_holds_no_formula(trail: CommandLine) -> None:
    store_entries(trail, 1, "logout", identifier="=cmd()", details={"by": "cli:root"})
    head, line, *_ = csv.reader(io.StringIO(trail.ok("audit", "--csv")))
    assert head == ["at", "event", "user", "ip", "details"]
    assert line[1:] == ["logout", "'=cmd()", "", 'by="cli:root"']


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--limit", "0"], "not a whole number from 1"),
        (["--limit", "all"], "not a whole number from 1"),
        (["--since", "1 March"], "is not a date"),
        (["--csv", "--json"], "choose one of"),
        (["--user"], "requires an argument"),
    ],
)
def test_bad_input_is_one_line(sqlite_url: str, arguments: list[str], reason: str) -> None:
    assert reason in CommandLine(Path(), sqlite_url).refused("audit", *arguments)


def test_an_app_can_be_asked_too(simple_app: Flask) -> None:
    answer = simple_app.test_cli_runner().invoke(args=["audit", "--json"])
    assert json.loads(answer.stdout) == []
    assert count(simple_app, "audit_entries") == 0
