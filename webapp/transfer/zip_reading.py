"""Read the zip of an export. It may come from anybody, so it is bounded before it is unpacked.

Python's `zipfile` believes what a zip says of itself. So that is checked first: how long its list
is, before the list is read, and what each entry claims, before any is unpacked.
"""

from __future__ import annotations

import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from webapp.transfer.exported_elements import FOLDER
from webapp.transfer.strict_json import NotAsExpectedError, quote_name
from webapp.transfer.zip_export import JSON_FILE, MARKDOWN_FILE

MOST_ENTRIES = 5_000
# The list of the entries at the end. Each entry takes 46 bytes and its name.
MOST_LIST_BYTES = 2 * 1024 * 1024
MOST_TEXT_BYTES = 8 * 1024 * 1024
# How many times larger a file may be than it is in the zip. Our exports do not pack files.
MOST_RATIO = 100
PIECE_BYTES = 64 * 1024
_END = struct.Struct("<4s4H2LH")
_END_SIGNATURE, _LARGE_SIGNATURE = b"PK\x05\x06", b"PK\x06\x07"
_LARGE_LOCATOR_BYTES = 20
_ENTRY_HEAD_BYTES = 30
_ENCRYPTED = 1
_NAME = re.compile(rf"{FOLDER}[^/\\\x00-\x1f\x7f]{{1,200}}")
DAMAGED = "The zip is damaged. Export the chats again, and choose the file as it is."


class ImportedZip:
    """The zip of an export, whose list was checked.

    Attributes
    ----------
    sizes:
        How many bytes each file has, by its path. Reading one checks that.
    """

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._entries = {info.filename: info for info in _check_entries(archive)}
        self.sizes = {
            path: info.file_size
            for path, info in self._entries.items()
            if path.startswith(FOLDER) and path != FOLDER
        }

    def read_text(self) -> str:
        """Return the chats as JSON.

        Raises
        ------
        NotAsExpectedError
            They are missing, too long, or no text.
        """
        info = self._entries.get(JSON_FILE)
        if info is None:
            raise NotAsExpectedError(
                f"The zip has no {JSON_FILE} at its top. Choose the file as it was exported."
            )
        if info.file_size > MOST_TEXT_BYTES:
            raise NotAsExpectedError(
                f"{JSON_FILE} has more than {MOST_TEXT_BYTES // 1024**2} MB. Export single chats, "
                "and import one after the other."
            )
        try:
            return b"".join(self.read(JSON_FILE)).decode()
        except UnicodeDecodeError as error:
            raise NotAsExpectedError(f"{JSON_FILE} is not text in UTF-8.") from error

    def read(self, path: str) -> Iterator[bytes]:
        """Yield an entry piece by piece.

        Raises
        ------
        NotAsExpectedError
            It is not what the list says.
        """
        info = self._entries[path]
        left = info.file_size
        with _as_damaged(), self._archive.open(info) as entry:
            while piece := entry.read(PIECE_BYTES):
                left -= len(piece)
                if left < 0:
                    break
                yield piece
        if left:
            raise NotAsExpectedError(f"The zip is damaged: {quote_name(path)} has another size.")


def is_zip(path: Path) -> bool:
    """Return whether a file begins as a zip."""
    with path.open("rb") as file:
        return file.read(2) == b"PK"


@contextmanager
def open_zip(path: Path) -> Iterator[ImportedZip]:
    """Open a zip that is checked as far as it can be without unpacking it.

    Raises
    ------
    NotAsExpectedError
        It is not the zip of an export, is damaged, or claims more than an import may have.
    """
    entries = _check_end(path)
    with _as_damaged():
        archive = zipfile.ZipFile(path)
    with archive:
        if len(archive.infolist()) != entries:
            raise NotAsExpectedError(DAMAGED)
        yield ImportedZip(archive)


def _check_end(path: Path) -> int:
    """Refuse a zip whose list is too long, before it is read. Return how many entries it has."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _END.size - _LARGE_LOCATOR_BYTES))
        tail = file.read()
    end = tail[-_END.size :]
    if len(end) < _END.size or not end.startswith(_END_SIGNATURE) or end[-2:] != b"\0\0":
        raise NotAsExpectedError(DAMAGED)
    _, disk, start_disk, here, entries, list_bytes, start, _ = _END.unpack(end)
    if tail[: -_END.size].startswith(_LARGE_SIGNATURE):
        raise NotAsExpectedError("The zip has 4 GB or more, or 65,535 entries or more.")
    if entries > MOST_ENTRIES or list_bytes > MOST_LIST_BYTES:
        raise NotAsExpectedError(
            f"The zip has {entries:,} entries and may have {MOST_ENTRIES:,}. Export single chats, "
            "and import one after the other."
        )
    is_whole = (disk, start_disk, here) == (0, 0, entries)
    if not is_whole or start + list_bytes + _END.size != size:
        raise NotAsExpectedError(DAMAGED)
    return int(entries)


def _check_entries(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    infos = archive.infolist()
    known: set[str] = set()
    for info in infos:
        name = info.filename
        shown = quote_name(name)
        # Python ends a name at the first NUL, and other programs do not.
        if name != info.orig_filename or name in known:
            raise NotAsExpectedError(f"The zip has {shown} twice, or a name that is none.")
        known.add(name)
        if name not in (JSON_FILE, MARKDOWN_FILE, FOLDER) and not _NAME.fullmatch(name):
            raise NotAsExpectedError(f"The zip has {shown}, which is no part of an export.")
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG) and not (kind == stat.S_IFDIR and name == FOLDER):
            raise NotAsExpectedError(f"In the zip, {shown} is a link or a device, and no file.")
        if info.flag_bits & _ENCRYPTED:
            raise NotAsExpectedError("The zip has a password. Import it without one.")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise NotAsExpectedError(f"In the zip, {shown} is packed in a way that is not taken.")
        is_bounded = name in (JSON_FILE, MARKDOWN_FILE, FOLDER)
        if not is_bounded and info.file_size > MOST_RATIO * max(info.compress_size, 1):
            raise NotAsExpectedError(
                f"In the zip, {shown} is packed to less than a hundredth of its size. "
                "Pack the files less, or not at all."
            )
    _check_places(archive, infos)
    return infos


def _check_places(archive: zipfile.ZipFile, infos: list[zipfile.ZipInfo]) -> None:
    """Refuse entries that share bytes: a small zip could unpack to a large one."""
    ends = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < ends:
            raise NotAsExpectedError(DAMAGED)
        head = _ENTRY_HEAD_BYTES + len(info.filename.encode())
        ends = info.header_offset + head + info.compress_size
    if ends > archive.start_dir:
        raise NotAsExpectedError(DAMAGED)


@contextmanager
def _as_damaged() -> Iterator[None]:
    try:
        yield
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        NotImplementedError,
        RuntimeError,
        ValueError,  # such as a name that is not in its encoding
        struct.error,
        OverflowError,
    ) as error:
        if isinstance(error, NotAsExpectedError):
            raise
        raise NotAsExpectedError(DAMAGED) from error
