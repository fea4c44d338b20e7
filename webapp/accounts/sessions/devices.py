"""The devices on which a user is signed in, for the account page."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from webapp.accounts.models import LoginSession
from webapp.accounts.sessions.user_agents import device_of
from webapp.database.engines import read_connection, utc_now
from webapp.site import settings

MOST_SHOWN = 100


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device on which the user is signed in."""

    id: uuid.UUID
    began: datetime
    seen: datetime
    name: str
    ip: str
    is_this: bool


def list_devices(identifier: str, this: uuid.UUID) -> list[Device]:
    """Return the devices of a user: this one first, then the newest.

    There are at most `MOST_SHOWN`, plus one if there are more.
    """
    now = utc_now()
    is_this = LoginSession.id == this
    own_sessions = (
        select(
            LoginSession.id,
            LoginSession.created_at,
            LoginSession.seen_at,
            LoginSession.user_agent,
            LoginSession.ip,
        )
        .where(
            LoginSession.identifier == identifier,
            LoginSession.seen_at > now - timedelta(hours=settings().session_idle_hours),
            LoginSession.created_at > now - timedelta(hours=settings().session_hours),
        )
        .order_by(is_this.desc(), LoginSession.created_at.desc(), LoginSession.id)
        .limit(MOST_SHOWN + 1)
    )
    with read_connection() as connection:
        return [
            Device(
                id=row.id,
                began=row.created_at,
                seen=row.seen_at,
                name=device_of(row.user_agent),
                ip=row.ip or "unknown",
                is_this=row.id == this,
            )
            for row in connection.execute(own_sessions)
        ]
