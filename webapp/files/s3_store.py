"""Contents in S3-compatible object storage, which several hosts share.

Its address and keys come from the variables that all such programs know: `AWS_ACCESS_KEY_ID`,
`AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, and `AWS_ENDPOINT_URL` for storage that is not Amazon's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import BinaryIO

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store as Bucket

from webapp.files.contents import (
    PIECE_BYTES,
    FilesUnavailableError,
    StoredItem,
    check_content,
    is_sha256,
)

CONNECT_SECONDS = 3
# Nobody waits longer for a piece. What is stored may be sent over a slow line.
READ_SECONDS = 5
WRITE_SECONDS = 60
RETRY_SECONDS = 5
# S3 takes no smaller parts. One at a time, so that a large content is not in memory.
PART_BYTES = 5 * 1024 * 1024


class S3Store:
    """Keeps each content in an object of its own, ``prefix/ab/abcd...`` for ``abcd...``."""

    def __init__(self, url: str) -> None:
        self._bucket = _open(url, READ_SECONDS)
        self._bucket_to_write = _open(url, WRITE_SECONDS)

    def put(self, source: BinaryIO, sha256: str, size: int) -> None:
        """Store a content. S3 shows an object when all of it is there."""
        if self.exists(sha256):
            return
        pieces = check_content(source, sha256)
        with _unavailable():
            obstore.put(
                self._bucket_to_write,
                _key(sha256),
                pieces if size > PART_BYTES else b"".join(pieces),
                chunk_size=PART_BYTES,
                max_concurrency=1,
            )

    def exists(self, sha256: str) -> bool:
        """Return whether the content is here."""
        with _unavailable():
            try:
                obstore.head(self._bucket, _key(sha256))
            except (NotFoundError, FileNotFoundError):
                return False
        return True

    def read(self, sha256: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield a part of a content, each piece by a request of its own."""
        key = _key(sha256)
        with _unavailable():
            if stop is None:
                stop = obstore.head(self._bucket, key)["size"]
            while start < stop:
                end = min(start + PIECE_BYTES, stop)
                yield bytes(obstore.get_range(self._bucket, key, start=start, end=end))
                start = end

    def path(self, sha256: str) -> None:
        """Return ``None``: there are no local files."""
        del sha256

    def delete(self, sha256: str) -> None:
        """Delete a content, if it is here."""
        with _unavailable():
            try:
                obstore.delete(self._bucket, _key(sha256))
            except (NotFoundError, FileNotFoundError):
                return

    def list_all(self) -> Iterator[StoredItem]:
        """Yield what is here."""
        with _unavailable():
            for page in obstore.list(self._bucket):
                for item in page:
                    name = item["path"].rpartition("/")[2]
                    if is_sha256(name):
                        yield StoredItem(
                            sha256=name, size=item["size"], stored_at=item["last_modified"]
                        )

    def delete_unfinished(self, before: datetime) -> int:
        """Delete nothing: parts of an upload that never ended go by a rule of the bucket."""
        del before
        return 0


def _open(url: str, seconds: float) -> Bucket:
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    return Bucket.from_url(
        url,
        client_options={
            "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
            "timeout": timedelta(seconds=seconds),
            "allow_http": endpoint.startswith("http://"),
        },
        retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=RETRY_SECONDS)},
    )


def _key(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256}"


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except (NotFoundError, FileNotFoundError) as error:
        raise FileNotFoundError(str(error).splitlines()[0]) from error
    except (BaseError, OSError) as error:
        # Its text has the address, but no key.
        raise FilesUnavailableError(str(error).splitlines()[0]) from error
