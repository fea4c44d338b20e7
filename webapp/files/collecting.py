"""Removing files that nothing refers to any more: rows first, then contents."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.engine import Connection

from webapp.database.engines import read_connection, utc_now, write_transaction
from webapp.files.contents import FilesUnavailableError
from webapp.files.models import File, StoredContent
from webapp.files.rows import delete_content_row, lock_contents
from webapp.files.store import file_store
from webapp.web.background import in_background
from webapp.web.log import log_event

# What is younger may belong to a message that is not stored yet.
LEFT_FOR = timedelta(days=1)
CONTENTS_AT_ONCE = 1_000
_IS_UNNAMED = ~exists().where(File.sha256 == StoredContent.sha256)


def delete_rows(connection: Connection, which: ColumnElement[bool]) -> set[str]:
    """Delete rows of files, and return their contents. Give them to `collect_contents` later."""
    return set(connection.scalars(delete(File).where(which).returning(File.sha256)))


def collect_contents(contents: Iterable[str]) -> int:
    """Delete those of these contents that no file names any more, and return how many.

    Call it after the transaction that removed the rows.

    Raises
    ------
    FilesUnavailableError
        The store does not answer. What is left is found by `collect_unnamed`.
    """
    count = 0
    for sha256 in sorted(contents):
        with write_transaction() as connection:
            if delete_content_row(connection, sha256):
                # Before the commit: whoever stores the same content again waits until it is over.
                file_store().delete(sha256)
                count += 1
    return count


def collect_or_leave(contents: Iterable[str]) -> None:
    """Delete contents that no file names any more. What cannot be deleted now is left to a job."""
    try:
        collect_contents(contents)
    except FilesUnavailableError as error:
        log_event("files.not_deleted", level=logging.WARNING, error=str(error))


def collect_soon(contents: Iterable[str]) -> None:
    """Do the same in the background, so that nobody waits for a store."""
    found = set(contents)
    if found:
        in_background("files", collect_or_leave, found)


def discard_contents(sizes: Mapping[str, int]) -> int:
    """Delete contents that were stored and perhaps never named, and return how many.

    Parameters
    ----------
    sizes:
        By the hashes of the contents.

    Raises
    ------
    FilesUnavailableError
        As for `collect_contents`.
    """
    count = 0
    for sha256, size in sorted(sizes.items()):
        with write_transaction() as connection:
            # Noted and deleted at once, so that whoever names it now waits, and stores it again.
            lock_contents(connection, {sha256: size}, utc_now())
            if delete_content_row(connection, sha256):
                file_store().delete(sha256)
                count += 1
    return count


def collect_unnamed() -> int:
    """Delete all contents that no file names, and return how many."""
    count, after = 0, ""
    while True:
        query = select(StoredContent.sha256).where(StoredContent.sha256 > after, _IS_UNNAMED)
        with read_connection() as connection:
            ordered = query.order_by(StoredContent.sha256).limit(CONTENTS_AT_ONCE)
            found = list(connection.scalars(ordered))
        if not found:
            return count
        count += collect_contents(found)
        after = found[-1]


def collect_unknown() -> int:
    """Delete what is in the store and in no row, and what was never stored to its end.

    A process that ended between storing a content and naming it leaves such. Return how many
    contents that were.
    """
    store, before, unknown = file_store(), utc_now() - LEFT_FOR, dict[str, int]()
    for item in store.list_all():
        if item.stored_at >= before:
            continue
        with read_connection() as connection:
            known = select(StoredContent.sha256).where(StoredContent.sha256 == item.sha256)
            if connection.execute(known).first() is None:
                unknown[item.sha256] = item.size
    # All are found before one is deleted.
    return discard_contents(unknown) + store.delete_unfinished(before)
