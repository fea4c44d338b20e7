"""The tables about users: accounts, their sessions, attempts, tokens and the audit trail."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.accounts.usernames import USERNAME_LIMIT
from webapp.authoring.users.user import IDENTIFIER_LIMIT
from webapp.database.engines import Model, UTCDateTime, utc_now


class Account(Model):
    """A user whom an administrator seeded."""

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    # The canonical form. Names that look alike have the same skeleton.
    username: Mapped[str] = mapped_column(String(USERNAME_LIMIT), unique=True)
    skeleton: Mapped[str] = mapped_column(String(USERNAME_LIMIT * 4), unique=True)
    display_name: Mapped[str | None] = mapped_column(String(200))
    details: Mapped[dict[str, Any]] = mapped_column("metadata", JSON, default=dict)
    password_hash: Mapped[str | None] = mapped_column(String(255))
    disabled: Mapped[bool] = mapped_column(default=False)
    # Raised when all sessions of the account end. An attempt that began before gets no session.
    epoch: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    changed_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now, onupdate=utc_now)


class LoginSession(Model):
    """The session of a browser. Only a hash of its id is stored."""

    __tablename__ = "login_sessions"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    # The user. None for a visitor of an app without login.
    identifier: Mapped[str | None] = mapped_column(String(IDENTIFIER_LIMIT), index=True)
    data: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    user_agent: Mapped[str | None] = mapped_column(String(200))
    ip: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now, index=True)
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now, index=True)


class LoginAttempt(Model):
    """An attempt to sign in. Attempts are counted to slow down guessing."""

    __tablename__ = "login_attempts"
    __table_args__ = (
        Index("ix_login_attempts_username_at", "username_key", "at"),
        Index("ix_login_attempts_ip_at", "ip_key", "at"),
        Index("ix_login_attempts_succeeded_at", "succeeded", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    # A hash: people sometimes type a password into the username field.
    username_key: Mapped[str] = mapped_column(String(64))
    ip_key: Mapped[str] = mapped_column(String(64))
    succeeded: Mapped[bool] = mapped_column(default=False)
    # Whether the password was checked. Until then the attempt counts as failed.
    decided: Mapped[bool] = mapped_column(default=False)
    # From an address where this user has not signed in before.
    stranger: Mapped[bool] = mapped_column(default=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)


class AuditEntry(Model):
    """An event that an administrator may have to account for, such as a sign-in or a refusal."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_event_at", "event", "at"),
        Index("ix_audit_entries_identifier_at", "identifier", "at"),
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now, index=True)
    # As in the log, such as `login.ok`.
    event: Mapped[str] = mapped_column(String(40))
    # The user it is about.
    identifier: Mapped[str | None] = mapped_column(String(IDENTIFIER_LIMIT))
    ip: Mapped[str | None] = mapped_column(String(64))
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class ApiToken(Model):
    """What a program proves with that it asks for a user. Only a hash of it is stored."""

    __tablename__ = "api_tokens"
    __table_args__ = (Index("ix_api_tokens_identifier", "identifier"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    identifier: Mapped[str] = mapped_column(String(IDENTIFIER_LIMIT))
    name: Mapped[str] = mapped_column(String(100))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    # The names of profiles, or NULL for all that the user is offered.
    profiles: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    last_used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
