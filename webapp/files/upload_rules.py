"""Which files a user may attach in a chat: what the app says, within the limits of the site."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webapp.authoring.profiles.profile import ChatProfile
from webapp.authoring.uploads.uploads import Uploads
from webapp.config.settings import Settings
from webapp.files.types import mime_of_name
from webapp.site import chat_app, settings

MEGABYTE = 1024 * 1024
# Types that people call by another name.
WORDS = {
    "image/*": "pictures",
    "audio/*": "sound",
    "video/*": "videos",
    "text/*": "text",
    "text/plain": "plain text",
    "text/csv": "CSV",
    "application/pdf": "PDF",
    "application/json": "JSON",
    "image/jpeg": "JPEG",
    "image/png": "PNG",
}
# Whose content says nothing of the language that it is written in.
_TEXT = re.compile(
    r"text/.*|application/(json|xml|toml|yaml|x-yaml|sql|javascript|x-sh|x-python)|.*\+(xml|json)"
)


@dataclass(frozen=True, kw_only=True)
class UploadRules:
    """What users may attach to a message.

    Parameters
    ----------
    types:
        Content types and endings, of which a file must have one; none if all files are accepted.
    max_bytes:
        Of one file.
    """

    types: tuple[str, ...]
    max_files: int
    max_bytes: int

    @property
    def accept(self) -> str:
        """Return the types as a file field of HTML takes them."""
        return ",".join(self.types)

    @property
    def kinds(self) -> str:
        """Return what is accepted, in words; an empty text for everything."""
        return ", ".join(dict.fromkeys(WORDS.get(each, each) for each in self.types))

    @property
    def hint(self) -> str:
        """Return what may be attached, in words."""
        most = "1 file" if self.max_files == 1 else f"{self.max_files} files"
        kinds = f": {self.kinds}" if self.types else ""
        return f"At most {most} of {megabytes(self.max_bytes)} MB each{kinds}."

    def accepts(self, name: str, mime: str) -> bool:
        """Return whether a file may be attached.

        Parameters
        ----------
        mime:
            Its content type by its content and its name.
        """
        return not self.types or any(_fits(wanted, name.lower(), mime) for wanted in self.types)


def find_upload_rules(profile: ChatProfile | None) -> UploadRules | None:
    """Return what may be attached under a profile; ``None`` if nothing."""
    ours, own = chat_app().uploads, profile.uploads if profile is not None else None
    uploads = ours if own is None else (ours or Uploads()) if own is True else own
    if not uploads:
        return None
    most, largest = settings().files_per_message, settings().file_bytes
    if uploads.max_megabytes is not None:
        largest = min(largest, int(uploads.max_megabytes * MEGABYTE))
    return UploadRules(
        types=uploads.types,
        max_files=min(most, uploads.max_files or most),
        max_bytes=max(1, largest),
    )


def rules_of_question(asked: Mapping[str, Any], site: Settings) -> UploadRules:
    """Return which files the app has asked for, within the limits of the site.

    Parameters
    ----------
    asked:
        The ``accept``, ``max_files`` and ``max_size_mb`` of the question.
    """
    return UploadRules(
        types=tuple(asked["accept"]),
        max_files=min(asked["max_files"], site.files_per_message),
        max_bytes=max(1, min(int(asked["max_size_mb"] * MEGABYTE), site.file_bytes)),
    )


def megabytes(size: int) -> str:
    """Return a size in megabytes, with one digit behind the point if it is no whole number.

    Example
    -------
    >>> megabytes(25 * 1024 * 1024), megabytes(1_500_000)
    ('25', '1.4')
    """
    return f"{size * 10 // MEGABYTE / 10:g}"


def _fits(wanted: str, name: str, mime: str) -> bool:
    if not wanted.startswith("."):
        return mime == wanted or (wanted.endswith("/*") and mime.startswith(wanted[:-1]))
    # An ending is what somebody has typed. The content must be what such a name promises.
    promised = mime_of_name(f"a{wanted}")
    is_text = _TEXT.fullmatch(promised or "") and _TEXT.fullmatch(mime)
    return name.endswith(wanted) and (promised in (None, mime) or bool(is_text))
