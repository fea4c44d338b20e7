"""The tables about files: which chat has which file, and which content is in the store."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.authoring.users.user import IDENTIFIER_LIMIT
from webapp.database.engines import Model, UTCDateTime, utc_now

SHA256_LENGTH = 64
FILE_NAME_LIMIT = 255
MIME_LIMIT = 127
UPLOADER_LIMIT = IDENTIFIER_LIMIT + len("session:")


class StoredContent(Model):
    """A content that is in the store, once for however many files have it."""

    __tablename__ = "stored_files"

    # Of the content, in hexadecimal.
    sha256: Mapped[str] = mapped_column(String(SHA256_LENGTH), primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)


class File(Model):
    """A file of a chat. Whoever may see the chat may read it."""

    __tablename__ = "files"
    __table_args__ = (
        # For the files of a message, and for those of a chat that is removed.
        Index("ix_files_message", "chat_id", "message_id"),
        Index("ix_files_sha256", "sha256"),
        # For what a user has attached in all. Most files have no uploader.
        Index("ix_files_uploaded_by", "uploaded_by", "size"),
    )

    # Of the element that shows it. Copies of a chat and edited messages show the same elements, so
    # there is a row for each message. An element that is updated has a row for each content, since
    # a share may show the one before.
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    # Both without a foreign key: the row comes before its message, and before its chat if the start
    # of a chat sends it. A share may outlive the message.
    chat_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    message_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    # No content can be removed while a row names it.
    sha256: Mapped[str] = mapped_column(ForeignKey("stored_files.sha256"), primary_key=True)
    name: Mapped[str] = mapped_column(String(FILE_NAME_LIMIT))
    mime: Mapped[str] = mapped_column(String(MIME_LIMIT))
    size: Mapped[int] = mapped_column(BigInteger)
    # The owner of the chat if they attached it. NULL for what the app shows.
    uploaded_by: Mapped[str | None] = mapped_column(String(UPLOADER_LIMIT))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
