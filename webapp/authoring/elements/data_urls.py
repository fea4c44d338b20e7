"""Addresses that are the content themselves, as models return pictures (RFC 2397)."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

_DATA_URL = re.compile(r"data:([^,]*),(.*)", re.IGNORECASE | re.DOTALL)
_BASE_64 = ";base64"


def is_data_url(url: str) -> bool:
    """Return whether an address says that it is the content."""
    return url[: len("data:")].lower() == "data:"


def read_data_url(url: str) -> tuple[bytes, str | None] | None:
    """Return the content of an address and its content type; ``None`` if it cannot be read.

    Example
    -------
    >>> read_data_url("data:text/plain;base64,SGk=")
    (b'Hi', 'text/plain')
    """
    found = _DATA_URL.fullmatch(url)
    if found is None:
        return None
    head, content = found[1].strip(), unquote_to_bytes(found[2])
    mime = head.partition(";")[0].strip() or None
    if not head.lower().endswith(_BASE_64):
        return content, mime
    try:
        # Line ends stand in what mail and some models write. A part of the padding may be missing.
        plain = b"".join(content.split()).rstrip(b"=")
        return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True), mime
    except binascii.Error:
        return None
