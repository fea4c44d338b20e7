"""Rows about chats: the chats and their messages."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.authoring.types import IDENTIFIER_LIMIT, NAME_LIMIT
from webapp.database import Model, UTCDateTime, utc_now

OWNER_LIMIT = IDENTIFIER_LIMIT + len("session:")


class Chat(Model):
    """One conversation, of one owner, under one profile."""

    __tablename__ = "chats"
    __table_args__ = (Index("ix_chats_owner_written", "owner", "written"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    # `user:<identifier>`, or `session:<id>` for a visitor of an app without login.
    owner: Mapped[str] = mapped_column(String(OWNER_LIMIT))
    # The browser it was started in: a newer unwritten chat of that browser replaces this one.
    session_id: Mapped[uuid.UUID | None] = mapped_column()
    profile: Mapped[str | None] = mapped_column(String(NAME_LIMIT))
    # Whether the user has said anything in it.
    written: Mapped[bool] = mapped_column(default=False)
    values: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)

    messages: Mapped[list[Message]] = relationship(
        back_populates="chat",
        order_by="Message.sequence",
        cascade="all, delete-orphan",
        passive_deletes=True,
        lazy="raise",
    )


class Message(Model):
    """One message of a chat."""

    __tablename__ = "messages"
    # The order is this number, never a time: clocks go back (R69).
    __table_args__ = (UniqueConstraint("chat_id", "sequence"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    chat_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("chats.id", ondelete="CASCADE"))
    sequence: Mapped[int] = mapped_column()
    kind: Mapped[str] = mapped_column(String(16))
    author: Mapped[str | None] = mapped_column(String(200))
    content: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(16), default="complete")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)

    chat: Mapped[Chat] = relationship(back_populates="messages", lazy="raise")
