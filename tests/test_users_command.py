"""`chat-profiles users`: each command's good and bad input."""

from __future__ import annotations

import getpass
import json
import os
from pathlib import Path
from typing import Any

import click
import pytest
from flask import Flask

from tests.cli_support import GOOD_PASSWORD, CommandLine, all_commands
from tests.support.log import LogReader
from webapp.accounts import directory
from webapp.accounts import seeded_accounts as seeded
from webapp.chats import deletion
from webapp.database.engines import db


@pytest.fixture
def alice(cli: CommandLine) -> CommandLine:
    """Return a command line whose database has Alice, an admin who is logged in twice."""
    cli.add("alice", GOOD_PASSWORD, "--role", "ADMIN")
    cli.log_in("alice")
    cli.log_in("alice")
    cli.log_in("bob")
    return cli


def password_of(cli: CommandLine, username: str) -> str:
    return str(cli.rows("SELECT password_hash FROM accounts WHERE username = ?", username)[0][0])


def can_log_in(cli: CommandLine, username: str, password: str) -> bool:
    with cli.app():
        return seeded.check_password(username, password) is not None


def details(cli: CommandLine, username: str) -> object:
    return json.loads(cli.ok("users", "show", username, "--json"))["metadata"]


@pytest.mark.parametrize("path", [path for path, _ in all_commands()], ids=" ".join)
def test_every_command_has_help_with_an_example(tmp_path: Path, path: tuple[str, ...]) -> None:
    cli = CommandLine(tmp_path, f"sqlite:///{tmp_path}/instance/chat.sqlite3")
    text = cli.ok(*path, "--help")
    assert "Example:\n" in text
    assert f"chat-profiles {' '.join(path)}".strip() in text.split("Example:\n")[1]
    assert not cli.file.exists()


def test_every_command_and_option_says_what_it_is_for() -> None:
    for path, command in all_commands():
        assert not path or (command.short_help or "").endswith("."), path
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, (path, parameter.name)


@pytest.mark.parametrize("group", [(), ("users",), ("sessions",), ("db",)], ids=" ".join)
def test_no_list_of_commands_is_cut_off(cli: CommandLine, group: tuple[str, ...]) -> None:
    assert "..." not in cli.ok(*group, "--help").partition("Commands:")[2]


def test_no_command_takes_a_password_as_an_argument() -> None:
    for path, command in all_commands():
        for parameter in command.params:
            if "password" in (parameter.name or ""):
                assert isinstance(parameter, click.Option), path
                assert parameter.is_flag, path


def test_add_stores_a_user_with_the_password_of_standard_input(cli: CommandLine) -> None:
    out = cli.ok(
        "users", "add", " Alice ", "--password-stdin", "--display-name", "Alice A.",
        "--metadata", '{"team": "x"}', "--role", "ADMIN", stdin=f"{GOOD_PASSWORD}\n",
    )  # fmt: skip
    assert out == "Added 'alice'.\n"
    assert json.loads(cli.ok("users", "show", "alice", "--json"))["display_name"] == "Alice A."
    assert details(cli, "alice") == {"team": "x", "role": "ADMIN"}
    assert can_log_in(cli, "alice", GOOD_PASSWORD)


def test_add_keeps_the_spaces_of_a_password(cli: CommandLine) -> None:
    cli.add("alice", f" {GOOD_PASSWORD} \r\n")
    assert can_log_in(cli, "alice", f" {GOOD_PASSWORD} ")
    assert not can_log_in(cli, "alice", GOOD_PASSWORD)


def test_generate_prints_the_password_once_and_alone(cli: CommandLine) -> None:
    result = cli("users", "add", "alice", "--generate")
    password = result.stdout.removesuffix("\n")
    assert len(password) >= 20
    assert "\n" not in password
    assert password not in result.stderr
    assert can_log_in(cli, "alice", password)
    assert password not in "".join(cli.dump())


@pytest.mark.parametrize("command", ["add bob --generate", "set-password alice --generate"])
def test_whoever_reads_both_outputs_gets_one_labelled_block(cli: CommandLine, command: str) -> None:
    cli.add("alice")
    _, out, _ = cli.shell(f"chat users {command} 2>&1")
    name = command.split()[1]
    block, _, rest = out.partition("\n\n")
    user, password = block.strip().splitlines()
    assert user.split() == ["User:", name]
    assert len(password.removeprefix("  Password:").strip()) >= 20
    assert "The password above is not stored" in rest
    assert out.count("assword:") == 1


def test_a_generated_password_is_not_printed_when_it_is_not_stored(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:  # somebody else adds the name between the look and the transaction
    cli.add("alice")
    monkeypatch.setattr(directory, "refuse_taken", lambda _: None)
    monkeypatch.setattr(directory, "_refuse_taken", lambda *_: None)
    assert "already" in cli.refused("users", "add", "alice", "--generate")


def test_a_generated_password_is_as_long_as_configured(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBAPP_PASSWORD_MIN_LENGTH", "64")
    assert len(cli.ok("users", "add", "alice", "--generate").strip()) >= 64


def test_the_password_is_nowhere_but_on_standard_input(cli: CommandLine) -> None:
    code, out, err = cli.process(
        "users", "add", "alice", "--password-stdin", stdin=GOOD_PASSWORD, WEBAPP_LOG_LEVEL="DEBUG"
    )
    assert code == 0
    assert GOOD_PASSWORD not in out + err + "".join(cli.dump())
    assert f'"event": "user.added", "user": "alice", "by": "cli:{getpass.getuser()}"' in err


def test_a_user_of_the_system_without_a_name_is_logged_by_number(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, log: LogReader
) -> None:
    def fail() -> str:
        raise KeyError("no such uid")

    monkeypatch.setattr(getpass, "getuser", fail)
    cli.add("alice")
    assert log.one("user.added")["by"] == f"cli:{os.getuid()}"


@pytest.mark.parametrize(
    ("stdin", "reason"),
    [
        ("", "there is no password"),
        ("\n", "there is no password"),
        ("short", "at least 8 characters"),
        ("password123", "too easy to guess"),
        ("carol-carol", "a name that is known here"),
        ("chat-profiles", "a name that is known here"),
        ("x" * 1_025, "1,024 bytes"),
        ("é" * 2_000_000, "1,024 bytes"),
        (b"\xff\xfe\xff\xfeabcdefgh", "not UTF-8"),
        ("one good password\nand another", "on one line"),
    ],
    ids=range(10),
)
def test_add_refuses_bad_passwords(cli: CommandLine, stdin: str | bytes, reason: str) -> None:
    cli.add("alice")
    line = cli.refused("users", "add", "carol", "--password-stdin", stdin=stdin)
    assert reason in line


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["add"], "Missing argument 'USERNAME' (see `chat-profiles users add --help`)\n"),
        (["add", "carol"], "no terminal to ask"),
        (["add", "carol", "--password-stdin", "--generate"], "exclude each other"),
        (["add", "carol", "--password", "x"], "No such option"),
        (["add", "carol", "secret-as-argument"], "unexpected extra argument"),
        (["add", "", "--generate"], "cannot be empty"),
        (["add", "a" * 65, "--generate"], "at most 64"),
        (["add", "a\u202eb", "--generate"], "U+202E"),
        (["add", "a\x1b[31m", "--generate"], "U+001B"),
        (["add", "\udcff", "--generate"], "U+DCFF"),
        (["add", "alice", "--generate"], "'alice' already"),
        (["add", "ALICE", "--generate"], "'alice' already"),
        (["add", "a1ice", "--generate"], "looks like the user 'alice'"),
        (["add", "carol", "--metadata", "{", "--generate"], "metadata is not JSON"),
        (["add", "carol", "--metadata", "[1]", "--generate"], "must be a JSON object"),
        (["add", "carol", "--metadata", '{"a": NaN}', "--generate"], "NaN"),
        (["add", "carol", "--metadata", '{"a": 1e999}', "--generate"], "inf"),
        (["add", "carol", "--metadata", '{"a":1,"a":2}', "--generate"], "twice"),
        (["add", "carol", "--metadata", '{"a":' * 30 + "1" + "}" * 30, "--generate"], "deeper"),
        (["add", "carol", "--metadata", '{"a":' * 50_000, "--generate"], "too deeply"),
        (["add", "carol", "--metadata", f'{{"a": {"9" * 5_000}}}', "--generate"], "not JSON"),
        (["add", "carol", "--metadata", f'{{"a": "{"x" * 17_000}"}}', "--generate"], "longer than"),
        (["add", "carol", "--role", "A", "--metadata", '{"role": "B"}', "--generate"], "two diff"),
        (["update", "alice", "--role", "A", "--metadata", '{"role": "B"}'], "two different roles"),
        (["add", "carol", "--display-name", "x" * 201, "--generate"], "at most 200"),
        (["add", "carol", "--display-name", "a\nb", "--generate"], "one line"),
        (["add", "carol", "--display-name", "a\u202eb", "--generate"], "direction"),
        (["show"], "Missing argument"),
        (["show", "nobody"], "no user 'nobody'; see `chat-profiles users list`"),
        (["show", "\x1b]0;x\x07"], "no user"),
        (["set-password", "nobody", "--generate"], "no user"),
        (["set-password", "alice"], "no terminal"),
        (["update", "alice"], "say what to change"),
        (["update", "nobody", "--role", "X"], "no user"),
        (["update", "alice", "--metadata", "null"], "must be a JSON object"),
        (["update", "alice", "--remove-metadata", "team"], "no key 'team'"),
        (["update", "alice", "--role", "x" * 20_000], "longer than"),
        (["disable", "nobody"], "no user"),
        (["enable", "nobody"], "no user"),
        (["unlock", "nobody"], "no user"),
        (["unlock"], "say what to unlock"),
        (["unlock", "alice", "--address", "192.0.2.1"], "say what to unlock"),
        (["unlock", "--address", "192.0.2"], "is not an IP address"),
        (["remove", "nobody", "--yes"], "no user"),
        (["remove", "alice"], "--yes"),
        (["explode"], "No such command 'explode'"),
        (["list", "--xml"], "No such option"),
    ],
    ids=lambda value: " ".join(value)[:50] if isinstance(value, list) else "",
)
def test_bad_input_is_one_line_and_changes_nothing(
    alice: CommandLine, arguments: list[str], reason: str
) -> None:
    line = alice.refused("users", *arguments)
    assert reason in line
    assert line.rstrip("\n").isprintable()


def test_bad_input_has_the_exit_code_of_a_real_process(cli: CommandLine) -> None:
    code, out, err = cli.process("users", "show", "nobody")
    assert (code, out, err) == (
        2,
        "",
        "Error: there is no user 'nobody'; see `chat-profiles users list`\n",
    )


def test_if_missing_can_be_repeated(alice: CommandLine) -> None:
    before = alice.dump()
    out = alice.ok("users", "add", "Alice", "--generate", "--if-missing")
    assert "already" in out
    assert "users set-password alice" in out
    assert alice.dump() == before


def test_of_two_who_add_the_same_name_at_once_one_does(cli: CommandLine) -> None:
    processes = [cli.start("users", "add", "alice", "--generate") for _ in range(2)]
    ends = [(*process.communicate(timeout=60), process.returncode) for process in processes]
    assert sorted(code for _, _, code in ends) == [0, 2]
    assert cli.rows("SELECT username FROM accounts") == [("alice",)]
    (password,) = [out.strip() for out, _, code in ends if code == 0]
    assert can_log_in(cli, "alice", password)


def test_list_is_sorted_and_stable_as_json(cli: CommandLine) -> None:
    for name in ("zoë", "alice", "bob"):
        cli.add(name)
    cli.ok("users", "disable", "bob")
    found = json.loads(cli.ok("users", "list", "--json"))
    assert [user["username"] for user in found] == ["alice", "bob", "zoë"]
    keys = ["username", "display_name", "metadata", "disabled", "created_at"]
    assert all(list(user) == keys for user in found)
    assert [user["disabled"] for user in found] == [False, True, False]
    assert found[0]["created_at"].endswith("Z")


def test_list_says_how_to_begin(cli: CommandLine) -> None:
    result = cli("users", "list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "users add" in result.stderr
    assert cli.ok("users", "list", "--json") == "[]\n"


def test_list_shows_no_hash_and_no_control_character(alice: CommandLine) -> None:
    with alice.app() as _:
        account = directory.get("alice")
        account.display_name = "\x1b[31mred"  # as an earlier version, or another program, left it
        db.session.commit()
    out = alice.ok("users", "list") + alice.ok("users", "show", "alice")
    assert "\\x1b[31mred" in out
    assert "\x1b" not in out
    assert "argon2" not in out


def test_show_prints_the_metadata(alice: CommandLine) -> None:
    assert '{"role": "ADMIN"}' in alice.ok("users", "show", "alice")


def test_set_password_ends_sessions_and_forgets_failures(alice: CommandLine) -> None:
    alice.fail_logins("alice")
    out = alice.ok("users", "set-password", "Alice", "--password-stdin", stdin="lamp river seventy")
    assert out == "Set a new password for 'alice'; ended 2 login sessions.\n"
    assert alice.rows("SELECT identifier FROM login_sessions") == [("bob",)]
    assert alice.rows("SELECT * FROM login_attempts") == []
    assert can_log_in(alice, "alice", "lamp river seventy")
    assert not can_log_in(alice, "alice", GOOD_PASSWORD)


def test_update_of_rights_ends_sessions(alice: CommandLine) -> None:
    out = alice.ok("users", "update", "alice", "--role", "USER")
    assert "ended 2 login sessions" in out
    assert details(alice, "alice") == {"role": "USER"}


def test_update_of_the_display_name_ends_no_session_and_says_when_it_shows(
    alice: CommandLine,
) -> None:
    out = alice.ok("users", "update", "alice", "--display-name", " Alice ")
    assert out == "Updated 'alice'.\nThe new display name shows from the next sign-in on.\n"
    assert '"Alice"' in alice.ok("users", "show", "alice", "--json")
    alice.ok("users", "update", "alice", "--display-name", "")
    assert '"display_name": null' in alice.ok("users", "show", "alice", "--json")
    assert alice.session_count() == 3


@pytest.mark.parametrize(
    "command",
    [
        ("update", "alice", "--role", "ADMIN"),
        ("update", "alice", "--metadata", '{"role": "ADMIN"}'),
        ("update", "alice", "--display-name", ""),
        ("enable", "alice"),
        ("disable", "bob"),
    ],
    ids=" ".join,
)
def test_what_changes_nothing_says_so_and_ends_no_session(
    alice: CommandLine, log: LogReader, command: tuple[str, ...]
) -> None:
    alice.add("bob")
    alice.ok("users", "disable", "bob")
    alice.log_in("bob")
    before = alice.dump()
    log.lines.clear()
    out = alice.ok("users", *command)
    assert out.startswith(f"'{command[1]}' is ")
    assert out.endswith(". Nothing was changed.\n")
    assert (alice.dump(), log.lines) == (before, [])


def test_update_replaces_and_removes_metadata(alice: CommandLine) -> None:
    alice.ok(
        "users", "update", "alice", "--metadata", '{"a": 1, "b": {"c": [null]}, "d": "\\u0000x"}'
    )
    assert details(alice, "alice") == {"a": 1, "b": {"c": [None]}, "d": "x"}  # no NUL
    alice.ok("users", "update", "alice", "--remove-metadata", "a", "--remove-metadata", "d")
    assert details(alice, "alice") == {"b": {"c": [None]}}


def test_disable_keeps_out_and_enable_lets_in(alice: CommandLine) -> None:
    assert alice.ok("users", "disable", "alice") == "Disabled 'alice'; ended 2 login sessions.\n"
    assert not can_log_in(alice, "alice", GOOD_PASSWORD)
    alice.fail_logins("alice")
    alice.ok("users", "enable", "alice")
    assert can_log_in(alice, "alice", GOOD_PASSWORD)
    assert alice.rows("SELECT * FROM login_attempts") == []


def test_unlock_forgets_failed_logins_only_of_this_user(alice: CommandLine) -> None:
    alice.fail_logins("alice")
    alice.fail_logins("bob", times=1)
    assert alice.ok("users", "unlock", "ALICE") == "Unlocked 'alice'.\n"
    assert alice.rows("SELECT count(*) FROM login_attempts") == [(1,)]
    assert alice.session_count() == 3


def test_unlock_also_helps_users_of_an_apps_own_callback(alice: CommandLine) -> None:
    alice.fail_logins("somebody@example.org")
    assert alice.ok("users", "unlock", "Somebody@Example.org") == (
        "Unlocked 'somebody@example.org'.\n"
    )
    assert alice.rows("SELECT count(*) FROM login_attempts") == [(0,)]


def test_unlock_of_an_address_forgets_the_failures_there(alice: CommandLine) -> None:
    alice.fail_logins("alice", times=2)
    assert alice.ok("users", "unlock", "--address", "198.51.100.8") == (
        "Unlocked 198.51.100.8: forgot 0 failed sign-ins.\n"
    )
    assert alice.ok("users", "unlock", "--address", "198.51.100.7") == (
        "Unlocked 198.51.100.7: forgot 2 failed sign-ins.\n"
    )


def test_remove_deletes_the_user_and_the_sessions(alice: CommandLine) -> None:
    assert "ended 2 login sessions" in alice.ok("users", "remove", "alice", "--yes")
    assert json.loads(alice.ok("users", "list", "--json")) == []
    assert alice.rows("SELECT identifier FROM login_sessions") == [("bob",)]
    alice.add("alice")


def test_remove_deletes_the_users_chats_so_that_the_name_can_be_given_again(
    alice: CommandLine,
) -> None:
    for owner in ("user:alice", "user:bob", "session:alice"):
        alice.store_chats(owner)
    alice.ok("users", "remove", "alice", "--yes")
    left = alice.rows("SELECT owner FROM chats ORDER BY owner")
    assert left == [("session:alice",), ("user:bob",)]


def test_chats_of_a_removed_user_go_in_small_steps(
    alice: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    forget = deletion.purge_chats

    def counted(*which: Any) -> int:
        steps.append(forget(*which))
        return steps[-1]

    monkeypatch.setattr(deletion, "purge_chats", counted)
    alice.store_chats("user:alice", 2 * deletion.CHATS_AT_ONCE + 1)
    alice.ok("users", "remove", "alice", "--yes")
    assert steps == [deletion.CHATS_AT_ONCE, deletion.CHATS_AT_ONCE, 1, 0]


def test_a_removal_that_is_stopped_leaves_no_chat_in_reach(
    alice: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("the disk is gone")

    alice.store_chats("user:alice", 3)
    with monkeypatch.context() as stopped:
        stopped.setattr(deletion, "purge_chats", fail)
        assert alice("users", "remove", "alice", "--yes").exit_code == 2
    alice.add("alice")
    assert alice.rows("SELECT count(*) FROM chats WHERE deleted_at IS NULL") == [(0,)]
    alice.ok("purge")
    assert alice.rows("SELECT count(*) FROM chats") == [(0,)]


def test_a_change_that_cannot_end_the_sessions_is_not_made(
    alice: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:  # one transaction
    before = alice.dump()

    def fail(*_: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(directory, "end_sessions_of", fail)
    for command in (["disable", "alice"], ["update", "alice", "--role", "X"]):
        assert alice("users", *command).exit_code == 2
    assert alice.dump() == before


def test_the_commands_hang_on_the_app_as_well(simple_app: Flask) -> None:
    runner = simple_app.test_cli_runner()
    added = runner.invoke(args=["users", "add", "alice", "--password-stdin"], input=GOOD_PASSWORD)
    assert added.exit_code == 0, added.output
    assert json.loads(runner.invoke(args=["users", "list", "--json"]).stdout)
    again = runner.invoke(args=["users", "add", "alice", "--generate"])
    assert again.exit_code == 2
    assert again.stderr.startswith("Error: there is a user 'alice' already; ")
    assert runner.invoke(args=["sessions", "list", "--json"]).stdout == "[]\n"


@pytest.mark.postgresql
def test_the_commands_work_on_postgresql(postgresql_url: str, tmp_path: Path) -> None:
    cli = CommandLine(tmp_path, postgresql_url)
    cli.add("zoë", GOOD_PASSWORD, "--metadata", '{"a": "\\u0000\\ud800"}')
    cli.add("Bob")
    cli.log_in("zoë")
    assert details(cli, "zoë") == {"a": "\ufffd"}
    assert "'bob' already" in cli.refused("users", "add", "BOB", "--generate")
    generated = cli.ok("users", "set-password", "bob", "--generate").strip()
    assert can_log_in(cli, "bob", generated)
    assert "Nothing was changed" in cli.ok("users", "enable", "bob")
    assert cli.shell("chat users add dave --generate >&-")[0] == 2
    assert "no user 'dave'" in cli.refused("users", "show", "dave")
    assert "ended 1 login session." in cli.ok("users", "disable", "zoë")
    assert [u["username"] for u in json.loads(cli.ok("users", "list", "--json"))] == ["bob", "zoë"]
    processes = [cli.start("users", "add", "carol", "--generate") for _ in range(2)]
    for process in processes:
        process.communicate(timeout=60)
    assert sorted(process.returncode for process in processes) == [0, 2]
