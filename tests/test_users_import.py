"""`chat-profiles users import` and `export`: all or nothing, and back again."""

from __future__ import annotations

import csv
import json
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cli_support import CHECKOUT, GOOD_PASSWORD, READY_HASH, CommandLine
from webapp.accounts import seeded_accounts as seeded
from webapp.accounts.commands import imports as import_commands
from webapp.accounts.importing.files import FORMATS, AccountFileError, read_rows

KILL_BEFORE_COMMIT = """
import os, signal
from sqlalchemy import event
from sqlalchemy.orm import Session
def end(session, context):
    os.kill(os.getpid(), signal.SIGKILL)
event.listen(Session, "after_flush_postexec", end)
"""


def write(cli: CommandLine, name: str, text: str | bytes) -> str:
    path = cli.folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


def ready_users(cli: CommandLine, count: int) -> str:
    lines = [f"person.{i}@example.org,Person {i},{READY_HASH!r}" for i in range(count)]
    return write(
        cli,
        "ready.csv",
        "username,display_name,password_hash\n" + "\n".join(lines).replace("'", '"'),
    )


def imported(cli: CommandLine, file: str, *options: str) -> tuple[int, int, int]:
    """Import a file; return how many were added, changed, unchanged."""
    words = cli.ok("users", "import", file, *options).replace(",", "").split(": ")[-1].split()
    return int(words[0]), int(words[2]), int(words[4])


def users(cli: CommandLine) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(cli.ok("users", "list", "--json"))
    return [{k: v for k, v in user.items() if k != "created_at"} for user in found]


def can_log_in(cli: CommandLine, username: str) -> bool:
    with cli.app():
        return seeded.check_password(username, GOOD_PASSWORD) is not None


ALICE = {
    "username": "alice",
    "display_name": "Alice A.",
    "metadata": {"team": {"n": [1, None]}, "role": "ADMIN"},
    "disabled": False,
}
BOB: dict[str, object] = {"username": "bob", "display_name": None, "metadata": {}, "disabled": True}
SAME_USERS = {
    "users.csv": (
        "\ufeffusername,display_name,metadata,role,password,disabled\r\n"
        f'Alice,Alice A.,"{{""team"": {{""n"": [1, null]}}}}",ADMIN,{GOOD_PASSWORD},\r\n'
        "\r\n"
        "bob,,,,,yes\r\n"
    ),
    "users.json": json.dumps(
        [{**ALICE, "password": GOOD_PASSWORD}, {"username": "bob", "disabled": True}]
    ),
    "users.toml": (
        '[[users]]\nusername = "alice"\ndisplay_name = "Alice A."\nrole = "ADMIN"\n'
        f'password = "{GOOD_PASSWORD}"\nmetadata = \'{{"team": {{"n": [1, null]}}}}\'\n'
        '[[users]]\nusername = "bob"\ndisabled = true\n'
    ),
}


@pytest.mark.parametrize("name", SAME_USERS)
def test_each_format_gives_the_same_users(cli: CommandLine, name: str) -> None:
    file = write(cli, name, SAME_USERS[name])
    assert imported(cli, file) == (2, 0, 0)
    assert users(cli) == [ALICE, BOB]
    assert can_log_in(cli, "alice")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_excel_writes_in_any_language_is_read(cli: CommandLine, delimiter: str) -> None:
    table = [["Username", "Display Name ", "ROLE"], ["alice", '"A, b; c"', "ADMIN"]]
    text = "\ufeff" + "".join(f"{delimiter.join(cells)}\r\n" for cells in table)
    assert imported(cli, write(cli, "users.csv", text)) == (1, 0, 0)
    [alice] = users(cli)
    assert alice["display_name"] == "A, b; c"
    assert alice["metadata"] == {"role": "ADMIN"}


SPREADSHEETS = {
    "rows cleared in Excel": "username,role\r\nalice,ADMIN\r\n,\r\nbob,\r\n,\r\n,\r\n",
    "rows cleared in German Excel": "username;role\r\n;\r\nalice;ADMIN\r\nbob;\r\n;\r\n",
    "rows of spaces": "username,role\n ,\u00a0\nalice,ADMIN\nbob, \n\t,\n",
    "rows cleared above the header": ",\r\n\r\nusername,role\r\nalice,ADMIN\r\nbob,\r\n",
    "cleared columns at the end": "username,role,,\nalice,ADMIN,,\nbob,,,\n,,,\n",
    "a cleared column between": ",username,,role\n,alice,,ADMIN\n,bob,,\n",
    "cells cleared outside the table": "username,role\nalice,ADMIN,,\nbob,,\n,,,,\n",
    "a line that names the separator": "sep=;\r\nusername;role\r\nalice;ADMIN\r\nbob;\r\n",
    "the same in quotes": '"sep=|"\r\nusername|role\r\nalice|ADMIN\r\nbob|\r\n',
    "the same with a tab": "\ufeffSEP=\t\r\nusername\trole\r\nalice\tADMIN\r\nbob\t\r\n",
    "everything in quotes": '"username";"role"\n"alice";"ADMIN"\n"bob";""\n"";""\n',
    "line ends of old Macs": "username,role\ralice,ADMIN\rbob,\r,\r",
    "no line end at the end": "username,role\nalice,ADMIN\nbob,\n,",
}
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("case", SPREADSHEETS)
def test_what_spreadsheets_write_is_read(case: str, encoding: str) -> None:
    text = SPREADSHEETS[case]
    if encoding != "utf-8":
        text = text.removeprefix("\ufeff")
    rows = read_rows(text.encode(encoding), "csv")
    found = [{name: cell for name, cell in row.values.items() if name} for row in rows]
    assert found == [{"username": "alice", "role": "ADMIN"}, {"username": "bob"}]


def test_a_problem_after_cleared_rows_names_its_line(cli: CommandLine) -> None:
    text = ",\r\n,\r\nusername,disabled\r\n,\r\nalice,true\r\n,\r\nbob,perhaps\r\n"
    assert "line 7: " in cli.refused("users", "import", write(cli, "users.csv", text))


@pytest.mark.parametrize(("cell", "disabled"), [("WAHR", True), ("FAUX", False), ("FALSO", False)])
def test_excels_own_words_for_true_and_false_are_read(
    cli: CommandLine, cell: str, disabled: bool
) -> None:
    imported(cli, write(cli, "users.csv", f"username;disabled\nalice;{cell}\n"))
    assert users(cli)[0]["disabled"] is disabled


@pytest.mark.parametrize("name", SAME_USERS)
def test_importing_again_changes_nothing_and_ends_no_session(cli: CommandLine, name: str) -> None:
    file = write(cli, name, SAME_USERS[name])
    imported(cli, file)
    cli.log_in("alice")
    before = cli.dump()
    assert imported(cli, file) == (0, 0, 2)
    assert cli.dump() == before


def test_the_example_of_the_documentation_can_be_imported(cli: CommandLine) -> None:
    page = (CHECKOUT / "docs" / "commands.md").read_text()
    _, head, rest = page.partition("    username,display_name,role,password\n")
    table = (head + rest.partition("\n\n")[0]).replace("    ", "")
    assert imported(cli, write(cli, "users.csv", table)) == (3, 0, 0)
    assert can_log_in(cli, "alice")


def test_standard_input_is_read(cli: CommandLine) -> None:
    out = cli.ok("users", "import", "-", "--format", "json", stdin='[{"username": "bob"}]')
    assert out == "1 added, 0 changed, 0 unchanged.\n"


def test_users_without_a_password_are_counted(cli: CommandLine) -> None:
    result = cli("users", "import", write(cli, "users.csv", "username\nbob\n"))
    assert "1 of the added users has no password" in result.stderr
    assert "no password" in cli.ok("users", "list")


def test_what_is_left_out_stays(cli: CommandLine) -> None:
    imported(cli, write(cli, "users.json", SAME_USERS["users.json"]))
    assert imported(cli, write(cli, "more.csv", "username,role\nalice,USER\n")) == (0, 1, 0)
    assert users(cli)[0] == {**ALICE, "metadata": {"team": {"n": [1, None]}, "role": "USER"}}
    assert can_log_in(cli, "alice")


@pytest.mark.parametrize(
    "row", ["role\nalice,X", "password\nalice,lamp river seventy", "disabled\nalice,true"]
)
def test_a_change_of_rights_or_password_ends_sessions(cli: CommandLine, row: str) -> None:
    cli.add("alice")
    cli.log_in("alice")
    cli.log_in("bob")
    assert imported(cli, write(cli, "users.csv", f"username,{row}\n")) == (0, 1, 0)
    assert cli.rows("SELECT identifier FROM login_sessions") == [("bob",)]


def test_a_new_display_name_ends_no_session(cli: CommandLine) -> None:
    cli.add("alice")
    cli.log_in("alice")
    assert imported(cli, write(cli, "users.csv", "username,display_name\nalice,A\n")) == (0, 1, 0)
    assert cli.session_count() == 1


def test_a_dry_run_counts_and_stores_nothing(cli: CommandLine) -> None:
    cli.add("alice")
    before = cli.dump()
    file = write(
        cli, "users.csv", f"username,password\nalice,lamp river seventy\nbob,{GOOD_PASSWORD}"
    )
    assert imported(cli, file, "--dry-run") == (1, 1, 0)
    assert cli.dump() == before


def test_ten_thousand_ready_hashes_take_seconds(cli: CommandLine) -> None:
    assert imported(cli, ready_users(cli, 10_000)) == (10_000, 0, 0)
    assert cli.rows("SELECT count(*) FROM accounts") == [(10_000,)]
    assert can_log_in(cli, "person.9999@example.org")


def test_an_import_that_is_killed_stores_nothing(cli: CommandLine) -> None:
    cli.add("alice")
    file = ready_users(cli, 2_000)
    process = cli.start("users", "import", file, code=KILL_BEFORE_COMMIT)
    process.communicate(timeout=60)
    assert process.returncode == -9
    assert cli.rows("SELECT username FROM accounts") == [("alice",)]
    assert imported(cli, file) == (2_000, 0, 0)


def test_progress_and_the_faster_way_are_told(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_commands, "NOTE_FROM_SECONDS", 0)
    lines = "\n".join(f"user{i},{GOOD_PASSWORD} {i}" for i in range(3))
    result = cli("users", "import", write(cli, "u.csv", f"username,password\n{lines}"))
    assert result.exit_code == 0
    assert "Hashing 3 passwords takes about" in result.stderr
    assert "password_hash" in result.stderr
    result = cli("users", "import", ready_users(cli, 2_000))
    assert "Checking: 1,000 of 2,000\nChecking: 2,000 of 2,000\n" in result.stderr


def test_all_problems_are_listed_with_their_lines(cli: CommandLine) -> None:
    text = (
        "username,display_name,metadata,password,disabled\n"
        "carol,,,short,\n"
        '"two\nlines",,,,\n'
        "dave,,{,,\n"
        "erin,,,,perhaps\n"
        "Frank,,,,\n"
        "frank,,,,\n"
        "fr\u0430nk,,,,\n"
        "a1ice,,,,\n"
    )
    cli.add("alice")
    before = cli.dump()
    result = cli("users", "import", write(cli, "users.csv", text))
    assert (result.exit_code, result.stdout) == (2, "")
    assert cli.dump() == before
    lines = result.stderr.splitlines()
    assert lines[0].endswith("7 problems; nothing was changed")
    places = [line.split(":")[0].strip() for line in lines[1:]]
    assert places == ["line 2", "line 3", "line 5", "line 6", "line 9", "line 8", "line 10"]


def test_at_most_20_problems_are_listed(cli: CommandLine) -> None:
    file = write(cli, "users.csv", "username\n" + "a b\n" * 100)
    result = cli("users", "import", file)
    lines = result.stderr.splitlines()
    assert len(lines) == 22
    assert lines[-1] == "  and 80 more"


def test_a_problem_never_shows_a_password(cli: CommandLine) -> None:
    rows = "alice,password99\nbob,alice 99 canary\n,x"
    for number, text in enumerate((f"username,password\n{rows}", rows)):
        result = cli("users", "import", write(cli, f"users{number}.csv", text))
        assert result.exit_code == 2
        assert "password99" not in result.stderr
        assert "canary" not in result.stderr


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("u.csv", "", "line 1"),
        ("u.csv", "username\n", "no users"),
        ("u.csv", "Name,role\nx,y\n", "has no column username; its columns are name, role;"),
        ("u.csv", "alice,canary99\n", "one of them username; there are username, display_name"),
        ("u.csv", "username|role\nx|y\n", "one of them username"),
        ("u.csv", "username,colour\nx,y\n", "unknown column 'colour'"),
        ("u.csv", "username,username\nx,y\n", "username appears twice"),
        ("u.csv", "username,role\nx\n", "line 2: has 1 cell instead of 2"),
        ("u.csv", "username,disabled\nx,perhaps\n", "true or false, not 'perhaps'"),
        ("u.csv", 'username\n"x\n', "not CSV"),
        ("u.csv", "username\n" + "x" * 200_000 + "\n", "field larger"),
        ("u.csv", "username\nal\0ice\n", "line 2: has a NUL"),
        ("u.csv", b"username\n\xff\xfe\n", "line 2: is not UTF-8"),
        ("u.csv", "username\nx\ud83d".encode("utf-16", "surrogatepass"), "line 2: is not UTF-8"),
        ("u.csv", b"PK\x03\x04username\nx\n", "it is a workbook, not text; save it as CSV UTF-8"),
        (
            "u.csv",
            "username,,role\nx,secret99,y\n",
            "line 2: has a cell in a column without a name",
        ),
        ("u.csv", "username,role\nx,y,secret99\n", "line 2: has 3 cells instead of 2"),
        ("u.csv", ",,\n;;\n", "line 2: must name the columns"),
        ("u.csv", "username\n-rf\n", "begin with -"),
        ("u.csv", "username\nx\nX\n", "appears at line 2 already"),
        ("u.csv", "username\nall\na1l\n", "looks like 'all' at line 2"),
        ("u.csv", "username\na1ice\n", "looks like the user 'alice'"),
        ("u.csv", "username,password_hash\nx,$2b$12$abc\n", "not an argon2id hash"),
        (
            "u.csv",
            f'username,password_hash\nx,"{READY_HASH.replace("m=19456", "m=4194304")}"\n',
            "7 to 128 MiB",
        ),
        ("u.csv", f'username,password\nx,"{READY_HASH}"\n', "looks like a hash"),
        (
            "u.csv",
            f'username,password,password_hash\nx,{GOOD_PASSWORD},"{READY_HASH}"\n',
            "both a password and a password_hash",
        ),
        ("u.csv", 'username,role,metadata\nx,A,"{""role"": ""B""}"\n', "two different roles"),
        ("u.csv", 'username,metadata\nx,"[1]"\n', "must be a JSON object"),
        ("u.json", "", "not JSON"),
        ("u.json", "[", "not JSON"),
        ("u.json", "[" * 100_000, "too deeply"),
        ("u.json", '"x"', "list of users"),
        ("u.json", "[]", "no users"),
        ("u.json", "[1]", "entry 1"),
        ("u.json", '[{"role": "x"}]', "cannot be empty"),
        ("u.json", '[{"username": 7}]', "username must be text"),
        ("u.json", '[{"username": ["x"]}]', "username must be text"),
        ("u.json", '[{"username": "x", "metadata": 7}]', "must be a JSON object"),
        ("u.json", '[{"username": "x", "password": 12345678}]', "password must be text"),
        ("u.json", '[{"username": "x", "disabled": 7}]', "true or false"),
        ("u.json", '[{"username": "x", "username": "y"}]', "twice"),
        ("u.json", '[{"username": "x", "is_admin": true}]', "unknown column"),
        ("u.json", '[{"username": "\\ud800"}]', "U+D800"),
        ("u.toml", "users = 1", "list of users"),
        ("u.toml", "[[users]\n", "not TOML"),
        ("u.toml", f"[[users]]\nn = {'9' * 5_000}\n", "a number that is too long"),
        ("u.toml", f"users = {'[' * 100_000}", "too deeply"),
        ("u.toml", '[[users]]\nusername = "x"\nmetadata = {at = 2026-01-01}\n', "must be JSON"),
        ("u.toml", '[[users]]\nusername = "x"\nmetadata = {n = nan}\n', "must be JSON"),
        ("u.xml", "<users/>", "add --format"),
        ("u.xlsx", "PK", "use CSV UTF-8 (.csv) instead of a workbook"),
        ("u", "username\nx\n", "add --format"),
    ],
    ids=lambda value: str(value)[:40].encode("ascii", "backslashreplace").decode(),
)
def test_bad_files_are_one_line_and_change_nothing(
    cli: CommandLine, name: str, text: str | bytes, reason: str
) -> None:
    cli.add("alice")
    line = cli.refused("users", "import", write(cli, name, text))
    assert reason in line
    assert line.rstrip("\n").isprintable()


def test_a_file_that_is_too_large_is_refused(cli: CommandLine) -> None:
    file = write(cli, "u.csv", b"username,role\nx,y\n" * 4_000_000)
    assert "larger than 64 MB" in cli.refused("users", "import", file)


@pytest.mark.parametrize(
    ("path", "reason"), [("gone.csv", "No such file"), (".", "Is a directory")]
)
def test_files_that_cannot_be_read_are_refused(cli: CommandLine, path: str, reason: str) -> None:
    assert reason in cli.refused("users", "import", path)


@pytest.mark.parametrize("file_format", FORMATS)
def test_an_export_gives_the_same_users_elsewhere(
    cli: CommandLine, tmp_path: Path, file_format: str
) -> None:
    cli.add(
        "alice", GOOD_PASSWORD, "--display-name", '=1+1, "quoted" \\ \u2028x'.replace("\u2028", "")
    )
    cli.add("o-neil+x@example.org", GOOD_PASSWORD, "--metadata", '{"a": ["\\u007f\\"", null, 1.5]}')
    cli.add("山田", GOOD_PASSWORD, "--display-name", "😀 שלום")
    cli.ok("users", "disable", "山田")
    file = str(tmp_path / f"out.{file_format}")
    cli.ok("users", "export", file, "--with-hashes")
    other = CommandLine(tmp_path, f"sqlite:///{tmp_path}/other.sqlite3")
    assert imported(other, file) == (3, 0, 0)
    assert users(other) == users(cli)
    assert can_log_in(other, "alice")
    assert imported(cli, file) == (0, 0, 3)


def test_an_export_is_private_and_holds_hashes_only_when_asked(cli: CommandLine) -> None:
    cli.add("alice")
    file = cli.folder / "out.json"
    cli.ok("users", "export", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "argon2" not in file.read_text()
    assert "argon2" in cli.ok("users", "export", "-", "--format", "json", "--with-hashes")


def test_an_export_never_overwrites(cli: CommandLine) -> None:
    file = write(cli, "out.csv", "mine")
    assert "exists already" in cli.refused("users", "export", file)
    assert Path(file).read_text() == "mine"


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("out.xml", "add --format"),
        ("gone/out.csv", "No such file"),
        ("/proc/out.csv", "/proc/out.csv"),
    ],
)
def test_an_export_to_a_bad_place_is_refused(cli: CommandLine, file: str, reason: str) -> None:
    assert reason in cli.refused("users", "export", file)


def test_an_export_to_standard_output_is_csv(cli: CommandLine) -> None:
    cli.add("alice")
    rows = list(csv.DictReader(cli.ok("users", "export", "-").splitlines()))
    assert [row["username"] for row in rows] == ["alice"]


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=300), st.sampled_from(FORMATS))
def test_any_bytes_are_read_or_refused_but_never_a_crash(data: bytes, file_format: str) -> None:
    try:
        rows = read_rows(data, file_format)
    except AccountFileError as error:
        problems = error.problems
    else:
        problems = [row.place for row in rows]
    assert problems


@pytest.mark.postgresql
def test_an_import_works_on_postgresql(postgresql_url: str, tmp_path: Path) -> None:
    cli = CommandLine(tmp_path, postgresql_url)
    file = ready_users(cli, 2_000)
    assert imported(cli, file) == (2_000, 0, 0)
    assert imported(cli, file) == (0, 0, 2_000)
    assert "looks like the user" in cli.refused(
        "users", "import", write(cli, "u.csv", "username\nperson.l@example.org\n")
    )
