"""`chat-profiles sessions`: who is logged in, and ending that."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta

import pytest

from tests.cli_support import CommandLine
from webapp.database.engines import utc_now

LONG_AGO = timedelta(days=60)


def listed(cli: CommandLine, *options: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(cli.ok("sessions", "list", "--json", *options))
    return found


def test_list_shows_who_is_logged_in_where(cli: CommandLine) -> None:
    number = cli.log_in("alice", ip="203.0.113.5", user_agent="Firefox")
    out = cli.ok("sessions", "list")
    assert all(text in out for text in (number, "alice", "203.0.113.5", "Firefox", "LAST SEEN"))


def test_list_as_json_has_fixed_keys_and_no_secret(cli: CommandLine) -> None:
    cli.log_in("alice", token="f" * 64)
    (found,) = listed(cli)
    assert list(found) == ["id", "user", "created_at", "seen_at", "ip", "user_agent"]
    assert "f" * 64 not in cli.ok("sessions", "list", "--json") + cli.ok("sessions", "list")


def test_list_can_be_of_one_user(cli: CommandLine) -> None:
    cli.log_in("alice")
    cli.log_in("bob")
    cli.log_in("Ünusual Name")
    assert [s["user"] for s in listed(cli, "--user", "ALICE")] == ["alice"]
    assert [s["user"] for s in listed(cli, "--user", "Ünusual Name")] == ["Ünusual Name"]
    assert listed(cli, "--user", "nobody") == []
    assert "not signed in" in cli("sessions", "list", "--user", "nobody").stderr


def test_list_escapes_what_a_terminal_would_obey(cli: CommandLine) -> None:
    cli.log_in("alice", user_agent="\x1b]0;owned\x07 \u202e Firefox\nalice")
    out = cli.ok("sessions", "list")
    assert "\\x1b]0;owned\\x07" in out
    assert all(sign not in out for sign in "\x1b\x07\u202e")
    assert out.count("\n") == 2


def test_list_leaves_out_what_has_expired(cli: CommandLine) -> None:
    cli.log_in("idle", seen_at=utc_now() - LONG_AGO)
    cli.log_in("old", created_at=utc_now() - LONG_AGO)
    cli.log_in("alice")
    assert [s["user"] for s in listed(cli)] == ["alice"]


def test_revoke_ends_one_session(cli: CommandLine) -> None:
    first, second = cli.log_in("alice"), cli.log_in("alice")
    assert cli.ok("sessions", "revoke", first) == "Ended 1 login session.\n"
    assert [s["id"] for s in listed(cli)] == [second]


def test_revoke_ends_those_of_a_user(cli: CommandLine) -> None:
    for name in ("alice", "alice", "bob"):
        cli.log_in(name)
    assert cli.ok("sessions", "revoke", "--user", "Alice") == "Ended 2 login sessions.\n"
    assert [s["user"] for s in listed(cli)] == ["bob"]
    assert cli.ok("sessions", "revoke", "--user", "alice") == "Ended 0 login sessions.\n"


def test_revoke_ends_those_of_everybody(cli: CommandLine) -> None:
    for name in ("alice", "bob"):
        cli.log_in(name)
    assert cli.ok("sessions", "revoke", "--all") == "Ended 2 login sessions.\n"
    assert listed(cli) == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "say which sessions"),
        (["--user", "alice", "--all"], "say which sessions"),
        ([str(uuid.UUID(int=7)), "--all"], "say which sessions"),
        ([str(uuid.UUID(int=7))], "there is no session"),
        (["7"], "not the ID of a session"),
        (["\x1b[2J"], "not the ID of a session"),
        (["\u0661" * 32], "not the ID of a session"),
        (["--user"], "requires an argument"),
        (["a", "b"], "unexpected extra argument"),
    ],
)
def test_bad_input_is_one_line_and_ends_nothing(
    cli: CommandLine, arguments: list[str], reason: str
) -> None:
    cli.log_in("alice")
    line = cli.refused("sessions", "revoke", *arguments)
    assert reason in line
    assert line.rstrip("\n").isprintable()


def test_names_that_no_database_takes_are_nobody(cli: CommandLine) -> None:
    cli.log_in("alice")
    assert listed(cli, "--user", "\udcff") == []
    assert cli.ok("sessions", "revoke", "--user", "\udcff") == "Ended 0 login sessions.\n"
