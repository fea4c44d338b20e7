"""`chat-profiles sessions`: listing and ending login sessions."""

from __future__ import annotations

import json
from datetime import timedelta

import click
from sqlalchemy import delete, select

from webapp.accounts.audit import audited_transaction
from webapp.accounts.commands.row_choice import match_row_or_user, match_user
from webapp.accounts.commands.users import AccountsGroup
from webapp.accounts.models import LoginSession
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


@sessions.command("list", short_help="List who is signed in.")
@click.option("--user", metavar="USERNAME", help="Only this user's.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_sessions(user: str | None, as_json: bool) -> None:
    """List the sessions that have not ended, the most recently used first.

    \b
    Example:
      chat-profiles sessions list
      chat-profiles sessions list --user alice --json
    """
    now = utc_now()
    found = db.session.scalars(
        select(LoginSession)
        .where(
            match_user(LoginSession, user),
            LoginSession.seen_at > now - timedelta(hours=settings().session_idle_hours),
            LoginSession.created_at > now - timedelta(hours=settings().session_hours),
        )
        .order_by(LoginSession.seen_at.desc(), LoginSession.id)
    ).all()
    if as_json:
        array = [
            {
                "id": str(s.id),
                "user": s.identifier,
                "created_at": iso(s.created_at),
                "seen_at": iso(s.seen_at),
                "ip": s.ip,
                "user_agent": s.user_agent,
            }
            for s in found
        ]
        click.echo(json.dumps(array, indent=2))
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
        note("Nobody is signed in." if user is None else f"{user!r} is not signed in.")


@sessions.command(short_help="End login sessions.")
@click.argument("session_id", metavar="[ID]", required=False)
@click.option("--user", metavar="USERNAME", help="End all sessions of this user.")
@click.option("--all", "everybody", is_flag=True, help="End all sessions.")
def revoke(session_id: str | None, user: str | None, everybody: bool) -> None:
    """End login sessions. They are not valid from the next request on.

    \b
    Example:
      chat-profiles sessions revoke 0b2d6c52-9f0e-4f5e-8a52-3f6b0c1d2e3f
      chat-profiles sessions revoke --user alice
      chat-profiles sessions revoke --all
    """
    if (session_id is not None) + (user is not None) + everybody != 1:
        raise BadInputError("say which sessions to end: one ID, --user USERNAME, or --all")
    which = match_row_or_user(LoginSession, session_id, user, noun="session")
    ended = delete(LoginSession).where(which).returning(LoginSession.identifier)
    with audited_transaction() as transaction:
        users = transaction.session.scalars(ended).all()
        if session_id is not None and not users:
            raise BadInputError(f"there is no session {session_id!r}; {SEE_LIST}")
        # The audit trail has the stored name, which may differ from the typed one.
        identifier = users[0] if len(set(users)) == 1 else user
        transaction.record(
            "sessions.revoked", identifier, session=session_id, sessions=len(users), by=operator()
        )
    say(f"Ended {count_noun(len(users), 'login session')}.")
