"""`chat-profiles users` at a terminal: what is asked, shown and logged there."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from tests.cli_support import GOOD_PASSWORD, CommandLine
from tests.support.terminal import Terminal
from webapp.accounts import seeded_accounts as seeded


def can_log_in(cli: CommandLine, username: str) -> bool:
    with cli.app():
        return seeded.check_password(username, GOOD_PASSWORD) is not None


def test_a_terminal_is_asked_twice(cli: CommandLine) -> None:
    with Terminal.running(cli, "users", "add", "alice") as terminal:
        terminal.answer("Password:", GOOD_PASSWORD)
        terminal.answer("confirmation:", GOOD_PASSWORD)
        assert terminal.end() == 0
    assert "Added 'alice'." in terminal.shown
    assert GOOD_PASSWORD not in terminal.shown
    assert can_log_in(cli, "alice")


def test_the_rule_is_shown_before_the_password_is_asked_for(cli: CommandLine) -> None:
    cli.add("alice")
    with Terminal.running(cli, "users", "set-password", "alice") as terminal:
        terminal.answer("Password:", GOOD_PASSWORD)
        before, _, _ = terminal.shown.partition("Password:")
        terminal.answer("confirmation:", GOOD_PASSWORD)
        assert terminal.end() == 0
    assert "at least 8 characters" in before
    assert before.endswith("\nUser: alice\n")
    assert "no common password" in before


@pytest.mark.parametrize(
    ("weak", "reason"),
    [("short", "at least 8 characters"), ("password1", "too easy to guess"), ("Bob Bobby", "name")],
)
def test_a_weak_password_is_explained_and_asked_for_again(
    cli: CommandLine, weak: str, reason: str
) -> None:
    with Terminal.running(cli, "users", "add", "alice", "--display-name", "Bobby") as terminal:
        terminal.answer("Password:", weak)
        terminal.answer("confirmation:", weak)
        terminal.answer("Password:", GOOD_PASSWORD)
        terminal.answer("confirmation:", GOOD_PASSWORD)
        assert terminal.end() == 0
    assert reason in terminal.shown.partition("That cannot be used:")[2]
    assert can_log_in(cli, "alice")


def test_ctrl_c_at_the_prompt_changes_nothing(cli: CommandLine) -> None:
    cli.add("alice")
    before = cli.dump()
    with Terminal.running(cli, "users", "set-password", "alice") as terminal:
        terminal.interrupt("Password:")
        assert terminal.end() == 1
    assert terminal.shown.endswith("Aborted!\n")
    assert cli.dump() == before


def test_a_change_is_logged_at_a_terminal_too_with_who_made_it(cli: CommandLine) -> None:
    cli.add("alice")
    with Terminal.running(cli, "users", "disable", "alice") as terminal:
        assert terminal.end() == 0
    [line] = [line for line in terminal.shown.splitlines() if "user.disabled" in line]
    assert line[:2] == "20"
    assert line.endswith(f'INFO user.disabled user="alice" sessions=0 by="cli:{getpass.getuser()}"')


@pytest.mark.parametrize(("chats", "told"), [(0, "0 chats"), (1, "1 chat"), (1_200, "1,200 chats")])
def test_remove_says_first_how_many_chats_go_for_good(
    either_url: str, tmp_path: Path, chats: int, told: str
) -> None:
    cli = CommandLine(tmp_path, either_url)
    cli.add("alice")
    cli.store_chats("user:alice", chats)
    cli.store_chats("user:bob")
    with Terminal.running(cli, "users", "remove", "alice") as terminal:
        terminal.answer(f"Remove alice for good, with {told}? [y/N]:", "n")
        assert terminal.end() == 1
    assert "alice" in cli.ok("users", "list")


def test_remove_that_is_confirmed_removes(cli: CommandLine) -> None:
    cli.add("alice")
    with Terminal.running(cli, "users", "remove", "alice") as terminal:
        terminal.answer("[y/N]:", "y")
        assert terminal.end() == 0
    assert cli.rows("SELECT * FROM accounts") == []
