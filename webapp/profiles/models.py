"""What is remembered about users beyond one session."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.authoring.profiles.profile import NAME_LIMIT
from webapp.authoring.users.user import IDENTIFIER_LIMIT
from webapp.database.engines import Model, UTCDateTime, utc_now


class Preference(Model):
    """What a user has chosen last, for their next session."""

    __tablename__ = "preferences"

    # `user:<identifier>`, as chats have it.
    owner: Mapped[str] = mapped_column(String(IDENTIFIER_LIMIT + len("session:")), primary_key=True)
    profile: Mapped[str | None] = mapped_column(String(NAME_LIMIT))
    changed_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
