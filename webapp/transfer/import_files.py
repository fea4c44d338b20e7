"""The files of an import: unpacked, checked, and stored with the chats that show them."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.engine import Connection

from webapp.authoring.chat_message import StoredFile
from webapp.config.settings import Settings
from webapp.files.collecting import discard_contents
from webapp.files.contents import FilesUnavailableError
from webapp.files.names import clean_file_name
from webapp.files.rows import insert_rows, lock_contents
from webapp.files.store import file_store
from webapp.files.temporary import delete_temporary, new_temporary_path
from webapp.files.types import HEAD_BYTES, find_mime
from webapp.files.upload_rules import megabytes
from webapp.transfer.import_data import ImportedChat
from webapp.transfer.import_elements import FileOfZip
from webapp.transfer.strict_json import NotAsExpectedError, quote_name
from webapp.transfer.zip_reading import ImportedZip
from webapp.web.errors import UNAVAILABLE


@dataclass(frozen=True, kw_only=True)
class UnpackedFiles:
    """The files of an import, which are in the store, and which no row names yet.

    Attributes
    ----------
    stored, local:
        How each is stored, and its copy on the disk, by its path in the zip.
    """

    stored: Mapping[str, StoredFile]
    local: Mapping[str, Path]

    def insert(
        self,
        connection: Connection,
        files: Sequence[tuple[uuid.UUID, uuid.UUID, FileOfZip]],
        owner: str,
        now: datetime,
    ) -> None:
        """Insert the rows of files, in the caller's transaction.

        Parameters
        ----------
        files:
            Each with the ids of its chat and its message.
        owner:
            Who imports them. They count as what this user has attached.
        """
        copies = {self.stored[path].sha256: path for path in self.local}
        sizes = {self.stored[path].sha256: self.stored[path].size for path in self.local}
        lock_contents(connection, sizes, now)
        # From here on nobody removes the contents. Somebody may have done so before.
        for sha256, path in copies.items():
            if not file_store().exists(sha256):
                _put(self.local[path], self.stored[path])
        rows = [
            {
                "id": file.id,
                "chat_id": chat_id,
                "message_id": message_id,
                "sha256": self.stored[file.path].sha256,
                "name": clean_file_name(file.name),
                "mime": self.stored[file.path].mime,
                "size": self.stored[file.path].size,
                "uploaded_by": owner,
                "created_at": now,
            }
            for chat_id, message_id, file in files
        ]
        insert_rows(connection, rows)


NO_FILES = UnpackedFiles(stored={}, local={})


@contextmanager
def unpacked_files(
    archive: ImportedZip, chats: Sequence[ImportedChat], settings: Settings, room: int
) -> Iterator[UnpackedFiles]:
    """Yield the files that chats show, as they are in the store. Nobody else's are looked at.

    They are on the disk, too, until the block ends. If it fails, nothing of them stays.

    Raises
    ------
    NotAsExpectedError
        A file is larger than it may be, is not what the export says, or is damaged.
    FilesUnavailableError
        The store does not answer, or has no room.
    """
    wanted = [
        file
        for chat in chats
        for message in chat.messages
        for element in message.elements
        for file in element.files
    ]
    for file in wanted:
        size = archive.sizes[file.path]
        if size > settings.file_bytes:
            most = megabytes(settings.file_bytes)
            raise NotAsExpectedError(
                f"The file {quote_name(file.name)} has {megabytes(size)} MB and may have {most}."
            )
    total = sum(archive.sizes[file.path] for file in wanted)
    if total > room:
        raise NotAsExpectedError(
            f"Its files have {megabytes(total)} MB, and you may store {megabytes(room)} MB more. "
            "Delete chats with files that you no longer need, or import fewer chats."
        )

    stored: dict[str, StoredFile] = {}
    local: dict[str, Path] = {}
    with ExitStack() as undo:
        for file in wanted:
            if file.path not in stored:
                local[file.path] = path = new_temporary_path()
                undo.callback(delete_temporary, path)
                stored[file.path] = _unpack(archive, file, path)
            if stored[file.path].sha256 != file.sha256:
                raise file.place.wrong("has another hash than its file in the zip")
        try:
            for name, copy in local.items():
                _put(copy, stored[name])
            yield UnpackedFiles(stored=stored, local=local)
        except BaseException:
            with suppress(FilesUnavailableError, *UNAVAILABLE):  # a job tries again
                discard_contents({file.sha256: file.size for file in stored.values()})
            raise


def _unpack(archive: ImportedZip, file: FileOfZip, path: Path) -> StoredFile:
    digest, size, head = hashlib.sha256(), 0, b""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as copy:  # noqa: PTH123 - by its number
            for piece in archive.read(file.path):
                head += piece[: HEAD_BYTES - len(head)]
                size += len(piece)
                digest.update(piece)
                copy.write(piece)
    except OSError as error:
        raise FilesUnavailableError(f"{path}: {error.strerror}") from error
    mime = find_mime(head, clean_file_name(file.name), file.mime)
    return StoredFile(sha256=digest.hexdigest(), size=size, mime=mime)


def _put(copy: Path, stored: StoredFile) -> None:
    with copy.open("rb", buffering=0) as source:
        file_store().put(source, stored.sha256, stored.size)
