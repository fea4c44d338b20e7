"""`chat-profiles tokens`: the tokens with which programs use the API."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta

import click
from sqlalchemy import select, update

from webapp.accounts.audit import audited_transaction
from webapp.accounts.commands.row_choice import match_row_or_user, match_user
from webapp.accounts.commands.users import AccountsGroup
from webapp.accounts.models import ApiToken
from webapp.api.tokens import describe_profiles, find_identifier, new_token
from webapp.authoring.profiles.profile import NAME_LIMIT
from webapp.authoring.text import clean_text, is_visible
from webapp.console import (
    BadInputError,
    WholeNumber,
    count_noun,
    iso,
    note,
    operator,
    print_table,
    say,
)
from webapp.database.engines import db, utc_now
from webapp.site import settings

TOKEN_NAME_LIMIT = 100
MOST_PROFILES = 100
SEE_LIST = "see `chat-profiles tokens list`"


@click.group(cls=AccountsGroup, short_help="Add, list and revoke the tokens of the API.")
def tokens() -> None:
    """Add, list and revoke the tokens with which programs use the API.

    \b
    Example:
      chat-profiles tokens add alice --name laptop --profile GPT-4 --days 90
      chat-profiles tokens list
      chat-profiles tokens revoke --user alice
    """


@tokens.command(short_help="Add a token, and print it once.")
@click.argument("username")
@click.option("--name", default="", help="What the token is for, such as laptop.")
@click.option(
    "--profile",
    "profiles",
    multiple=True,
    metavar="NAME",
    help="A profile it may be used for; give it again for more. Without it: all of the user's.",
)
@click.option("--days", type=WholeNumber(1, 3650), help="After how many days it expires.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def add(
    username: str, name: str, profiles: tuple[str, ...], days: int | None, as_json: bool
) -> None:
    """Add a token for a user, and print it. It is not stored, so nobody can print it again.

    The user has an account, or has signed in before.

    \b
    Example:
      chat-profiles tokens add alice --name laptop
      chat-profiles tokens add alice --profile GPT-4 --days 90
    """
    name = clean_text(name).strip()
    if len(name) > TOKEN_NAME_LIMIT:
        raise BadInputError(f"the name of a token has at most {TOKEN_NAME_LIMIT} characters")
    names = sorted({clean_text(profile) for profile in profiles})
    if any(not is_visible(each) or len(each) > NAME_LIMIT for each in names):
        raise BadInputError(f"the name of a profile has 1 to {NAME_LIMIT} characters")
    if len(names) > MOST_PROFILES:
        raise BadInputError(f"a token may be for {MOST_PROFILES} profiles at most")
    identifier = find_identifier(username)
    if identifier is None:
        raise BadInputError(
            f"there is no user {username[:80]!r}; see `chat-profiles users list`. A user without "
            "an account has to sign in once before"
        )
    (token, token_hash), row_id = new_token(), uuid.uuid4()
    row = ApiToken(
        id=row_id,
        identifier=identifier,
        name=name,
        token_hash=token_hash,
        profiles=names or None,
        expires_at=None if days is None else utc_now() + timedelta(days=days),
    )
    with audited_transaction() as transaction:
        transaction.session.add(row)
        transaction.record(
            "token.added",
            identifier,
            token=str(row_id),
            label=name,
            profiles=describe_profiles(row.profiles),
            days=days,
            by=operator(),
        )
        transaction.session.flush()
        described = {**_as_json(row), "token": token}
    if as_json:
        click.echo(json.dumps(described, indent=2))
    else:
        click.echo(token)
    note(f"Added the token {row_id} of {identifier} for {describe_profiles(names or None)}.")
    note("Keep it now: it is not stored, and cannot be shown again.")
    if not settings().api:
        note("The API is off here. The site needs WEBAPP_API=on.")


@tokens.command("list", short_help="List the tokens.")
@click.option("--user", metavar="USERNAME", help="Only this user's.")
@click.option("--all", "everything", is_flag=True, help="Revoked and expired ones too.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_tokens(user: str | None, everything: bool, as_json: bool) -> None:
    """List the tokens that can be used, the newest first. The tokens themselves are not shown.

    \b
    Example:
      chat-profiles tokens list
      chat-profiles tokens list --user alice --json
    """
    found = [
        token
        for token in db.session.scalars(
            select(ApiToken)
            .where(match_user(ApiToken, user))
            .order_by(ApiToken.created_at.desc(), ApiToken.id)
        )
        if everything or _state(token) == "valid"
    ]
    if as_json:
        click.echo(json.dumps([_as_json(token) for token in found], indent=2))
    elif found:
        rows = [
            (
                token.id,
                token.identifier,
                token.name,
                describe_profiles(token.profiles),
                iso(token.created_at),
                iso(token.last_used_at) if token.last_used_at else "never",
                iso(token.expires_at) if token.expires_at else "never",
                _state(token),
            )
            for token in found
        ]
        head = ("ID", "USER", "NAME", "PROFILES", "CREATED", "LAST USED", "EXPIRES", "STATE")
        print_table(head, rows)
    else:
        note("There are no tokens." if user is None else f"{user!r} has no tokens.")


@tokens.command(short_help="Revoke tokens.")
@click.argument("token_id", metavar="[ID]", required=False)
@click.option("--user", metavar="USERNAME", help="Revoke all tokens of this user.")
@click.option("--all", "everybody", is_flag=True, help="Revoke all tokens.")
def revoke(token_id: str | None, user: str | None, everybody: bool) -> None:
    """Revoke tokens. They are not valid from the next request on.

    \b
    Example:
      chat-profiles tokens revoke 0b2d6c52-9f0e-4f5e-8a52-3f6b0c1d2e3f
      chat-profiles tokens revoke --user alice
      chat-profiles tokens revoke --all
    """
    if (token_id is not None) + (user is not None) + everybody != 1:
        raise BadInputError("say which tokens to revoke: one ID, --user USERNAME, or --all")
    which = match_row_or_user(ApiToken, token_id, user, noun="token")
    revoked = (
        update(ApiToken)
        .where(which, ApiToken.revoked_at.is_(None))
        .values(revoked_at=utc_now())
        .returning(ApiToken.identifier)
    )
    with audited_transaction() as transaction:
        owners = transaction.session.scalars(revoked).all()
        if token_id is not None and not owners:
            raise BadInputError(f"there is no valid token {token_id!r}; {SEE_LIST}")
        identifier = owners[0] if len(set(owners)) == 1 else user
        transaction.record(
            "tokens.revoked", identifier, token=token_id, tokens=len(owners), by=operator()
        )
    say(f"Revoked {count_noun(len(owners), 'token')}.")


def _as_json(token: ApiToken) -> dict[str, object]:
    return {
        "id": str(token.id),
        "user": token.identifier,
        "name": token.name,
        "profiles": token.profiles,
        "created_at": iso(token.created_at),
        "last_used_at": iso(token.last_used_at) if token.last_used_at else None,
        "expires_at": iso(token.expires_at) if token.expires_at else None,
        "revoked_at": iso(token.revoked_at) if token.revoked_at else None,
        "state": _state(token),
    }


def _state(token: ApiToken) -> str:
    if token.revoked_at is not None:
        return "revoked"
    is_over = token.expires_at is not None and token.expires_at <= utc_now()
    return "expired" if is_over else "valid"
