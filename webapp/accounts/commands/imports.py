"""`chat-profiles users import` and `export`."""

from __future__ import annotations

import functools
import os
import sys
from contextlib import suppress
from pathlib import Path

import click

from webapp.accounts import directory
from webapp.accounts.commands.user_lists import users
from webapp.accounts.importing.files import (
    FORMATS,
    MAX_FILE_BYTES,
    AccountFileError,
    format_accounts,
    guess_format,
    read_rows,
)
from webapp.accounts.importing.rows import ImportedAccount, validate_rows
from webapp.accounts.importing.storing import Counts, hash_passwords, seconds_to_hash, store
from webapp.console import (
    BadInputError,
    count_noun,
    note,
    operator,
    say,
    show_progress,
    write_output,
)
from webapp.web.log import log_event

__all__ = ["users"]

STDIO = "-"
MAX_PROBLEMS = 20
WORTH_A_WORD_SECONDS = 3
FORMAT_OPTION = click.option(
    "--format", "file_format", type=click.Choice(FORMATS), help="When the file name does not tell."
)


@users.command("import", short_help="Add and change the users of a file.")
@click.argument("file")
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@FORMAT_OPTION
def import_users(file: str, dry_run: bool, file_format: str | None) -> None:
    """Add and change the users of FILE (- for standard input), all of them or none.

    Columns: username, display_name, role, metadata (JSON), password or password_hash, disabled.
    Only username is needed; an empty cell leaves a part as it is. Users who are not in the file
    stay. Importing the same file again changes nothing. A CSV file may be separated by commas,
    semicolons or tabs, and its first line names the columns.

    Hashing takes a moment for every password: for thousands of users, give ready argon2id hashes
    in the column password_hash, which takes seconds.

    \b
    Example:
      chat-profiles users import users.csv --dry-run
      chat-profiles users import users.csv
      chat-profiles users import - --format json < users.json
    """
    try:
        rows = read_rows(_content(file), _format(file, file_format))
        wanted = validate_rows(rows, show_progress)
        _say_how_long(wanted, dry_run=dry_run)
        counts = store(hash_passwords(wanted, show_progress, dry_run=dry_run), dry_run=dry_run)
    except AccountFileError as error:
        raise _listed(file, error.problems) from error
    _say_what_changed(counts, dry_run=dry_run)


@users.command("export", short_help="Write all users to a file.")
@click.argument("file")
@click.option("--with-hashes", is_flag=True, help="Add the password hashes: keep the file safe.")
@FORMAT_OPTION
def export_users(file: str, with_hashes: bool, file_format: str | None) -> None:
    """Write all users to FILE (- for standard output), to be imported elsewhere.

    Without hashes, users who are imported into another database need new passwords.

    \b
    Example:
      chat-profiles users export users.csv
      chat-profiles users export users.json --with-hashes
      chat-profiles users export - --format toml
    """
    accounts = directory.all_accounts()
    wanted_format = file_format or ("csv" if file == STDIO else _format(file, None))
    text = format_accounts(accounts, wanted_format, with_hashes=with_hashes)
    log = functools.partial(
        log_event, "users.exported", count=len(accounts), hashes=with_hashes, by=operator()
    )
    if file == STDIO:
        log()  # first: whoever reads it may take a part and close the pipe
        write_output([text.encode()])
    else:
        _write_private(Path(file), text)
        log()
        say(f"Wrote {count_noun(len(accounts), 'user')} to {file}.")


def _content(file: str) -> bytes:
    if file == STDIO:
        return sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
    with Path(file).open("rb") as opened:
        return opened.read(MAX_FILE_BYTES + 1)


def _format(file: str, chosen: str | None) -> str:
    found = chosen or guess_format(file)
    if found is None:
        raise BadInputError(f"the format of {file!r} is not known; add --format csv, json or toml")
    return found


def _say_how_long(wanted: list[ImportedAccount], *, dry_run: bool) -> None:
    seconds = seconds_to_hash(wanted)
    if seconds < WORTH_A_WORD_SECONDS:
        return
    count = count_noun(sum(1 for each in wanted if each.password is not None), "password")
    most = "at most " if dry_run else ""
    note(
        f"Hashing {count} takes {most}about {_duration(seconds)} here; a column "
        "password_hash with ready argon2id hashes takes seconds."
    )


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def _say_what_changed(counts: Counts, *, dry_run: bool) -> None:
    text = f"{counts.added:,} added, {counts.changed:,} changed, {counts.unchanged:,} unchanged."
    say(f"Dry run, nothing was stored: {text}" if dry_run else text)
    if counts.without_password:
        have = "has" if counts.without_password == 1 else "have"
        note(
            f"{counts.without_password:,} of the added users {have} no password yet, and cannot "
            "log in until `chat-profiles users set-password` gives one."
        )


def _listed(file: str, problems: list[str]) -> click.ClickException:
    if len(problems) == 1:
        return BadInputError(f"{file}: {problems[0]}; nothing was changed")
    more = len(problems) - MAX_PROBLEMS
    return BadInputError(
        f"{file}: {len(problems):,} problems; nothing was changed",
        *(f"  {problem}" for problem in problems[:MAX_PROBLEMS]),
        *([f"  and {more:,} more"] if more > 0 else []),
    )


def _write_private(path: Path, text: str) -> None:
    # O_EXCL: a file that is there already may be somebody's, with other people's rights on it.
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise BadInputError(f"{path} exists already; choose another name") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
    except OSError:
        with suppress(OSError):
            path.unlink()
        raise
