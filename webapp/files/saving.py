"""Saving files: first their contents in the store, then the rows that name them."""

from __future__ import annotations

import hashlib
import io
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from flask import Flask, current_app
from sqlalchemy.engine import Connection

from webapp.authoring.chat_message import NewFile, StoredFile
from webapp.authoring.errors import MisuseError
from webapp.database.engines import utc_now, write_transaction
from webapp.files.contents import PIECE_BYTES
from webapp.files.names import clean_file_name
from webapp.files.rows import insert_rows, lock_contents
from webapp.files.store import FileStore, file_store
from webapp.files.types import HEAD_BYTES, find_mime
from webapp.site import settings

PUTS_AT_ONCE = 8


class FileTooLargeError(MisuseError):
    """A file has more bytes than the site takes."""


@dataclass(frozen=True, kw_only=True)
class PreparedFile:
    """A file whose content is in the store, and which no row names yet."""

    new: NewFile
    name: str
    stored: StoredFile


def save_files(
    app: Flask, chat_id: uuid.UUID, message_id: uuid.UUID, new: Sequence[NewFile]
) -> list[StoredFile]:
    """Store the files that an app sends with a message, and return them in the same order.

    Raises
    ------
    FileTooLargeError
        One is larger than `WEBAPP_FILE_BYTES`. Nothing is stored.
    FilesUnavailableError
        The store does not answer, or has no room.
    """
    in_app: AbstractContextManager[object] = (
        nullcontext() if current_app == app else app.app_context()
    )
    with in_app:
        prepared = prepare_files(new)
        if prepared:
            with write_transaction() as connection:
                insert_files(connection, chat_id, message_id, prepared)
        return [file.stored for file in prepared]


def prepare_files(new: Sequence[NewFile]) -> list[PreparedFile]:
    """Put contents into the store. Name them with `insert_files`, or they are removed in a day.

    Raises
    ------
    FileTooLargeError, FilesUnavailableError
        As for `save_files`.
    """
    prepared = [_examine(file) for file in new]
    store_contents(prepared)
    return prepared


def store_contents(prepared: Sequence[PreparedFile]) -> None:
    """Put the contents of files that were examined into the store, several at once.

    Raises
    ------
    FilesUnavailableError
        The store does not answer, or has no room.
    """
    put = partial(_put, file_store())
    if len(prepared) <= 1:
        for file in prepared:
            put(file)
        return
    # A disk or a network that is asked for several at once takes little longer than for one.
    with ThreadPoolExecutor(min(PUTS_AT_ONCE, len(prepared)), "webapp-files-put") as pool:
        for _ in pool.map(put, prepared):
            pass


def insert_files(
    connection: Connection,
    chat_id: uuid.UUID,
    message_id: uuid.UUID,
    prepared: Sequence[PreparedFile],
    *,
    uploaded_by: str | None = None,
) -> None:
    """Insert the rows of files of a message, in the caller's transaction: with two statements.

    Parameters
    ----------
    uploaded_by:
        The owner of the chat, if they attached the files.
    """
    by_content = {file.stored.sha256: file for file in prepared}
    now = utc_now()
    sizes = {sha256: file.stored.size for sha256, file in by_content.items()}
    lock_contents(connection, sizes, now)
    # From here on nobody removes the contents. Somebody may have done so before.
    for sha256, file in by_content.items():
        if not file_store().exists(sha256):
            _put(file_store(), file)
    rows = [
        {
            "id": file.new.id,
            "chat_id": chat_id,
            "message_id": message_id,
            "sha256": file.stored.sha256,
            "name": file.name,
            "mime": file.stored.mime,
            "size": file.stored.size,
            "uploaded_by": uploaded_by,
            "created_at": now,
        }
        for file in prepared
    ]
    insert_rows(connection, rows)


def _examine(file: NewFile) -> PreparedFile:
    name, most = clean_file_name(file.name), settings().file_bytes
    if isinstance(file.source, StoredFile):
        return PreparedFile(new=file, name=name, stored=file.source)
    digest, size, head = hashlib.sha256(), 0, b""
    with _open(file.source) as source:
        while piece := source.read(PIECE_BYTES):
            head = head or piece[:HEAD_BYTES]
            size += len(piece)
            if size > most:
                raise FileTooLargeError(
                    f"The file {name} is larger than {most:,} bytes. Send a smaller one, or raise "
                    "WEBAPP_FILE_BYTES."
                )
            digest.update(piece)
    mime = find_mime(head, name, file.mime)
    stored = StoredFile(sha256=digest.hexdigest(), size=size, mime=mime)
    return PreparedFile(new=file, name=name, stored=stored)


def _put(store: FileStore, file: PreparedFile) -> None:
    given = file.new.source
    if not isinstance(given, StoredFile):
        with _open(given) as source:
            store.put(source, file.stored.sha256, file.stored.size)
    elif not store.exists(given.sha256):
        raise MisuseError(
            f"The file {file.name} is gone: the message that it came with was removed."
        )


def _open(source: bytes | Path) -> BinaryIO:
    return source.open("rb", buffering=0) if isinstance(source, Path) else io.BytesIO(source)
