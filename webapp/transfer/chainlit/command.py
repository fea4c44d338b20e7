"""The command `chat-profiles import-chainlit`: chats of a Chainlit app become chats here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from flask.cli import with_appcontext

from webapp.accounts import directory
from webapp.accounts.audit import record
from webapp.accounts.commands.users import with_tables
from webapp.accounts.details import DetailsError, validate_metadata
from webapp.accounts.usernames import UsernameError, validate_username
from webapp.authoring.text import clean_text
from webapp.authoring.users.user import IDENTIFIER_LIMIT
from webapp.console import PlainCommand, count_noun, note, operator, print_table, printable, say
from webapp.database.engines import utc_now
from webapp.transfer.chainlit.source import Row, Source, open_source, read_json
from webapp.transfer.chainlit.storing import find_known, store_threads
from webapp.transfer.chainlit.threads import Left, ThreadReader, id_of

NAMES_SHOWN = 5


@click.command("import-chainlit", cls=PlainCommand, short_help="Take over the chats of Chainlit.")
@click.argument("database_url", envvar="CHAINLIT_DATABASE_URL")
@click.option(
    "--files",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A copy of the storage of its files: a folder, in which each has its object key as path.",
)
@click.option("--accounts", is_flag=True, help="Also add its users as accounts, without passwords.")
@click.option("--dry-run", is_flag=True, help="Read everything, and store nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@with_appcontext
@with_tables
def import_chainlit(
    database_url: str, files: Path | None, accounts: bool, dry_run: bool, as_json: bool
) -> None:
    """Take over the chats of a Chainlit app from its database.

    Threads become chats, with their steps, elements, feedback and the values of user_session. A
    thread is of the user whose identifier it has. All chats of a user are stored, or none. What is
    here already stays as it is, so you can run this again.

    The database is that of Chainlit's SQLAlchemy layer or of its official one. Nothing is written
    to it. Files are not fetched from anywhere: copy them to a folder, and name it with --files.
    Others on this machine can read a password in the address; CHAINLIT_DATABASE_URL hides it.

    \b
    Example:
      chat-profiles import-chainlit --dry-run postgresql://app:secret@localhost/chainlit
      chat-profiles import-chainlit sqlite:///chainlit.db --files ./storage
    """
    with open_source(database_url) as source:
        reader = ThreadReader(source, files, utc_now())
        report = [
            _import_user(source, reader, user, accounts=accounts, dry_run=dry_run)
            for user in source.users()
        ]
        ownerless = len(source.threads(None))
    if not dry_run and any(row["chats"] for row in report):
        totals = {name: sum(row[name] for row in report) for name in ("chats", "messages")}
        record("chainlit.imported", None, by=operator(), **totals)
    if as_json:
        found = {"dry_run": dry_run, "users": report, "without_user": ownerless}
        found["files_missing"] = reader.left.files
        click.echo(json.dumps(found, indent=2))
        return
    _print(report, ownerless, reader.left, dry_run=dry_run)


def _import_user(
    source: Source, reader: ThreadReader, user: Row, *, accounts: bool, dry_run: bool
) -> dict[str, Any]:
    identifier = clean_text(str(user["identifier"]))
    problem = ""
    if accounts:
        identifier, problem = _add_account(identifier, user, dry_run=dry_run)
    if not identifier or len(identifier) > IDENTIFIER_LIMIT:
        problem = "the identifier is empty or too long, so the chats stay there"
    row = {"user": identifier, "chats": 0, "messages": 0, "here_already": 0, "problem": problem}
    if problem:
        return row
    threads = source.threads(user)
    known = find_known([id_of(thread) for thread in threads])
    new = [
        reader.read(thread, stores=not dry_run) for thread in threads if id_of(thread) not in known
    ]
    if new and not dry_run:
        store_threads(new, f"user:{identifier}", utc_now())
    row["chats"], row["here_already"] = len(new), len(known)
    row["messages"] = sum(len(thread.chat.messages) for thread in new)
    return row


def _add_account(identifier: str, user: Row, *, dry_run: bool) -> tuple[str, str]:
    """Return the name of a user's account, which is added if it is not there, or the problem."""
    metadata = read_json(user.get("metadata"))
    try:
        name = validate_username(identifier)
        details = validate_metadata(metadata if isinstance(metadata, dict) else {})
        if not dry_run and directory.find(name) is None:
            directory.add(name, None, details=details)
    except (UsernameError, DetailsError, directory.AccountError) as error:
        return identifier, f"no account could be added, so the chats stay there: {error}"
    return name, ""


def _print(report: list[dict[str, Any]], ownerless: int, left: Left, *, dry_run: bool) -> None:
    if not report:
        say("There are no users in this database, so there is nothing to take over.")
        return
    head = ("USER", "WOULD BE NEW" if dry_run else "NEW CHATS", "MESSAGES", "HERE ALREADY", "")
    print_table(
        head,
        [
            (
                printable(row["user"]),
                f"{row['chats']:,}",
                f"{row['messages']:,}",
                f"{row['here_already']:,}",
                row["problem"],
            )
            for row in report
        ],
    )
    if ownerless:
        threads = count_noun(ownerless, "thread")
        note(f"{threads} of nobody stayed there: a chat belongs to a user.")
    if left.files:
        names = ", ".join(printable(name) for name in left.files[:NAMES_SHOWN])
        more = " and others" if len(left.files) > NAMES_SHOWN else ""
        note(
            f"{count_noun(len(left.files), 'file')} could not be taken over ({names}{more}). Copy "
            "the storage of the app to a folder, and name it with --files."
        )
    if left.elements:
        note(f"{count_noun(left.elements, 'element')} of a kind that cannot be taken over.")
    if left.cut:
        note(f"{count_noun(left.cut, 'message')} had more than 1,000,000 characters and were cut.")
