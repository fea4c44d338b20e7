"""The content type of a file, by its content first and its name second.

What a name says is believed only if the content does not say otherwise, and if a browser does
nothing with it but save it.
"""

from __future__ import annotations

import mimetypes
import re
from functools import lru_cache

from webapp.files.media_types import find_media_type
from webapp.files.models import MIME_LIMIT

# What is looked at.
HEAD_BYTES = 8 * 1024
UNKNOWN = "application/octet-stream"
PLAIN_TEXT = "text/plain"
SVG = "image/svg+xml"
PDF = "application/pdf"
# What a browser may show by itself: no such content can run a script, and each is known by how it
# begins.
SHOWN = frozenset(
    (
        PDF,
        "audio/aac",
        "audio/flac",
        "audio/mp4",
        "audio/mpeg",
        "audio/ogg",
        "audio/wav",
        "audio/webm",
        "image/avif",
        "image/bmp",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/webp",
        "image/x-icon",
        "video/mp4",
        "video/ogg",
        "video/quicktime",
        "video/webm",
    )
)
# What a browser may run, or read other things from.
ACTIVE = re.compile(
    r"(text|application)/(html|xml|(x-)?(java|ecma)script|xhtml.*|wasm|x-shockwave-flash)|.*\+xml"
    r"|multipart/.*|message/.*|text/(x-)?(component|css|xsl|vbscript|cache-manifest)"
)
# Other names of the same types, and names that stand for several.
_SAME = {
    "audio/wave": "audio/wav",
    "audio/x-wav": "audio/wav",
    "audio/x-flac": "audio/flac",
    "audio/x-m4a": "audio/mp4",
    "audio/mp3": "audio/mpeg",
    "audio/x-aac": "audio/aac",
    "audio/mp4a-latm": "audio/mp4",
    "image/jpg": "image/jpeg",
    "image/x-ms-bmp": "image/bmp",
    "image/vnd.microsoft.icon": "image/x-icon",
}
# What Python's own table lacks.
_NAMES = {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".flac": "audio/flac",
    ".log": PLAIN_TEXT,
    ".m4a": "audio/mp4",
    ".md": "text/markdown",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".ogv": "video/ogg",
    ".opus": "audio/ogg",
    ".parquet": "application/vnd.apache.parquet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".weba": "audio/webm",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}
_CONTAINERS = {
    "application/ogg": frozenset(("audio/ogg", "video/ogg")),
    "video/mp4": frozenset(("audio/mp4",)),
    "video/webm": frozenset(("audio/webm",)),
}
_MIME = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*", re.ASCII)
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MARKUP = re.compile(r"\ufeff?\s*<(?:[!?/]|[a-z])", re.IGNORECASE)
_SVG_ROOT = re.compile(r"<(?:\w+:)?svg[\s>/]", re.IGNORECASE)
_XML_ROOT = re.compile(r"\ufeff?\s*<\?xml\s", re.IGNORECASE)


def find_mime(head: bytes, name: str, said: str | None = None) -> str:
    """Return the content type of a file.

    Parameters
    ----------
    head:
        Its first `HEAD_BYTES`.
    said:
        The type that whoever gave the file says it has. It counts if nothing else tells.
    """
    by_name = mime_of_name(name)
    text = _decode(head)
    if head.startswith(b"%PDF-"):
        return PDF
    if text is not None:
        return _type_of_text(text, by_name, said)

    found = _types_of_binary(head)
    for type_ in found:
        if by_name is not None and by_name in _CONTAINERS.get(type_, ()):
            return by_name
        if type_ in SHOWN:
            return type_
    for claimed in (by_name, _clean_mime(said)):
        if claimed is None:
            continue
        if claimed in found or (not found and _is_only_saved(claimed)):
            return claimed
    return found[0] if found else UNKNOWN


def is_shown(mime: str) -> bool:
    """Return whether a browser may show such a content in a tab of its own."""
    return mime in SHOWN or mime == PLAIN_TEXT


def _type_of_text(text: str, by_name: str | None, said: str | None) -> str:
    if _MARKUP.match(text):
        if _SVG_ROOT.search(text) and (by_name == SVG or _SVG_ROOT.match(text.lstrip("\ufeff \n"))):
            return SVG
        return "application/xml" if _XML_ROOT.match(text) else "text/html"
    for type_ in (by_name, _clean_mime(said)):
        # A text may have any ending of a text. It is no picture, whatever its name says.
        if type_ is not None and (type_.startswith("text/") or _is_only_saved(type_)):
            return type_
    return PLAIN_TEXT


def _types_of_binary(head: bytes) -> list[str]:
    media = find_media_type(head)
    if media is not None:
        return [media]

    import puremagic  # noqa: PLC0415 - 3 MiB, in a process that meets a file

    try:
        matches = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return []
    found = (_clean_mime(match.mime_type) for match in matches)
    return [type_ for type_ in found if type_ is not None and not ACTIVE.fullmatch(type_)]


def _is_only_saved(mime: str) -> bool:
    """Return whether a browser can do nothing with such a type but save it."""
    is_media = mime.partition("/")[0] in ("image", "audio", "video", "text", "font")
    return not (is_media or mime in SHOWN or ACTIVE.fullmatch(mime))


def _decode(head: bytes) -> str | None:
    """Return the beginning of a text, or ``None`` if it is none."""
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        # The last character may go on after the part that is looked at.
        if len(head) < HEAD_BYTES or error.start < len(head) - 3:
            return None
        text = head[: error.start].decode()
    return None if _CONTROLS.search(text) else text


def _clean_mime(mime: str | None) -> str | None:
    plain = (mime or "").partition(";")[0].strip().lower()
    plain = _SAME.get(plain, plain)
    return plain if len(plain) <= MIME_LIMIT and _MIME.fullmatch(plain) else None


def mime_of_name(name: str) -> str | None:
    """Return the content type that a name promises, if its ending is known."""
    _, dot, ending = name.rpartition(".")
    return _clean_mime(_types_of_names().guess_type(f"a.{ending}")[0]) if dot else None


@lru_cache(maxsize=1)
def _types_of_names() -> mimetypes.MimeTypes:
    # Without the tables of this machine: the same file has the same type everywhere.
    types = mimetypes.MimeTypes()
    for ending, mime in _NAMES.items():
        types.add_type(mime, ending)
    return types
