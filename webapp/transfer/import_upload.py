"""Receive the file of an import: it goes to the disk piece by piece, until the request ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from flask import request

from webapp.database.engines import release_connection
from webapp.files.contents import FilesUnavailableError
from webapp.files.temporary import delete_temporary, new_temporary_path
from webapp.files.upload_rules import megabytes
from webapp.transfer.strict_json import NotAsExpectedError
from webapp.transfer.zip_reading import MOST_LIST_BYTES, MOST_TEXT_BYTES
from webapp.web.forms import FormFieldError
from webapp.web.request_guards import FormRequest

FIELD = "file"
# What a zip has besides the contents of its files, and a form besides its fields.
OTHER_BYTES = 2 * MOST_TEXT_BYTES + 2 * MOST_LIST_BYTES
TWO_FILES = "There are two files. Choose one, and import the other one after it."


@contextmanager
def received_file(room: int) -> Iterator[Path | None]:
    """Yield the file of this form, or ``None`` if it has none. It is there until the block ends.

    Parameters
    ----------
    room:
        How many bytes of files the user may still store.

    Raises
    ------
    NotAsExpectedError
        There are several files, or one that is too large. The rest of the body is not read.
    FilesUnavailableError
        The disk is full.
    """
    sent = cast(FormRequest, request._get_current_object())  # type: ignore[attr-defined]
    if not sent.has_parts:
        yield None
        return
    if (sent.content_length or 0) - sent.most_field_bytes > room + OTHER_BYTES:
        raise _too_large(room)
    # It may take minutes.
    release_connection()
    path = new_temporary_path()
    try:
        try:
            count = size = 0
            for file in sent.multipart.files():
                count += 1
                if file.field != FIELD:
                    raise FormFieldError("This form has no field “{}”.", subject=file.field[:64])
                if count > 1:
                    raise NotAsExpectedError(TWO_FILES)
                try:
                    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                    with open(descriptor, "wb") as copy:  # noqa: PTH123 - by its number
                        for piece in sent.multipart.pieces():
                            size += len(piece)
                            if size > room + OTHER_BYTES:
                                raise _too_large(room)
                            copy.write(piece)
                except OSError as error:
                    raise FilesUnavailableError(f"{path}: {error.strerror}") from error
            has_file = count > 0
        finally:
            if sent.upload_slot is not None:
                sent.upload_slot.give_back()
        yield path if has_file else None
    finally:
        delete_temporary(path)


def _too_large(room: int) -> NotAsExpectedError:
    return NotAsExpectedError(
        f"The file is too large: you may store {megabytes(room)} MB of files more. Delete chats "
        "with files that you no longer need, or import fewer chats."
    )
