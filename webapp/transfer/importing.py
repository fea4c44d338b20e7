"""Import what a form has sent: a zip, a file with JSON, or JSON as text."""

from __future__ import annotations

import uuid
from datetime import datetime
from pathlib import Path

from webapp.accounts.login import owner, owner_of_new_chats
from webapp.accounts.sessions.visitor_limits import count_visitors_start
from webapp.authoring.text import clean_text
from webapp.database.engines import read_connection, release_connection
from webapp.files.rows import find_room
from webapp.site import settings
from webapp.transfer.import_data import parse_export
from webapp.transfer.import_files import unpacked_files
from webapp.transfer.import_limits import refuse_too_many
from webapp.transfer.import_rows import store_chats
from webapp.transfer.import_upload import received_file
from webapp.transfer.strict_json import NotAsExpectedError
from webapp.transfer.zip_reading import MOST_TEXT_BYTES, is_zip, open_zip

EMPTY = "There is nothing to import yet. Choose the file of an export, or paste its text."
BOTH = (
    "There are a file and a text. Choose a file or paste a text, and import the other one after it."
)


def import_sent(pasted: str, now: datetime) -> list[uuid.UUID]:
    """Store the chats of this form as new chats of this user, and return their ids.

    Raises
    ------
    NotAsExpectedError
        It is no export, or has more than an import may have. Nothing is stored.
    TooManyImportsError
        This user has imported too often in the last hour.
    FilesUnavailableError
        The store of files does not answer, or the disk is full. Nothing is stored.
    """
    with read_connection() as connection:
        refuse_too_many(connection, settings(), owner(), now)
        room = find_room(connection, owner(), settings().file_bytes_per_user)
    with received_file(room) as path:
        if path is not None and pasted.strip():
            raise NotAsExpectedError(BOTH)
        if path is not None and is_zip(path):
            with open_zip(path) as archive:
                chats = parse_export(clean_text(archive.read_text()), now, archive.sizes)
                # Unpacking and storing may take long.
                release_connection()
                with unpacked_files(archive, chats, settings(), room) as files:
                    count_visitors_start()
                    return store_chats(chats, owner_of_new_chats(), now, files)
        text = pasted if path is None else _read_text(path)
        if not text.strip():
            raise NotAsExpectedError(EMPTY)
        chats = parse_export(text, now)
        count_visitors_start()
        return store_chats(chats, owner_of_new_chats(), now)


def _read_text(path: Path) -> str:
    if path.stat().st_size > MOST_TEXT_BYTES:
        raise NotAsExpectedError(f"The file has more than {MOST_TEXT_BYTES // 1024**2} MB.")
    try:
        return clean_text(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise NotAsExpectedError("The file is neither a zip nor text in UTF-8.") from error
