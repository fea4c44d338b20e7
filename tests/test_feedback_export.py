"""`chat-profiles feedback export`: ratings with what they are about."""

from __future__ import annotations

import csv
import io
import json
import stat
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.cli import ScriptInfo

from tests.cli_support import CommandLine
from tests.support.apps import AppMaker
from webapp.chats.models import Chat, Feedback, Message, Turn
from webapp.database.engines import write_session
from webapp.feedback.commands import feedback
from webapp.feedback.export import COLUMNS

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
Rate = Callable[..., str]


@pytest.fixture
def command(tmp_path: Path, either_url: str) -> CommandLine:
    """Return the command, on a database of each kind."""
    return CommandLine(tmp_path, either_url)


@pytest.fixture
def rate(command: CommandLine) -> Rate:
    """Return `rate(...)`, which stores a question, its answer and a rating."""

    def store(
        value: int = 1,
        comment: str | None = None,
        *,
        owner: str = "user:alice",
        profile: str | None = "GPT-4",
        question: str = "How?",
        answer: str = "So.",
        day: int = 0,
    ) -> str:
        chat, turn, asked, said = (uuid.uuid4() for _ in range(4))
        at = BEGAN + timedelta(days=day)
        with command.app(), write_session() as session:
            session.add(Chat(id=chat, owner=owner, written=True, values={}, profile=profile))
            session.flush()
            common = {"chat_id": chat, "turn_id": turn, "status": "complete", "profile": profile}
            session.add(Message(id=asked, sequence=1, kind="user", content=question, **common))
            session.add(Message(id=said, sequence=2, kind="assistant", content=answer, **common))
            session.add(
                Turn(
                    id=turn,
                    chat_id=chat,
                    owner=owner,
                    key=turn,
                    status="complete",
                    question_id=asked,
                    first_sequence=2,
                    created_at=at,
                    seen_at=at,
                )
            )
            session.flush()
            session.add(
                Feedback(
                    message_id=said,
                    chat_id=chat,
                    owner=owner,
                    profile=profile,
                    value=value,
                    comment=comment,
                    created_at=at,
                    changed_at=at + timedelta(hours=1),
                )
            )
        return str(said)

    return store


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def answers(command: CommandLine, *options: str) -> list[str]:
    """Return the answers that are exported with these options."""
    found: list[dict[str, Any]] = json.loads(command.ok("feedback", "export", "--json", *options))
    return [entry["answer"] for entry in found]


def test_a_rating_is_a_line_with_what_it_is_about(command: CommandLine, rate: Rate) -> None:
    said = rate(-1, "Too\nshort.", question="Why, exactly?")
    [line] = table(command.ok("feedback", "export"))
    assert tuple(line) == COLUMNS
    assert (line["at"], line["changed_at"]) == ("2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z")
    assert (line["user"], line["profile"], line["message_id"]) == ("alice", "GPT-4", said)
    assert (line["value"], line["comment"]) == ("down", "Too\nshort.")
    assert (line["question"], line["answer"]) == ("Why, exactly?", "So.")


def test_json_is_an_array_of_the_same(command: CommandLine, rate: Rate) -> None:
    rate(owner=f"session:{uuid.uuid4()}", profile=None)
    rate(day=1, comment="Good.")
    first, second = json.loads(command.ok("feedback", "export", "--json"))
    assert tuple(first) == COLUMNS
    assert (first["user"], first["profile"], first["comment"]) == (None, None, None)
    assert (second["user"], second["comment"], second["value"]) == ("alice", "Good.", "up")


def test_nothing_is_an_empty_table_and_an_empty_array(command: CommandLine) -> None:
    assert command.ok("feedback", "export") == ",".join(COLUMNS) + "\n"
    assert command.ok("feedback", "export", "--csv") == ",".join(COLUMNS) + "\n"
    assert json.loads(command.ok("feedback", "export", "--json")) == []


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", '=HYPERLINK("x")'])
def test_no_cell_is_a_formula(command: CommandLine, rate: Rate, text: str) -> None:
    rate(comment=text, question=text, answer=text, profile=text, owner=f"user:{text}")
    [line] = table(command.ok("feedback", "export"))
    for column in ("comment", "question", "answer", "profile", "user"):
        assert line[column] == f"'{text}"


def test_ratings_come_in_the_order_in_which_they_were_given(
    command: CommandLine, rate: Rate
) -> None:
    for day in (2, 0, 1):
        rate(answer=f"day {day}", day=day)
    assert answers(command) == ["day 0", "day 1", "day 2"]


def test_options_leave_out_the_others(command: CommandLine, rate: Rate) -> None:
    rate(answer="old", day=0)
    rate(answer="other profile", profile="GPT-3.5", day=10)
    rate(-1, answer="down", day=11)
    rate(answer="up", day=12)
    assert answers(command, "--since", "2026-03-05") == ["other profile", "down", "up"]
    assert answers(command, "--profile", "GPT-3.5") == ["other profile"]
    assert answers(command, "--value", "down") == ["down"]
    narrow = ("--since", "2026-03-02", "--profile", "GPT-4", "--value", "up")
    assert answers(command, *narrow) == ["up"]


def test_since_goes_by_the_last_change(command: CommandLine, rate: Rate) -> None:
    rate(answer="changed at 13:00")
    assert answers(command, "--since", "2026-03-01") == ["changed at 13:00"]
    assert answers(command, "--since", "2026-03-02") == []


def test_a_file_is_closed_to_others_and_never_replaced(
    command: CommandLine, rate: Rate, tmp_path: Path
) -> None:
    rate()
    file = tmp_path / "feedback.csv"
    assert command.ok("feedback", "export", "--output", str(file)) == ""
    assert len(table(file.read_text())) == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    refused = command.refused("feedback", "export", "--output", str(file))
    assert "exists already" in refused
    assert len(table(file.read_text())) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--since", "yesterday"), "is not a date"),
        (("--since", "2026-02-30"), "is not a date"),
        (("--since", "٢٠٢٦-٠١-٠١"), "is not a date"),
        (("--value", "none"), "none"),
        (("--json", "--csv"), "choose one of --json and --csv"),
        (("--profile",), "--profile"),
        (("--output", "/nowhere/at/all.csv"), "/nowhere/at/all.csv"),
        (("surplus",), "surplus"),
    ],
)
def test_bad_input_is_refused_in_one_line(
    tmp_path: Path, sqlite_url: str, options: tuple[str, ...], said: str
) -> None:
    assert said in CommandLine(tmp_path, sqlite_url).refused("feedback", "export", *options)


def test_a_database_that_fails_leaves_no_file(tmp_path: Path) -> None:
    command, file = CommandLine(tmp_path, f"sqlite:///{tmp_path / 'none.sqlite3'}"), "out.csv"
    assert command("feedback", "export", "--output", str(tmp_path / file)).exit_code == 2
    assert not (tmp_path / file).exists()


def test_flask_has_the_command_too(make_app: AppMaker) -> None:
    app = make_app("simple.py")
    info = ScriptInfo(create_app=lambda: app)
    result = app.test_cli_runner().invoke(feedback, ["export", "--json"], obj=info)
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])
    assert app.cli.get_command(None, "feedback") is feedback  # type: ignore[arg-type]
