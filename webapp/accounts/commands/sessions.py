"""`chat-profiles sessions`: who is logged in where, and ending that."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import click
from sqlalchemy import ColumnElement, delete, select, true

from webapp.accounts.audit import audited_transaction
from webapp.accounts.commands.users import AccountsGroup
from webapp.accounts.models import LoginSession
from webapp.accounts.usernames import canonical
from webapp.authoring.text import clean_text
from webapp.console import BadInputError, count_noun, iso, note, operator, print_table, say
from webapp.database.engines import db, utc_now
from webapp.site import settings

SEE_LIST = "see `chat-profiles sessions list`"


@click.group(cls=AccountsGroup, short_help="List and end login sessions.")
def sessions() -> None:
    """List and end login sessions.

    \b
    Example:
      chat-profiles sessions list
      chat-profiles sessions revoke --user alice
    """


@sessions.command("list", short_help="List who is logged in.")
@click.option("--user", metavar="USERNAME", help="Only this user's.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_sessions(user: str | None, as_json: bool) -> None:
    """List the sessions that are alive, the one used last first.

    \b
    Example:
      chat-profiles sessions list
      chat-profiles sessions list --user alice --json
    """
    found = _alive(true() if user is None else _of_user(user))
    if as_json:
        click.echo(json.dumps([_as_json(each) for each in found], indent=2))
    elif found:
        rows = [
            (
                s.id,
                s.identifier or "(visitor)",
                iso(s.created_at),
                iso(s.seen_at),
                s.ip,
                s.user_agent,
            )
            for s in found
        ]
        print_table(("ID", "USER", "CREATED", "LAST SEEN", "IP", "BROWSER"), rows)
    else:
        note("Nobody is logged in." if user is None else f"{user!r} is not logged in.")


@sessions.command(short_help="End login sessions.")
@click.argument("session_id", metavar="[ID]", required=False)
@click.option("--user", metavar="USERNAME", help="End all sessions of this user.")
@click.option("--all", "everybody", is_flag=True, help="End the sessions of everybody.")
def revoke(session_id: str | None, user: str | None, everybody: bool) -> None:
    """End login sessions: they count for nothing from the next request on.

    \b
    Example:
      chat-profiles sessions revoke 0b2d6c52-9f0e-4f5e-8a52-3f6b0c1d2e3f
      chat-profiles sessions revoke --user alice
      chat-profiles sessions revoke --all
    """
    if (session_id is not None) + (user is not None) + everybody != 1:
        raise BadInputError("say which sessions to end: one ID, --user USERNAME, or --all")
    if session_id is not None:
        which = LoginSession.id == _id(session_id)
    else:
        which = true() if user is None else _of_user(user)
    ended = _end(which, user, session_id)
    say(f"Ended {count_noun(ended, 'login session')}.")


def _end(which: ColumnElement[bool], user: str | None, session_id: str | None) -> int:
    gone = delete(LoginSession).where(which).returning(LoginSession.identifier)
    with audited_transaction() as transaction:
        users = transaction.session.scalars(gone).all()
        if session_id is not None and not users:
            raise BadInputError(f"there is no session {session_id!r}; {SEE_LIST}")
        # As they are called here, which may not be as the name was typed.
        whose = users[0] if len(set(users)) == 1 else user
        transaction.record(
            "sessions.revoked", whose, session=session_id, sessions=len(users), by=operator()
        )
    return len(users)


def _alive(which: ColumnElement[bool]) -> list[LoginSession]:
    now = utc_now()
    return list(
        db.session.scalars(
            select(LoginSession)
            .where(
                which,
                LoginSession.seen_at > now - timedelta(hours=settings().session_idle_hours),
                LoginSession.created_at > now - timedelta(hours=settings().session_hours),
            )
            .order_by(LoginSession.seen_at.desc(), LoginSession.id)
        )
    )


def _of_user(user: str) -> ColumnElement[bool]:
    # Seeded users are stored under their canonical name, those of an app's own callback as it says.
    name = clean_text(user)
    return LoginSession.identifier.in_({name, canonical(name)})


def _id(text: str) -> uuid.UUID:
    try:
        # uuid takes digits of any script.
        return uuid.UUID(text if text.isascii() else "")
    except ValueError as error:
        raise BadInputError(f"{text!r} is not the ID of a session; {SEE_LIST}") from error


def _as_json(session: LoginSession) -> dict[str, Any]:
    return {
        "id": str(session.id),
        "user": session.identifier,
        "created_at": iso(session.created_at),
        "seen_at": iso(session.seen_at),
        "ip": session.ip,
        "user_agent": session.user_agent,
    }
