"""Rows about chats: the chats, their messages, and the turns in which they were said."""

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
    __table_args__ = (
        Index("ix_chats_owner_written", "owner", "written"),
        Index("ix_chats_session_ended", "session_id", "ended_at"),
        Index("ix_chats_ended_active", "ended_at", "active_at"),
    )

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
    # When something was last said, and since when the chat is over for `@on_chat_end`.
    active_at: Mapped[datetime | None] = mapped_column(UTCDateTime, default=utc_now)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # The turn that runs in it: whoever sets this from nothing has the chat to itself.
    turn_id: Mapped[uuid.UUID | None] = mapped_column()

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
    # The turn that it was said in; none for what a chat start said at once.
    turn_id: Mapped[uuid.UUID | None] = mapped_column()

    chat: Mapped[Chat] = relationship(back_populates="messages", lazy="raise")


class Turn(Model):
    """One run of the author's code in a chat: what began it, who runs it, and how it ended."""

    __tablename__ = "turns"
    __table_args__ = (
        # A form that is sent twice begins one turn (R57).
        UniqueConstraint("chat_id", "key"),
        Index("ix_turns_owner_status", "owner", "status"),
        Index("ix_turns_status_seen", "status", "seen_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    chat_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("chats.id", ondelete="CASCADE"))
    owner: Mapped[str] = mapped_column(String(OWNER_LIMIT))
    key: Mapped[uuid.UUID] = mapped_column()
    # `running`, `complete`, `stopped`, `failed` or `interrupted`.
    status: Mapped[str] = mapped_column(String(16))
    # The message that it answers; none for the start of a chat.
    question_id: Mapped[uuid.UUID | None] = mapped_column()
    # Its messages are numbered from here.
    first_sequence: Mapped[int] = mapped_column()
    stop_asked: Mapped[bool] = mapped_column(default=False)
    # Whether it was run again, so that its answer is not part of the conversation any more.
    retried: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    # When the process that runs it last said that it is alive.
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
