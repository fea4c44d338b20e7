"""`chat-profiles purge`: what is over goes, and nothing else."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.cli_support import CommandLine
from tests.support.apps import AppMaker
from tests.support.chats import Chat as SaidChat
from tests.support.rows import count, every_row
from webapp.accounts.models import ApiToken, AuditEntry, LoginAttempt, LoginSession
from webapp.chats import deletion
from webapp.chats.models import (
    Chat,
    Feedback,
    Message,
    SearchEntry,
    SettingDefaults,
    Share,
    SharedMessage,
    Turn,
)
from webapp.chats.tokenizer import entry_words
from webapp.database.engines import Model, utc_now, write_session, write_transaction
from webapp.upkeep import purging

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
KINDS = [
    "expired_chats",
    "deleted_chats",
    "chats_of_gone_visitors",
    "unwritten_chats",
    "settings_of_gone_visitors",
    "expired_sessions",
    "ended_tokens",
    "login_attempts",
    "audit_entries",
    "unused_files",
]
Rows = Callable[[], list[Model]]


@pytest.fixture
def cli(either_url: str) -> CommandLine:
    """Return the command, on each database."""
    return CommandLine(Path(), either_url)


def chat(owner: str = "user:alice", **columns: Any) -> Chat:
    given = {"written": True, "values": {}, **columns}
    return Chat(id=uuid.uuid4(), owner=owner, **given)


def setting_defaults(owner: str) -> SettingDefaults:
    return SettingDefaults(owner=owner, profile="", values={"Model": "large"})


def store(cli: CommandLine, *rows: Model) -> None:
    with cli.app(), write_session() as session:
        for row in rows:
            session.add(row)
            session.flush()


def session_row(**columns: Any) -> LoginSession:
    return LoginSession(id=uuid.uuid4(), token_hash=uuid.uuid4().hex, data={}, **columns)


def token(**columns: Any) -> ApiToken:
    return ApiToken(identifier="ada", name="CI", token_hash=uuid.uuid4().hex, **columns)


def attempt(**columns: Any) -> LoginAttempt:
    return LoginAttempt(username_key="a", ip_key="b", **columns)


def entry(**columns: Any) -> AuditEntry:
    return AuditEntry(event="logout", details={}, **columns)


def visitor(**columns: Any) -> list[Model]:
    session = session_row(**columns)
    return [session, chat(f"session:{session.id}")]


def unwritten(**columns: Any) -> list[Model]:
    """Return a chat of yesterday in which an answer was under way."""
    opened = chat(written=False, created_at=utc_now() - 25 * HOUR)
    now = {"created_at": utc_now(), "seen_at": utc_now(), **columns}
    return [opened, Turn(
        id=uuid.uuid4(), chat_id=opened.id, owner=opened.owner, key=uuid.uuid4(), first_sequence=1,
        **{"status": "running", **now},
    )]  # fmt: skip


# What goes, by its kind; and what stays.
GOES: list[tuple[str, Rows]] = [
    ("expired_chats", lambda: [chat(expires_at=utc_now() - HOUR)]),
    ("deleted_chats", lambda: [chat(deleted_at=utc_now() - timedelta(minutes=11))]),
    ("chats_of_gone_visitors", lambda: [chat(f"session:{uuid.uuid4()}")]),
    ("unwritten_chats", lambda: [chat(written=False, created_at=utc_now() - 25 * HOUR)]),
    ("unwritten_chats", lambda: unwritten(status="complete")),
    ("unwritten_chats", lambda: unwritten(seen_at=utc_now() - HOUR)),
    ("settings_of_gone_visitors", lambda: [setting_defaults(f"session:{uuid.uuid4()}")]),
    ("expired_sessions", lambda: [session_row(seen_at=utc_now() - 25 * HOUR)]),
    ("expired_sessions", lambda: [session_row(created_at=utc_now() - 15 * DAY)]),
    ("ended_tokens", lambda: [token(revoked_at=utc_now() - 31 * DAY)]),
    ("ended_tokens", lambda: [token(expires_at=utc_now() - 31 * DAY)]),
    ("login_attempts", lambda: [attempt(at=utc_now() - 2 * HOUR)]),
    ("login_attempts", lambda: [attempt(at=utc_now() - 91 * DAY, succeeded=True)]),
    ("audit_entries", lambda: [entry(at=utc_now() - 91 * DAY)]),
]
STAYS: list[Rows] = [
    lambda: [chat(created_at=utc_now() - 3_000 * DAY)],
    lambda: [chat(expires_at=utc_now() + HOUR)],
    lambda: [chat(deleted_at=utc_now() - timedelta(minutes=9))],
    lambda: [chat("user:session:x")],
    lambda: [setting_defaults("user:session:x")],
    visitor,
    lambda: [chat(written=False, created_at=utc_now() - 23 * HOUR)],
    unwritten,
    lambda: [session_row(seen_at=utc_now() - 23 * HOUR)],
    lambda: [token(created_at=utc_now() - 3_000 * DAY)],
    lambda: [token(revoked_at=utc_now() - 29 * DAY, expires_at=utc_now() + DAY)],
    lambda: [attempt(at=utc_now() - HOUR / 2)],
    lambda: [attempt(at=utc_now() - 89 * DAY, succeeded=True)],
    lambda: [entry(at=utc_now() - 89 * DAY)],
]


def purged(cli: CommandLine, *options: str) -> dict[str, int]:
    """Purge, and return how many of each kind went, without those of which none did."""
    answer = json.loads(cli.ok("purge", "--json", *options))
    assert answer["dry_run"] is ("--dry-run" in options)
    assert list(answer["removed"]) == KINDS
    return {kind: number for kind, number in answer["removed"].items() if number}


def rows_of(cli: CommandLine) -> dict[str, list[str]]:
    with cli.app() as app:
        return every_row(app, audited=True)


def remaining(cli: CommandLine, table: str) -> int:
    with cli.app() as app:
        return count(app, table)


@pytest.mark.parametrize(("kind", "rows"), GOES)
def test_what_is_over_goes_and_is_counted(cli: CommandLine, kind: str, rows: Rows) -> None:
    store(cli, *rows())
    assert purged(cli, "--dry-run") == {kind: 1}
    assert purged(cli) == {kind: 1}
    assert purged(cli) == {}


@pytest.mark.parametrize("rows", STAYS)
def test_what_is_not_over_stays(cli: CommandLine, rows: Rows) -> None:
    store(cli, *rows())
    before = rows_of(cli)
    assert purged(cli) == {}
    assert rows_of(cli) == before


def test_a_dry_run_changes_nothing(cli: CommandLine) -> None:
    for _, rows in GOES:
        store(cli, *rows())
    before = rows_of(cli)
    said = cli.ok("purge", "--dry-run")
    assert rows_of(cli) == before
    assert "WOULD BE REMOVED" in said
    assert "unwritten chats" in said


def test_a_dry_run_counts_as_the_purge_does(cli: CommandLine) -> None:
    for _, rows in GOES:
        store(cli, *rows())
    for row in visitor(seen_at=utc_now() - 25 * HOUR):
        store(cli, row)
    # Over for three reasons, and gone once.
    ago = utc_now() - 2 * DAY
    store(cli, chat(f"session:{uuid.uuid4()}", expires_at=ago, deleted_at=ago, written=False))
    expected = purged(cli, "--dry-run")
    assert purged(cli) == expected
    assert expected["chats_of_gone_visitors"] == 2
    assert remaining(cli, "chats") == 0


def test_all_that_hangs_on_a_chat_goes_with_it(cli: CommandLine) -> None:
    gone = chat(expires_at=utc_now() - HOUR)
    said = Message(id=uuid.uuid4(), chat_id=gone.id, sequence=1, kind="user", content="Hello")
    words = entry_words(gone.owner, gone.id, "Hello")
    link = Share(id=uuid.uuid4(), chat_id=gone.id, token="t", last_sequence=1)
    copy = {"id": said.id, "kind": "user", "content": "Hello", "status": "complete"}
    store(
        cli,
        gone,
        said,
        SearchEntry(chat_id=gone.id, message_id=said.id, words=words),
        Feedback(message_id=said.id, chat_id=gone.id, owner=gone.owner, value=1),
        link,
        SharedMessage(share_id=link.id, sequence=1, created_at=utc_now(), **copy),
    )
    assert purged(cli) == {"expired_chats": 1}
    tables = ("chats", "messages", "search_entries", "feedback", "shares", "shared_messages")
    assert [remaining(cli, table) for table in tables] == [0] * 6


def test_words_of_a_chat_that_went_are_not_found_any_more(
    sqlite_url: str,
) -> None:
    cli = CommandLine(Path(), sqlite_url)
    gone = chat(expires_at=utc_now() - HOUR)
    store(cli, gone, SearchEntry(chat_id=gone.id, words="wsecret"))
    asked = "SELECT count(*) FROM search_words WHERE search_words MATCH 'wsecret'"
    assert cli.rows(asked) == [(1,)]
    purged(cli)
    assert cli.rows(asked) == [(0,)]


def test_many_go_in_small_steps(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, number in (("CHATS_AT_ONCE", 2), ("SMALL_BATCH", 2), ("ROUND", 5)):
        monkeypatch.setattr(purging, name, number)
    store(cli, *(chat(expires_at=utc_now() - HOUR) for _ in range(13)), chat())
    store(cli, *(entry(at=utc_now() - 91 * DAY) for _ in range(5)))
    assert purged(cli) == {"expired_chats": 13, "audit_entries": 5}
    assert remaining(cli, "chats") == 1


def test_long_chats_go_one_by_one(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    over = [chat(expires_at=utc_now() - HOUR) for _ in range(3)]
    store(cli, *over, *(Message(chat_id=c.id, sequence=9, kind="user", content="a") for c in over))
    monkeypatch.setattr(deletion, "MESSAGES_AT_ONCE", 9)
    with cli.app(), write_transaction() as connection:
        assert deletion.purge_chats(connection, Chat.expires_at.is_not(None)) == 1
    assert purged(cli) == {"expired_chats": 2}


def test_what_went_before_a_failure_is_gone(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(cli, *(chat(expires_at=utc_now() - HOUR) for _ in range(4)))
    monkeypatch.setattr(purging, "CHATS_AT_ONCE", 2)
    forget, calls = deletion.purge_chats, []

    def breaks(*arguments: Any) -> int:
        calls.append(arguments)
        if len(calls) == 2:
            raise PermissionError(13, "Permission denied", "chat.sqlite3")
        return forget(*arguments)

    monkeypatch.setattr(purging, "purge_chats", breaks)
    assert cli("purge").exit_code == 2
    assert remaining(cli, "chats") == 2


def test_how_long_the_audit_trail_is_kept_can_be_set(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(cli, entry(at=utc_now() - 8 * DAY))
    monkeypatch.setenv("WEBAPP_AUDIT_DAYS", "7")
    assert purged(cli) == {"audit_entries": 1}


def test_a_purge_is_on_record_when_it_removed_something(cli: CommandLine) -> None:
    purged(cli)
    assert json.loads(cli.ok("audit", "--json")) == []
    store(cli, chat(expires_at=utc_now() - HOUR))
    purged(cli)
    [found] = json.loads(cli.ok("audit", "--json"))
    assert (found["event"], found["details"]["expired_chats"]) == ("purged", 1)
    assert found["details"]["by"].startswith("cli:")


def test_it_says_how_many_went(cli: CommandLine) -> None:
    assert cli.ok("purge") == "There is nothing to remove yet.\n"
    store(cli, *(chat(expires_at=utc_now() - HOUR) for _ in range(3)))
    [line] = [line for line in cli.ok("purge").splitlines() if line.startswith("expired chats")]
    assert line.split() == ["expired", "chats", "3"]


@pytest.mark.parametrize(
    "arguments", [["now"], ["--before", "2026-01-01"], ["--dry-run", "--json", "x"]]
)
def test_bad_input_is_one_line_and_removes_nothing(sqlite_url: str, arguments: list[str]) -> None:
    cli = CommandLine(Path(), sqlite_url)
    store(cli, chat(expires_at=utc_now() - HOUR))
    assert "see `chat-profiles purge --help`" in cli.refused("purge", *arguments)


def test_an_app_in_use_goes_on(either_url: str, tmp_path: Path, cli: CommandLine) -> None:
    with AppMaker.in_folder(tmp_path, either_url) as maker:
        said = SaidChat(maker("talker.py")).say("echo Hello")
        purged(cli)
        assert said.messages() == ["Hello"]
        assert said.say("echo Again").messages() == ["Hello", "Again"]


def test_flask_has_the_commands_too(simple_app: Flask) -> None:
    answer = simple_app.test_cli_runner().invoke(args=["purge", "--json"])
    assert list(json.loads(answer.stdout)["removed"]) == KINDS
    refused = simple_app.test_cli_runner().invoke(args=["purge", "now"])
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
