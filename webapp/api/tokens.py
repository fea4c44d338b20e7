"""Tokens of the API: for which user a program asks, and with which profiles.

The rights are those that the user has at this moment. They come from the account, if the user has
one. Of a user whom the app's own callback lets in, the site knows no more than that callback said
at the last sign-in. So the token of such a user works as long as one of their sessions does.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, or_, select, update

from webapp.accounts.audit import LOGIN_OK, record
from webapp.accounts.login import USER_KEY, persisted_user
from webapp.accounts.models import Account, ApiToken, AuditEntry, LoginSession
from webapp.accounts.seeded_accounts import name_to_find
from webapp.authoring.errors import AuthoringError
from webapp.authoring.text import clean_text
from webapp.authoring.users.user import User
from webapp.database.engines import read_connection, utc_now, write_transaction
from webapp.site import settings

TOKEN_BYTES = 32
# Programs that look for lost secrets find it by its beginning.
PREFIX = "cp_"
_TOKEN = re.compile(rf"{PREFIX}[\w-]{{43}}", re.ASCII)
# How often a token stores that it was used, and how often the audit trail has that.
TOUCHED_EVERY = timedelta(minutes=5)
RECORDED_EVERY = timedelta(days=1)
# Built once: building a statement takes longer than running it.
_FIND = (
    select(
        ApiToken.id,
        ApiToken.identifier,
        ApiToken.name,
        ApiToken.profiles,
        ApiToken.last_used_at,
        Account.username,
        Account.display_name,
        Account.details.label("details"),
        Account.epoch,
    )
    .outerjoin(Account, Account.username == ApiToken.identifier)
    .where(
        ApiToken.token_hash == bindparam("token_hash"),
        ApiToken.revoked_at.is_(None),
        or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > bindparam("now")),
        or_(Account.id.is_(None), ~Account.disabled),
    )
)
_SIGNED_IN = (
    select(LoginSession.data)
    .where(
        LoginSession.identifier == bindparam("identifier"),
        LoginSession.seen_at > bindparam("seen_after"),
        LoginSession.created_at > bindparam("created_after"),
    )
    .order_by(LoginSession.created_at.desc())
    .limit(1)
)


@dataclass(frozen=True, kw_only=True)
class CheckedToken:
    """A token that is valid, and the user it stands for.

    Parameters
    ----------
    profiles:
        The names of the profiles it may be used for. ``None`` means all that the user is offered.
    epoch:
        Of the user's account. A change of the user's rights raises it.
    """

    id: uuid.UUID
    name: str
    user: User
    profiles: frozenset[str] | None
    epoch: int | None
    last_used_at: datetime | None


def new_token() -> tuple[str, str]:
    """Return a new token, and the hash of it that is stored."""
    token = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    return token, _hash(token)


def check_token(token: str) -> CheckedToken | None:
    """Return what a token stands for, or ``None`` if it is not valid now."""
    if not _TOKEN.fullmatch(token):
        return None
    with read_connection() as connection:
        row = connection.execute(_FIND, {"token_hash": _hash(token), "now": utc_now()}).first()
    if row is None:
        return None
    if row.username is not None:
        values = {
            "identifier": row.username,
            "display_name": row.display_name,
            "metadata": dict(row.details),
        }
        user: User | None = persisted_user(values)
    else:
        user = _find_signed_in(row.identifier)
    if user is None:
        return None
    return CheckedToken(
        id=row.id,
        name=row.name,
        user=user,
        profiles=None if row.profiles is None else frozenset(row.profiles),
        epoch=row.epoch,
        last_used_at=row.last_used_at,
    )


def note_use(token: CheckedToken) -> None:
    """Store that a token is used, now and then."""
    now, last = utc_now(), token.last_used_at
    if last is not None and now - last < TOUCHED_EVERY:
        return
    with write_transaction() as connection:
        connection.execute(update(ApiToken).where(ApiToken.id == token.id).values(last_used_at=now))
    if last is None or now - last > RECORDED_EVERY:
        record("token.used", token.user.identifier, token=str(token.id), label=token.name)


def find_identifier(typed: str) -> str | None:
    """Return the identifier of a user with an account, or of one who has signed in before."""
    name = clean_text(typed)
    account = select(Account.username).where(Account.username == name_to_find(typed))
    session = select(LoginSession.identifier).where(LoginSession.identifier == name)
    sign_in = select(AuditEntry.identifier).where(
        AuditEntry.identifier == name, AuditEntry.event == LOGIN_OK
    )
    with read_connection() as connection:
        for known in (account, session, sign_in):
            found: str | None = connection.scalar(known.limit(1))
            if found is not None:
                return found
    return None


def _find_signed_in(identifier: str) -> User | None:
    """Return a user without an account as the app's callback described them at the last sign-in."""
    now = utc_now()
    limits = {
        "seen_after": now - timedelta(hours=settings().session_idle_hours),
        "created_after": now - timedelta(hours=settings().session_hours),
    }
    with read_connection() as connection:
        data: dict[str, Any] | None = connection.scalar(
            _SIGNED_IN, {"identifier": identifier, **limits}
        )
    values = (data or {}).get(USER_KEY)
    if not isinstance(values, dict) or values.get("identifier") != identifier:
        return None
    try:
        return persisted_user(values)
    except (TypeError, AuthoringError):  # another version of the app stored it
        return None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def describe_profiles(names: Collection[str] | None) -> str:
    """Return for which profiles a token may be used, in words."""
    return "all profiles" if names is None else ", ".join(sorted(names))
