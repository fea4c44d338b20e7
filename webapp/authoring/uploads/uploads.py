"""`Uploads`: which files users may attach to a message."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.authoring.arguments import is_number, is_whole
from webapp.authoring.errors import MisuseError, refuse_unknown_arguments
from webapp.authoring.overrides.config_overrides import SpontaneousFileUploadFeature

EVERY_TYPE = "*/*"
# What `accept` of an HTML file field takes, too.
_ENDING = re.compile(r"\.[\w+-]+(?:\.[\w+-]+)*")
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/(?:\*|[a-z0-9][a-z0-9!#$&^_.+-]*)", re.ASCII)
_ACCEPT_HELP = 'such as ["image/*", "application/pdf", ".csv"]'


@refuse_unknown_arguments
@dataclass(frozen=True)
class Uploads:
    """Which files users may attach to a message.

    Parameters
    ----------
    accept:
        Content types, such as ``"image/*"`` or ``"application/pdf"``, and endings of names, such
        as ``".csv"``. A file must be of one of them. ``None`` accepts every file. A dict of content
        types, each with a list of endings, counts as a list of both.
    max_files:
        The most files in one message. ``None`` means as many as ``WEBAPP_FILES_PER_MESSAGE``
        allows, which is also the most that counts.
    max_megabytes:
        The most megabytes (1,048,576 bytes) in one file. ``None`` means ``WEBAPP_FILE_BYTES``,
        which is also the most that counts.

    Raises
    ------
    MisuseError
        A type is malformed, or a number is below 1.

    Example
    -------
    >>> Uploads(accept=["image/*", ".PDF"], max_files=3).accept
    ('image/*', '.pdf')
    """

    accept: Sequence[str] | Mapping[str, Sequence[str]] | None = None
    max_files: int | None = None
    max_megabytes: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "accept", _clean_accept(self.accept))
        files: object = self.max_files
        if files is not None and not (is_whole(files) and files >= 1):
            raise MisuseError(
                "max_files of uploads must be a whole number from 1 up, or None, not "
                f"{files!r:.60}."
            )
        size: object = self.max_megabytes
        if size is not None and not (is_number(size) and 0 < size < 1e6):
            raise MisuseError(
                "max_megabytes of uploads, which is max_size_mb in Chainlit's configuration, must "
                f"be a number above 0, or None, not {size!r:.60}."
            )

    @property
    def types(self) -> tuple[str, ...]:
        """Return the types and endings, of which a file must have one; none if all are accepted."""
        return tuple(self.accept or ())


def read_upload_feature(feature: object) -> Uploads | bool | None:
    """Return which files a profile takes, by what Chainlit's configuration says of them."""
    if isinstance(feature, bool):
        return feature
    if not isinstance(feature, SpontaneousFileUploadFeature):
        raise MisuseError(
            "config_overrides.features.spontaneous_file_upload must be a "
            "SpontaneousFileUploadFeature, a dict, True, False or None."
        )
    if feature.enabled is False:
        return False
    rules = (feature.accept, feature.max_files, feature.max_size_mb)
    if rules == (None, None, None):
        return feature.enabled
    return Uploads(feature.accept, feature.max_files, feature.max_size_mb)


def _list_types(accept: Mapping[Any, Any]) -> list[Any]:
    """Return the content types of a dict, and all their endings."""
    for name, endings in accept.items():
        if not isinstance(endings, list | tuple | None):
            raise MisuseError(
                f"accept of uploads must have a list of endings for {name!r:.80}, such as "
                f'[".py"], not {endings!r:.80}.'
            )
    return [*accept, *(ending for each in accept.values() for ending in each or ())]


def _clean_accept(accept: Any) -> tuple[str, ...] | None:
    if accept is None:
        return None
    given = _list_types(accept) if isinstance(accept, Mapping) else accept
    if not isinstance(given, list | tuple):
        raise MisuseError(f"accept of uploads must be a list of content types, {_ACCEPT_HELP}.")
    if strange := [each for each in given if not isinstance(each, str)]:
        raise MisuseError(
            f"accept of uploads holds {strange[0]!r:.80}, which is no text; write {_ACCEPT_HELP}."
        )
    cleaned = tuple(dict.fromkeys(each.strip().lower() for each in given))
    for each in cleaned:
        if not (each == EVERY_TYPE or _ENDING.fullmatch(each) or _TYPE.fullmatch(each)):
            raise MisuseError(
                f"accept of uploads holds {each!r:.80}, which is neither a content type nor an "
                f"ending with its dot; write {_ACCEPT_HELP}."
            )
    if not cleaned:
        raise MisuseError(
            "accept of uploads is empty, so no file could be attached; leave it out to accept "
            "every file, or leave uploads off."
        )
    return None if EVERY_TYPE in cleaned else cleaned
