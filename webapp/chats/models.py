"""The tables about chats: chats, messages, turns, search entries, feedback and shares."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from webapp.authoring.chat_message import COMPLETE
from webapp.authoring.profiles.profile import NAME_LIMIT
from webapp.authoring.users.user import IDENTIFIER_LIMIT
from webapp.chats.tokenizer import Words
from webapp.database.engines import Model, UTCDateTime, utc_now

OWNER_LIMIT = IDENTIFIER_LIMIT + len("session:")
TITLE_LIMIT = 200
IS_TITLE = text("message_id IS NULL")


class Chat(Model):
    """One conversation, of one owner, under one profile."""

    __tablename__ = "chats"
    __table_args__ = (
        # Each page of the history is one range of these, however many chats there are.
        Index("ix_chats_history", "owner", "written", "pinned", "active_at", "id"),
        Index(
            "ix_chats_history_profile",
            "owner",
            "profile",
            "written",
            "pinned",
            "active_at",
            "id",
        ),
        # Few chats have these columns, so the indexes leave the others out. For PostgreSQL only the
        # migration says so: `postgresql_where` here would import its dialect, 2 MiB, everywhere.
        Index("ix_chats_deleted", "deleted_at", sqlite_where=text("deleted_at IS NOT NULL")),
        Index("ix_chats_expires", "expires_at", sqlite_where=text("expires_at IS NOT NULL")),
        Index("ix_chats_unindexed", "owner", sqlite_where=text("unindexed_from IS NOT NULL")),
        Index("ix_chats_session_ended", "session_id", "ended_at"),
        Index("ix_chats_ended_active", "ended_at", "active_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    # `user:<identifier>`, or `session:<id>` for a visitor of an app without sign-in.
    owner: Mapped[str] = mapped_column(String(OWNER_LIMIT))
    # The browser session that started it. A new chat there replaces one that is not written.
    session_id: Mapped[uuid.UUID | None] = mapped_column()
    profile: Mapped[str | None] = mapped_column(String(NAME_LIMIT))
    # Whether the user has sent a message.
    written: Mapped[bool] = mapped_column(default=False)
    values: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    # When the last message came, and when `@on_chat_end` ended the chat.
    active_at: Mapped[datetime | None] = mapped_column(UTCDateTime, default=utc_now)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # The turn that has claimed the chat. Whoever sets it from NULL has claimed it.
    turn_id: Mapped[uuid.UUID | None] = mapped_column()
    # Made from the user's first message, or given by the user. NULL before that.
    title: Mapped[str | None] = mapped_column(String(TITLE_LIMIT))
    # A snapshot of each of its profiles: {name: {"label": text, "icon": text or None}}.
    snapshots: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")
    pinned: Mapped[bool] = mapped_column(default=False, server_default=false())
    # When the user deleted it. Its rows are removed when the deletion can no longer be undone.
    deleted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # When `keep_days` of its profile have passed.
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    imported_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # The chat whose messages were copied into this one.
    continues: Mapped[uuid.UUID | None] = mapped_column()
    # From which message on it is not in the search index yet (search_index.py). 0 for its title and
    # all of its messages, NULL when all is indexed.
    unindexed_from: Mapped[int | None] = mapped_column()
    # What its user can set beside the composer: settings, commands and modes. NULL for most.
    inputs: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class Message(Model):
    """One message of a chat."""

    __tablename__ = "messages"
    # Messages are ordered by this number, and never by a time: clocks can be set back.
    __table_args__ = (
        UniqueConstraint("chat_id", "sequence"),
        # Few chats have messages that were replaced.
        Index("ix_messages_replaced", "chat_id", sqlite_where=text("replaced_by IS NOT NULL")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    chat_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("chats.id", ondelete="CASCADE"))
    sequence: Mapped[int] = mapped_column()
    # `user`, `assistant` or `error`. A `divider` is where another profile begins.
    kind: Mapped[str] = mapped_column(String(16))
    author: Mapped[str | None] = mapped_column(String(200))
    content: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(16), default=COMPLETE)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    # The turn that it belongs to. NULL for messages that the start of a chat sent at once.
    turn_id: Mapped[uuid.UUID | None] = mapped_column()
    # The profile of the chat when it was sent.
    profile: Mapped[str | None] = mapped_column(String(NAME_LIMIT))
    # The turn that replaced it when the user edited or asked again. Only a page of an earlier
    # version of the chat shows it.
    replaced_by: Mapped[uuid.UUID | None] = mapped_column()
    # What it shows beside its text, and what else is known of it. NULL for nearly all.
    elements: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    details: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class Turn(Model):
    """One run of the author's code in a chat: what began it, who runs it, and how it ended."""

    __tablename__ = "turns"
    __table_args__ = (
        # A form that is sent twice begins one turn.
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
    # The message that it answers. NULL for the start of a chat, and for a button.
    question_id: Mapped[uuid.UUID | None] = mapped_column()
    # The button that began it.
    action_id: Mapped[uuid.UUID | None] = mapped_column()
    # Its messages are numbered from here.
    first_sequence: Mapped[int] = mapped_column()
    stop_asked: Mapped[bool] = mapped_column(default=False)
    # Whether it was retried. Then its answer is no longer part of the conversation.
    retried: Mapped[bool] = mapped_column(default=False)
    # The chat's values when it began, for a retry. Only the last turn of a chat keeps any.
    values_before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    # The last heartbeat of the process that runs it.
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class Question(Model):
    """What the app has asked its user in a turn that waits for the answer.

    Whoever sets `status` from `open` has answered it, or ended it.
    """

    __tablename__ = "questions"
    __table_args__ = (
        Index("ix_questions_chat", "chat_id", "status"),
        Index("ix_questions_turn", "turn_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    chat_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("chats.id", ondelete="CASCADE"))
    turn_id: Mapped[uuid.UUID] = mapped_column()
    message_id: Mapped[uuid.UUID] = mapped_column()
    # `user`, `action`, `file` or `element`.
    kind: Mapped[str] = mapped_column(String(16))
    # `open`, `answered`, `timed-out`, `stopped` or `interrupted`.
    status: Mapped[str] = mapped_column(String(16))
    # What may be answered, such as the types of files.
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    # Of the form that answered it.
    key: Mapped[uuid.UUID | None] = mapped_column()
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class SettingDefaults(Model):
    """What a user last set under a profile. Their next chat begins with it."""

    __tablename__ = "setting_defaults"

    owner: Mapped[str] = mapped_column(String(OWNER_LIMIT), primary_key=True)
    # Empty for a chat without a profile.
    profile: Mapped[str] = mapped_column(String(NAME_LIMIT), primary_key=True)
    values: Mapped[dict[str, Any]] = mapped_column(JSON)
    changed_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)


class SearchEntry(Model):
    """The words of a message or of a title, for the full-text search of the database.

    Newer entries have higher ids. SQLite's index of them is the table `search_words`, which
    triggers keep up to date.
    """

    __tablename__ = "search_entries"
    __table_args__ = (
        # A chat has one title, on PostgreSQL too: see `Chat`.
        Index("ix_search_entries_title", "chat_id", unique=True, sqlite_where=IS_TITLE),
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    chat_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("chats.id", ondelete="CASCADE"), index=True
    )
    # None for a title.
    message_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("messages.id", ondelete="CASCADE"), unique=True
    )
    words: Mapped[str] = mapped_column(Words)


class Feedback(Model):
    """A user's rating of an answer in their chat."""

    __tablename__ = "feedback"

    message_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True
    )
    chat_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("chats.id", ondelete="CASCADE"), index=True
    )
    owner: Mapped[str] = mapped_column(String(OWNER_LIMIT))
    profile: Mapped[str | None] = mapped_column(String(NAME_LIMIT))
    # 1 for thumbs up, -1 for thumbs down.
    value: Mapped[int] = mapped_column(SmallInteger)
    comment: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    changed_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)


class Share(Model):
    """A link with which others may read a chat, up to one of its messages."""

    __tablename__ = "shares"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    chat_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("chats.id", ondelete="CASCADE"), unique=True
    )
    # Not hashed, as its owner can copy the link again. Whoever reads this table can read the chats.
    token: Mapped[str] = mapped_column(String(64), unique=True)
    last_sequence: Mapped[int] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    # How the chat was when it was shared. A link of an earlier version has no snapshots until it is
    # read for the first time.
    title: Mapped[str | None] = mapped_column(String(TITLE_LIMIT))
    profile: Mapped[str | None] = mapped_column(String(NAME_LIMIT))
    snapshots: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class SharedMessage(Model):
    """A message as it was when its chat was shared. The columns are named as those of messages."""

    __tablename__ = "shared_messages"

    share_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("shares.id", ondelete="CASCADE"), primary_key=True
    )
    sequence: Mapped[int] = mapped_column(primary_key=True)
    # Of the message. Without a foreign key, as the message may be removed later.
    id: Mapped[uuid.UUID] = mapped_column()
    kind: Mapped[str] = mapped_column(String(16))
    author: Mapped[str | None] = mapped_column(String(200))
    content: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    turn_id: Mapped[uuid.UUID | None] = mapped_column()
    profile: Mapped[str | None] = mapped_column(String(NAME_LIMIT))
    elements: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    details: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
