"""`chat-profiles report`: how much is used, by profile and week, the same on both databases."""

from __future__ import annotations

import csv
import io
import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli_support import CommandLine
from tests.support.apps import AppMaker
from tests.support.chats import Chat as SaidChat
from tests.support.files import new_file, show
from webapp.chats.models import Chat, Message, Turn
from webapp.database.engines import write_session

# Of the week that begins on Monday, 2 March 2026.
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
WEDNESDAY = MONDAY + timedelta(days=2)
A_MICROSECOND = timedelta(microseconds=1)
WEEK = timedelta(days=7)


@pytest.fixture
def cli(either_url: str) -> CommandLine:
    """Return the command, on each database."""
    return CommandLine(Path(), either_url)


class Store:
    """Stores chats as they would have been."""

    def __init__(self, cli: CommandLine) -> None:
        self.cli = cli

    def chat(self, profile: str | None = "P", at: datetime = WEDNESDAY, **columns: Any) -> Chat:
        """Store a chat, begun at a time."""
        given = {"owner": "user:alice", "written": True, "values": {}, **columns}
        chat = Chat(id=uuid.uuid4(), profile=profile, created_at=at, **given)
        with self.cli.app(), write_session() as session:
            session.add(chat)
        return chat

    def said(self, chat: Chat, at: datetime = WEDNESDAY, **columns: Any) -> Turn:
        """Store a question and its answer."""
        turn = self.turn(chat, at)
        self._add(chat, turn, kind="user", created_at=at, **columns)
        self._add(chat, turn, kind="assistant", created_at=at, **columns)
        return turn

    def turn(self, chat: Chat, at: datetime = WEDNESDAY, **columns: Any) -> Turn:
        """Store a turn in which nothing was said yet."""
        given = {"question_id": uuid.uuid4(), "status": "complete", "retried": False, **columns}
        turn = Turn(
            id=uuid.uuid4(),
            chat_id=chat.id,
            owner=chat.owner,
            key=uuid.uuid4(),
            first_sequence=1,
            created_at=at,
            seen_at=at,
            **given,
        )
        with self.cli.app(), write_session() as session:
            session.add(turn)
        return turn

    def answer(self, chat: Chat, turn: Turn, **columns: Any) -> None:
        """Store one more message of an answer."""
        self._add(chat, turn, kind="assistant", created_at=WEDNESDAY, **columns)

    def _add(self, chat: Chat, turn: Turn, **columns: Any) -> None:
        given = {"content": "Text", "profile": chat.profile, **columns}
        with self.cli.app(), write_session() as session:
            number = uuid.uuid4().int % 2**31
            message = Message(
                id=uuid.uuid4(), chat_id=chat.id, turn_id=turn.id, sequence=number, **given
            )
            session.add(message)


@pytest.fixture
def store(cli: CommandLine) -> Store:
    return Store(cli)


def report(cli: CommandLine, *options: str) -> list[tuple[Any, ...]]:
    """Return the lines of the report: week, profile, chats, messages, answers, users."""
    found = json.loads(cli.ok("report", "--json", *options))
    return [tuple(line.values())[:6] for line in found]


def test_it_counts_by_week_and_profile(cli: CommandLine, store: Store) -> None:
    for profile, at in (("P", MONDAY), ("Q", MONDAY), (None, MONDAY), ("P", MONDAY + WEEK)):
        chat = store.chat(profile, at)
        store.said(chat, at)
        store.said(chat, at)
    assert report(cli) == [
        ("2026-03-02", "P", 1, 2, 2, 1),
        ("2026-03-02", "Q", 1, 2, 2, 1),
        ("2026-03-02", None, 1, 2, 2, 1),
        ("2026-03-09", "P", 1, 2, 2, 1),
    ]


@pytest.mark.parametrize(
    ("at", "week"),
    [
        (MONDAY, "2026-03-02"),
        (MONDAY - A_MICROSECOND, "2026-02-23"),
        (MONDAY + WEEK - A_MICROSECOND, "2026-03-02"),
        (datetime(2026, 1, 1, tzinfo=UTC), "2025-12-29"),
        (datetime(2024, 2, 29, 12, tzinfo=UTC), "2024-02-26"),
    ],
)
def test_a_week_begins_on_monday(cli: CommandLine, store: Store, at: datetime, week: str) -> None:
    store.said(store.chat(at=at), at)
    assert report(cli) == [(week, "P", 1, 1, 1, 1)]


def test_what_is_said_counts_where_and_when_it_is_said(cli: CommandLine, store: Store) -> None:
    chat = store.chat("P", MONDAY)
    store.said(chat, MONDAY + WEEK, profile="Q")
    assert report(cli) == [("2026-03-02", "P", 1, 0, 0, 0), ("2026-03-09", "Q", 0, 1, 1, 1)]


def test_a_user_counts_once(cli: CommandLine, store: Store) -> None:
    for owner in ("user:alice", "user:alice", "user:bob", "session:x"):
        store.said(store.chat(owner=owner))
    assert report(cli) == [("2026-03-02", "P", 4, 4, 4, 3)]


def test_a_chat_in_which_nobody_wrote_does_not_count(cli: CommandLine, store: Store) -> None:
    chat = store.chat(written=False)
    store.answer(chat, store.turn(chat, question_id=None))
    assert report(cli) == []


def test_imported_chats_do_not_count(cli: CommandLine, store: Store) -> None:
    store.said(store.chat(imported_at=WEDNESDAY))
    assert report(cli) == []


def test_messages_that_were_replaced_do_not_count(cli: CommandLine, store: Store) -> None:
    chat = store.chat()
    newer = store.said(chat)
    store.said(chat, replaced_by=newer.id)
    assert report(cli) == [("2026-03-02", "P", 1, 1, 1, 1)]


def test_what_was_carried_over_counts_once(cli: CommandLine, store: Store) -> None:
    first = store.chat()
    store.said(first)
    second = store.chat(continues=first.id, at=WEDNESDAY + timedelta(hours=1))
    store.said(second)
    store.said(second, WEDNESDAY + timedelta(hours=2))
    assert report(cli) == [("2026-03-02", "P", 2, 2, 2, 1)]


def test_an_answer_of_many_messages_is_one(cli: CommandLine, store: Store) -> None:
    chat = store.chat()
    store.answer(chat, store.said(chat))
    assert report(cli) == [("2026-03-02", "P", 1, 1, 1, 1)]


@pytest.mark.parametrize(
    ("turn", "message"),
    [({"retried": True}, {}), ({"question_id": None}, {}), ({}, {"content": ""})],
    ids=["tried again", "a greeting", "stopped before it began"],
)
def test_what_answers_nothing_is_no_answer(
    cli: CommandLine, store: Store, turn: dict[str, Any], message: dict[str, Any]
) -> None:
    chat = store.chat()
    store.answer(chat, store.turn(chat, **turn), **message)
    assert report(cli) == [("2026-03-02", "P", 1, 0, 0, 0)]


def test_only_the_days_that_were_asked_for_count(cli: CommandLine, store: Store) -> None:
    for at in (WEDNESDAY - A_MICROSECOND, WEDNESDAY, WEDNESDAY + timedelta(days=1)):
        store.said(store.chat(at=at), at)
    assert report(cli, "--since", "2026-03-04", "--until", "2026-03-04") == [
        ("2026-03-02", "P", 1, 1, 1, 1)
    ]
    assert report(cli, "--since", "2026-03-04") == [("2026-03-02", "P", 2, 2, 2, 1)]
    assert report(cli, "--until", "2026-03-03") == [("2026-03-02", "P", 1, 1, 1, 1)]
    assert report(cli, "--since", "0001-01-01", "--until", "9999-12-31") == [
        ("2026-03-02", "P", 3, 3, 3, 1)
    ]


def test_the_table_is_aligned(cli: CommandLine, store: Store) -> None:
    store.said(store.chat())
    store.said(store.chat(None))
    assert cli.ok("report").splitlines() == [
        "WEEK FROM   PROFILE       CHATS  MESSAGES  ANSWERS  USERS  FILE BYTES",
        "2026-03-02  P                 1         1        1      1           0",
        "2026-03-02  (no profile)      1         1        1      1           0",
    ]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1"])
def test_csv_holds_no_formula(cli: CommandLine, store: Store, name: str) -> None:
    store.said(store.chat(name))
    head, line = csv.reader(io.StringIO(cli.ok("report", "--csv")))
    assert head == ["week", "profile", "chats", "messages", "answers", "users", "file_bytes"]
    assert line == ["2026-03-02", f"'{name}", "1", "1", "1", "1", "0"]


def test_csv_keeps_names_apart_from_columns(cli: CommandLine, store: Store) -> None:
    for name in ('a,"b"', "c\nd", None):
        store.said(store.chat(name))
    lines = csv.reader(io.StringIO(cli.ok("report", "--csv")))
    assert [line[1] for line in lines][1:] == ['a,"b"', "c\nd", "(no profile)"]


def test_a_name_cannot_command_the_terminal(cli: CommandLine, store: Store) -> None:
    store.said(store.chat("\x1b[2J"))
    assert "\\x1b[2J" in cli.ok("report")


def test_it_counts_what_really_is_said(either_url: str, tmp_path: Path, cli: CommandLine) -> None:
    with AppMaker.in_folder(tmp_path, either_url) as maker:
        SaidChat(maker("talker.py")).say("echo Hello").say("echo Again")
    [(_, profile, *numbers)] = report(cli)
    assert (profile, numbers) == (None, [1, 2, 2, 1])


def test_it_counts_the_bytes_of_files(either_url: str, tmp_path: Path, cli: CommandLine) -> None:
    with AppMaker.in_folder(tmp_path, either_url) as maker:
        app = maker("simple.py")
        show(app, "user:alice", new_file(b"1" * 1_000), new_file(b"2" * 500))
        show(app, "user:bob", new_file(b"1" * 1_000))
    [line] = json.loads(cli.ok("report", "--json"))
    assert line["file_bytes"] == 2_500
    assert "2,500" in cli.ok("report")


def test_nothing_yet_is_said_so(cli: CommandLine) -> None:
    assert cli("report").stderr.startswith("There are no messages yet.\n")
    in_this_time = cli("report", "--since", "2026-01-01").stderr
    assert in_this_time.startswith("There are no messages in this time.\n")
    assert report(cli) == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--since", "2026-3-1"], "'2026-3-1' is not a date; write YYYY-MM-DD"),
        (["--since", "2026-02-30"], "is not a date"),
        (["--since", "20260301"], "is not a date"),
        (["--since", "2026-W10-1"], "is not a date"),
        (["--since", "٢٠٢٦-٠٣-٠١"], "is not a date"),
        (["--until", "\x1b[2J"], "is not a date"),
        (["--until", "yesterday"], "is not a date"),
        (["--since", "2026-03-02", "--until", "2026-03-01"], "is later than --until 2026-03-01"),
        (["--csv", "--json"], "choose one of --csv and --json"),
        (["x"], "unexpected extra argument"),
    ],
)
def test_bad_input_is_one_line(sqlite_url: str, arguments: list[str], reason: str) -> None:
    line = CommandLine(Path(), sqlite_url).refused("report", *arguments)
    assert reason in line
    assert line.rstrip("\n").isprintable()
