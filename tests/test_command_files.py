"""What commands do when a file, standard input, output or error cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli_support import CommandLine

FULL = Path("/dev/full")


@pytest.fixture
def cli(cli: CommandLine) -> CommandLine:
    cli.add("alice")
    return cli


@pytest.mark.parametrize(
    "command",
    [
        "users list",
        "users show alice",
        "users export -",
        "db backup -",
        "users --help",
        "--help",
        "--version",
    ],
)
def test_a_reader_who_has_enough_ends_the_command_quietly(cli: CommandLine, command: str) -> None:
    # true has ended long before the first line is printed.
    code, out, err = cli.shell(f"chat {command} | true")
    assert (code, out, err) == (1, "", "")


@pytest.mark.parametrize("command", ["users list", "users export -", "secret"])
@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")
def test_an_output_that_takes_nothing_is_one_line(cli: CommandLine, command: str) -> None:
    code, _, err = cli.shell(f"chat {command} > {FULL}")
    assert (code, err) == (2, "Error: No space left on device\n")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("chat users export - >&-", "standard output is closed"),
        ("chat db backup - >&-", "standard output is closed"),
        ("chat users import - --format csv <&-", "line 1"),
        ("chat users add bob <&-", "no terminal"),
        ("chat users add bob --password-stdin <&-", "no password on standard input"),
        ("chat users remove alice <&-", "--yes"),
    ],
)
def test_a_closed_stream_is_one_line(cli: CommandLine, line: str, problem: str) -> None:
    code, out, err = cli.shell(line)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert problem in err


def test_a_closed_standard_error_changes_nothing_else(cli: CommandLine) -> None:
    code, out, _ = cli.shell("chat users show alice 2>&-")
    assert code == 0
    assert "alice" in out


@pytest.mark.parametrize("command", ["add bob --generate", "set-password alice --generate"])
@pytest.mark.parametrize(
    "place",
    [
        ">&-",
        pytest.param(
            f"> {FULL}",
            marks=pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full"),
        ),
        "| true",
    ],
)
def test_a_password_that_nobody_can_see_is_not_stored(
    cli: CommandLine, command: str, place: str
) -> None:
    cli.log_in("alice")
    before = cli.dump()
    code, out, err = cli.shell(f"chat users {command} {place}")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert cli.dump() == before


def test_a_file_that_may_not_be_used_comes_with_advice(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:  # the tests may run as root, who may everything
        raise PermissionError(13, "Permission denied", "/srv/users.csv")

    monkeypatch.setattr(Path, "open", refuse)
    assert cli.refused("users", "import", "/srv/users.csv") == (
        "Error: /srv/users.csv: Permission denied; run the command as the owner of the file, or "
        "change its permissions\n"
    )
