"""The names of files: what is kept of them, and how an answer says them."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

from webapp.files.models import FILE_NAME_LIMIT

NO_NAME = "file"
# A name is saved with an ending, which counts more than its last letters.
ENDING_LENGTH = 16
# Zero-width joiners: some scripts and emoji need them, and nothing is hidden by them.
_JOINERS = "\u200c\u200d"
# What shells and file systems of any kind do not take.
_UNSAFE = re.compile(r'[:*?"<>|]+')
_NOT_SEEN = frozenset(("Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"))


def clean_file_name(name: str) -> str:
    """Return a name without folders, and without characters that are not seen or that turn others.

    Example
    -------
    >>> clean_file_name("../../etc/pass\\x00wd")
    'passwd'
    >>> clean_file_name("C:\\\\photos\\\\me.png")
    'me.png'
    """
    last = re.split(r"[/\\]", name)[-1]
    seen = "".join(
        char for char in last if char in _JOINERS or unicodedata.category(char) not in _NOT_SEEN
    )
    # A dot before the name hides a file, and one behind it is lost on Windows.
    plain = " ".join(_UNSAFE.sub(" ", seen).split()).strip(" .")
    if len(plain) > FILE_NAME_LIMIT:
        stem, dot, ending = plain.rpartition(".")
        kept = f".{ending}" if dot and len(ending) <= ENDING_LENGTH else ""
        plain = (stem if kept else plain)[: FILE_NAME_LIMIT - len(kept)].rstrip(" .") + kept
    return plain or NO_NAME


def content_disposition(name: str, *, shown: bool) -> str:
    """Return the header with a clean name: in ASCII, and in full as in RFC 6266.

    Parameters
    ----------
    shown:
        Whether a browser may show the file. Otherwise it saves it.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    # Percent signs and backslashes are read in different ways.
    plain = re.sub(r"[^\w !#$&()+,.=@\[\]^`{}~-]", "_", plain, flags=re.ASCII).strip(" .")
    full = quote(name, safe="")
    kind = "inline" if shown else "attachment"
    return f"{kind}; filename=\"{plain or NO_NAME}\"; filename*=UTF-8''{full}"
