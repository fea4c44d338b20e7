"""The user of a request, and how somebody becomes it."""

from __future__ import annotations

import copy
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, cast

from flask import current_app, g, session
from flask_login import UserMixin, current_user, login_user

from webapp.accounts.seeded_accounts import CheckedAccount, are_unchanged
from webapp.accounts.sessions.interface import BrowserSession, TokenSession
from webapp.authoring.errors import AuthoringError
from webapp.authoring.users.user import PersistedUser, User
from webapp.database.engines import utc_now
from webapp.web.csrf import CSRF_FIELD
from webapp.web.log import log_failure

USER_KEY = "user"


class Viewer(UserMixin):
    """A user who is signed in, as Flask-Login and the templates see them."""

    def __init__(self, user: User) -> None:
        self.user = user

    def get_id(self) -> str:
        return self.user.identifier

    @property
    def identifier(self) -> str:
        return self.user.identifier

    @property
    def name(self) -> str:
        """Return the name that the page shows."""
        return self.user.display_name or self.user.identifier

    @property
    def role(self) -> str | None:
        """Return the role, if the metadata has one that is text."""
        role = self.user.metadata.get("role")
        return role if isinstance(role, str) else None


def log_in(
    user: User, accounts: Iterable[CheckedAccount], values: Mapping[str, Any] | None = None
) -> None:
    """Sign a user in. The session gets a new id and keeps nothing of the visitor's.

    Parameters
    ----------
    values:
        What else the session keeps.

    Raises
    ------
    NotAllowedAnyMoreError
        One of the ``accounts`` has changed since its password was checked.
    """
    own = browser_session()
    own.clear()
    login_user(Viewer(user))
    # When a user was made known is not known here, so it is when they first came.
    own[USER_KEY] = {
        "createdAt": utc_now().isoformat(timespec="seconds").replace("+00:00", "Z"),
        **user.to_dict(),
    }
    own.update(values or {})
    # Stored now, so that the next page need not write it.
    own[CSRF_FIELD] = secrets.token_hex(32)
    own.renew(user.identifier, partial(are_unchanged, accounts))


def be_user(user: User | None) -> None:
    """Let a user whose token was checked be the one of this request, or nobody.

    Flask-Login looks for no cookie then. No session begins, and nothing is stored.
    """
    g._login_user = Viewer(user) if user is not None else None


def signed_in_user() -> User | None:
    """Return the user who is signed in, or ``None``. It is a copy that the app may change."""
    who = viewer()
    if who is None:
        return None
    # Without the copy, a callback's change to the metadata would be stored with the session.
    user = copy.copy(who.user)
    user.metadata = copy.deepcopy(user.metadata)
    return user


def viewer() -> Viewer | None:
    """Return the user of this request, as templates see them."""
    # A Viewer, or Flask-Login's own AnonymousUserMixin, which its proxy finds by 15 calls.
    who: object = g.get("_login_user") or current_user._get_current_object()
    return who if isinstance(who, Viewer) else None


def owner_of_new_chats() -> str:
    """Return the owner of a chat that starts now: the user, or this browser if login is off."""
    user = viewer()
    return f"user:{user.identifier}" if user else f"session:{browser_session().require_row()}"


def session_of_chats() -> uuid.UUID | None:
    """Return the session with which the chats of this request end; ``None`` if it has a token."""
    own = browser_session()
    return None if isinstance(own, TokenSession) else own.require_row()


def owner() -> str | None:
    """Return the owner of the chats that this browser may see; ``None`` if it can have none."""
    user = viewer()
    if user:
        return f"user:{user.identifier}"
    own = browser_session()
    _ = own.data
    return f"session:{own.row.id}" if own.row else None


def draft_owner() -> str:
    """Return a key under which the browser may keep the drafts of this user.

    The key does not reveal the user, and the next user of the same browser has another one.
    """
    user = viewer()
    if user is None:
        return ""
    key = cast(str, current_app.secret_key).encode()
    return hmac.new(key, user.identifier.encode(), hashlib.sha256).hexdigest()[:16]


def browser_session() -> BrowserSession:
    """Return the session of this request."""
    return cast(BrowserSession, session._get_current_object())  # type: ignore[attr-defined]


def stored_user() -> PersistedUser | None:
    """Return the user of this session, who may have to sign in again."""
    values: dict[str, Any] = session.get(USER_KEY) or {}
    try:
        return persisted_user(values) if values else None
    except (TypeError, AuthoringError) as error:
        # Another version of the app stored it. The user can sign in again.
        log_failure("session.not_understood", error)
        return None


def persisted_user(values: Mapping[str, Any]) -> PersistedUser:
    """Return a user of whom these values are known, the identifier at least."""
    key = str(uuid.uuid5(uuid.NAMESPACE_OID, f"user of chat-profiles {values['identifier']}"))
    return PersistedUser(**{"id": key, "createdAt": "", **values})
