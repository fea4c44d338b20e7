"""`chat-profiles db` and `secret`: each command's good and bad input."""

from __future__ import annotations

import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli_support import GOOD_PASSWORD, CommandLine
from tests.support.terminal import Terminal
from webapp.accounts import seeded_accounts as seeded

# A schema of a newer version, with which no program of an older one works.
NEWER = """
    UPDATE alembic_version SET version_num = '9999';
    UPDATE schema_compatibility SET oldest_program = '9999';
"""


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path, f"sqlite:///{tmp_path}/instance/chat.sqlite3")


def change(cli: CommandLine, sql: str) -> None:
    with closing(sqlite3.connect(cli.file)) as connection, connection:
        connection.executescript(sql)


def make_old(cli: CommandLine) -> None:
    """Make the schema look like one from before migrations were counted."""
    cli.ok("db", "upgrade")
    change(cli, "DROP TABLE alembic_version; DROP TABLE accounts")


def test_upgrade_makes_a_private_database(cli: CommandLine) -> None:
    assert cli.ok("db", "upgrade") == "Made the tables.\n"
    assert cli.ok("db", "upgrade") == "The schema was up to date already.\n"
    assert stat.S_IMODE(cli.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(cli.file.parent.stat().st_mode) == 0o700


def test_a_database_that_cannot_be_a_file_names_the_setting(tmp_path: Path) -> None:
    refused = CommandLine(tmp_path, f"sqlite:///{tmp_path}")("db", "upgrade")
    assert refused.exit_code == 2
    assert refused.output == f"Error: {tmp_path}: Is a directory; check WEBAPP_DATABASE_URL\n"
    (tmp_path / "file").write_text("")
    refused = CommandLine(tmp_path, f"sqlite:///{tmp_path}/file/chat.sqlite3")("db", "upgrade")
    assert refused.exit_code == 2
    assert "check WEBAPP_DATABASE_URL" in refused.output


def test_upgrade_refuses_a_newer_schema(cli: CommandLine) -> None:
    cli.ok("db", "upgrade")
    change(cli, NEWER)
    assert "newer version" in cli.refused("db", "upgrade")
    assert "newer version" in cli.refused("users", "list")


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM alembic_version",
        "DROP TABLE alembic_version",
        # another program's
        "DROP TABLE alembic_version; DROP TABLE messages; DROP TABLE chats",
    ],
)
def test_upgrade_refuses_tables_of_unknown_origin(cli: CommandLine, sql: str) -> None:
    cli.ok("db", "upgrade")
    change(cli, sql)
    line = cli.refused("db", "upgrade")
    assert "another program made them, or the mark was lost" in line
    assert "restore a backup, or name another database" in line


def test_other_commands_refuse_an_old_schema(cli: CommandLine) -> None:
    make_old(cli)
    assert "db upgrade" in cli.refused("users", "list")
    assert "db upgrade" in cli.refused("sessions", "list")


def test_check_is_content_with_a_fresh_database(cli: CommandLine) -> None:
    cli.ok("db", "upgrade")
    result = cli("db", "check")
    assert (result.exit_code, result.stderr) == (0, f"Database: {cli.file}\n")
    assert "in order" in result.stdout


def test_check_makes_no_database(cli: CommandLine) -> None:
    result = cli("db", "check")
    assert result.exit_code == 1
    assert "there is no database" in result.stderr
    assert not cli.file.exists()


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        (NEWER, "newer version"),
        ("DELETE FROM alembic_version", "but not the mark of the chat-profiles version"),
        (
            "PRAGMA foreign_keys = OFF; INSERT INTO messages "
            "(id, chat_id, sequence, kind, content, status, created_at) "
            "VALUES ('a', 'gone', 1, 'user', 'x', 'complete', '2026-01-01')",
            "1 row with missing parents (in messages)",
        ),
    ],
)
def test_check_names_problems(cli: CommandLine, sql: str, problem: str) -> None:
    cli.ok("db", "upgrade")
    change(cli, sql)
    result = cli("db", "check")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Problem: ")
    assert problem in result.stderr


def test_check_names_a_damaged_file(cli: CommandLine) -> None:
    cli.ok("db", "upgrade")
    cli.file.write_bytes(b"this is no database" * 1_000)
    result = cli("db", "check")
    assert result.exit_code == 1
    assert "damaged" in result.stderr
    assert "damaged" in cli("users", "list").stderr


def test_check_warns_of_files_that_others_can_read(cli: CommandLine) -> None:
    cli.ok("db", "upgrade")
    cli.file.chmod(0o644)
    result = cli("db", "check")
    assert result.exit_code == 0
    assert "chmod 600" in result.stderr


def test_backup_is_private_whole_and_works(cli: CommandLine, tmp_path: Path) -> None:
    cli.add("alice")
    target = tmp_path / "copy.sqlite3"
    told = cli("db", "backup", str(target)).output
    assert "copy the folder" in told
    assert "instance/files, for example with rsync -a" in told
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob("copy*")] == ["copy.sqlite3"]
    copy = CommandLine(tmp_path, f"sqlite:///{target}")
    assert "in order" in copy.ok("db", "check")
    with copy.app():
        assert seeded.check_password("alice", GOOD_PASSWORD)


def test_backup_works_while_somebody_writes(cli: CommandLine, tmp_path: Path) -> None:
    cli.ok("db", "upgrade")
    stop, written = threading.Event(), 0

    def write() -> None:
        nonlocal written
        with closing(sqlite3.connect(cli.file, timeout=10)) as connection:
            while not stop.is_set():
                with connection:
                    connection.execute(
                        "INSERT INTO login_attempts "
                        "(username_key, ip_key, succeeded, decided, stranger, at) "
                        "VALUES ('a', 'b', 0, 1, 1, '2026-01-01')"
                    )
                written += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            cli.ok("db", "backup", str(tmp_path / f"copy{number}"))
    finally:
        stop.set()
        writer.join()
    counts = []
    for number in range(5):
        copy = CommandLine(tmp_path, f"sqlite:///{tmp_path}/copy{number}")
        assert "in order" in copy.ok("db", "check")
        counts.append(copy.rows("SELECT count(*) FROM login_attempts")[0][0])
    assert counts == sorted(counts)
    assert written >= counts[-1] > 0


def test_backup_never_overwrites(cli: CommandLine, tmp_path: Path) -> None:
    cli.ok("db", "upgrade")
    (tmp_path / "mine").write_text("mine")
    assert "exists already" in cli.refused("db", "backup", str(tmp_path / "mine"))
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("/gone/copy", "Error: /gone: No such file"),
        ("/proc/copy", "Error: /proc: "),
        ("/gone\udcff\x1b/copy", "Error: /gone\\udcff\\x1b: No such file"),
    ],
)
def test_backup_to_a_bad_place_names_the_folder(cli: CommandLine, target: str, reason: str) -> None:
    cli.ok("db", "upgrade")
    line = cli.refused("db", "backup", target)
    assert line.startswith(reason)
    assert ".part" not in line


def test_backup_to_standard_output_is_whole(cli: CommandLine, tmp_path: Path) -> None:
    cli.add("alice")
    assert cli.shell("chat db backup - | cat > copy.sqlite3") == (0, "", "")
    copy = CommandLine(tmp_path, f"sqlite:///{tmp_path}/copy.sqlite3")
    assert "alice" in copy.ok("users", "list")
    assert not (tmp_path / "-").exists()


def test_backup_to_a_terminal_is_refused(cli: CommandLine) -> None:
    cli.ok("db", "upgrade")
    with Terminal.running(cli, "db", "backup", "-") as terminal:
        assert terminal.end() == 2
    assert terminal.shown == (
        "Error: a database is not for a terminal; add > FILE, or name a file\n"
    )


def test_backup_without_a_database_is_refused(cli: CommandLine, tmp_path: Path) -> None:
    assert "there is no database" in cli.refused("db", "backup", str(tmp_path / "copy"))
    assert not (tmp_path / "copy").exists()


def test_backup_of_something_else_leaves_nothing_behind(cli: CommandLine, tmp_path: Path) -> None:
    cli.ok("db", "upgrade")
    cli.file.write_bytes(b"this is no database" * 1_000)
    assert cli("db", "backup", str(tmp_path / "copy")).exit_code == 2
    assert list(tmp_path.glob("copy*")) == []


def test_backup_of_postgresql_names_its_own_tool(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path, "postgresql://bob:canary@db.example/chat")
    line = cli.refused("db", "backup", "my copy")
    assert "pg_dump --format=custom --host=db.example --username=bob '--file=my copy' chat" in line
    assert "canary" not in line
    assert "--file" not in cli.refused("db", "backup", "-")


def test_backup_says_how_to_keep_files_of_object_storage(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.add("alice")
    monkeypatch.setenv("WEBAPP_FILES_URL", "s3://bucket/chats")
    told = cli("db", "backup", str(tmp_path / "copy.sqlite3")).output
    assert "keep a copy of s3://bucket/chats with the tools of your storage" in told


def test_a_locked_database_is_one_line(cli: CommandLine) -> None:
    cli.add("alice")
    with closing(sqlite3.connect(cli.file)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "busy" in cli.refused("users", "disable", "alice")
    cli.ok("users", "disable", "alice")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("nonsense", "not a database URL"),
        ("mysql://x/y", "sqlite:// or postgresql://"),
        ("sqlite:////proc/nowhere/chat.sqlite3", "/proc/nowhere"),
        ("postgresql://bob:canary@127.0.0.1:1/chat", "does not answer"),
    ],
)
@pytest.mark.parametrize("command", [("users", "list"), ("db", "upgrade")])
def test_a_database_that_cannot_be_reached_is_one_line(
    tmp_path: Path, url: str, reason: str, command: tuple[str, ...]
) -> None:
    line = CommandLine(tmp_path, url).refused(*command)
    assert reason in line
    assert "canary" not in line


def test_a_real_process_shows_no_traceback(cli: CommandLine) -> None:
    cli.ok("db", "upgrade")
    cli.file.write_bytes(b"this is no database" * 1_000)
    code, out, err = cli.process("users", "list")
    assert (code, out) == (2, "")
    assert err.startswith("Error: the database file is damaged")
    assert err.count("\n") == 1


@pytest.mark.postgresql
def test_the_commands_work_on_postgresql(postgresql_url: str, tmp_path: Path) -> None:
    cli = CommandLine(tmp_path, postgresql_url)
    assert cli.ok("db", "upgrade") == "The schema was up to date already.\n"
    assert "in order" in cli.ok("db", "check")


def test_secret_prints_a_fresh_key_and_needs_nothing(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path, "nonsense")
    keys = {cli.ok("secret").strip() for _ in range(3)}
    assert len(keys) == 3
    assert all(len(bytes.fromhex(key)) == 32 for key in keys)
    assert "unexpected extra argument" in cli.refused("secret", "x")


def test_the_command_knows_its_version(tmp_path: Path) -> None:
    assert CommandLine(tmp_path, "nonsense").ok("--version").startswith("chat-profiles ")


@pytest.mark.parametrize("arguments", [["nonsense"], ["--nonsense"], ["db", "x"], ["run"]])
def test_a_mistyped_command_is_one_line(tmp_path: Path, arguments: list[str]) -> None:
    assert "--help" in CommandLine(tmp_path, "nonsense").refused(*arguments)


READING = [
    ("users", "list"),
    ("users", "show", "bob"),
    ("users", "export", "users.csv"),
    ("users", "import", "users.csv", "--dry-run"),
    ("sessions", "list"),
    ("feedback", "export"),
    ("report",),
    ("audit",),
    ("purge", "--dry-run"),
    ("purge",),
    ("users", "disable", "bob"),
]


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_a_command_in_the_wrong_folder_makes_no_database(
    cli: CommandLine, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.folder.joinpath("users.csv").write_text("username\nbob\n")
    monkeypatch.chdir(cli.folder)
    result = cli(*command)
    assert result.exit_code == 2
    assert str(cli.file) in result.stderr
    assert "WEBAPP_DATABASE_URL" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not cli.file.exists()


def test_a_command_says_which_database_it_has_used(cli: CommandLine) -> None:
    cli.add("bob")
    for command in (("users", "list"), ("sessions", "list"), ("db", "check"), ("purge",)):
        result = cli(*command)
        assert result.stderr.splitlines()[-1] == f"Database: {cli.file}", command


@pytest.mark.postgresql
def test_the_database_is_named_without_its_password(postgresql_url: str, tmp_path: Path) -> None:
    result = CommandLine(tmp_path, postgresql_url)("users", "list")
    assert "Database: postgresql" in result.stderr
    assert "secret-in-the-dsn" not in result.stderr


def test_restore_puts_a_backup_in_place_and_keeps_what_was_there(cli: CommandLine) -> None:
    cli.add("before")
    backup = cli.folder / "backup.sqlite3"
    cli.ok("db", "backup", str(backup))
    cli.add("after")
    result = cli("db", "restore", str(backup))
    assert result.exit_code == 0, result.output
    assert "before" in cli.ok("users", "list")
    assert "after" not in cli.ok("users", "list")
    assert stat.S_IMODE(cli.file.stat().st_mode) == 0o600
    [kept] = cli.file.parent.glob("*before-restore*.sqlite3")
    assert "after" in CommandLine(cli.folder, f"sqlite:///{kept}").ok("users", "list")
    assert str(kept) in result.stderr
    assert sorted(cli.file.parent.glob("restore-*")) == []


def test_restore_works_where_no_database_is_and_from_standard_input(cli: CommandLine) -> None:
    cli.add("bob")
    cli.ok("db", "backup", str(cli.folder / "b.sqlite3"))
    content = (cli.folder / "b.sqlite3").read_bytes()
    for file in cli.file.parent.glob("chat.sqlite3*"):
        file.unlink()
    cli.ok("db", "restore", "-", stdin=content)
    assert "bob" in cli.ok("users", "list")


@pytest.mark.parametrize("content", [b"", b"no database", None])
def test_restore_refuses_what_is_no_backup_and_changes_nothing(
    cli: CommandLine, content: bytes | None
) -> None:
    cli.add("bob")
    file = cli.folder / "bad.sqlite3"
    if content is not None:
        file.write_bytes(content)
    cli.refused("db", "restore", str(file))
    assert "bob" in cli.ok("users", "list")
    assert not list(cli.file.parent.glob("*before-restore*"))


def test_restore_of_an_old_backup_says_what_to_run(cli: CommandLine) -> None:
    cli.ok("db", "upgrade")
    change(cli, "UPDATE alembic_version SET version_num = '0004'")
    backup = cli.folder / "old.sqlite3"
    cli.ok("db", "backup", str(backup))
    assert "db upgrade" in cli("db", "restore", str(backup)).stderr


def test_restore_of_postgresql_names_its_own_tool(tmp_path: Path) -> None:
    line = CommandLine(tmp_path, "postgresql://u:secret@h:1/d").refused("db", "restore", "x.dump")
    assert "pg_restore --clean --if-exists --host=h --port=1 --username=u --dbname=d x.dump" in line
    assert "secret" not in line
