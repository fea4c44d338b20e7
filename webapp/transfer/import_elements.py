"""The elements of imported messages, checked like all that is imported.

Ids and hashes of an export are never believed: an element gets a new id, and its file is what is in
the same zip.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

from webapp.authoring.chat_message import ElementData, ElementDisplay, ElementKind, StoredFile
from webapp.authoring.elements.element import (
    ELEMENT_NAME_LIMIT,
    ELEMENTS_PER_MESSAGE,
    ElementSize,
)
from webapp.authoring.json_values import json_problem
from webapp.authoring.text import clean_json
from webapp.files.contents import is_sha256
from webapp.files.models import FILE_NAME_LIMIT, MIME_LIMIT
from webapp.transfer.strict_json import Value

PATH_LIMIT = 250
ADDRESS_LIMIT = 2_000
# Of the details of one element, as JSON. The first page of a table is among them.
DETAILS_LIMIT = 500_000
# What each kind has. The rest of an element is the same for all.
_DETAILS: Mapping[ElementKind, frozenset[str]] = {
    "image": frozenset(("size", "width", "height")),
    "file": frozenset(("size",)),
    "pdf": frozenset(("page",)),
    "audio": frozenset(("auto_play",)),
    "video": frozenset(("size", "player_config")),
    "text": frozenset(("language", "text", "is_cut")),
    "dataframe": frozenset(("rows", "columns", "column_count", "page_rows", "head")),
    "plotly": frozenset(("height", "page_rows", "title")),
    "pyplot": frozenset(("size", "width", "height", "alt")),
    "custom": frozenset(("props",)),
}
_NUMBERS = ("width", "height", "page", "page_rows", "rows", "column_count")
_TEXTS = ("language", "text", "title", "alt")
_SWITCHES = ("auto_play", "is_cut")
_SIZE = "size"
_LISTS = ("columns", "head")
LARGEST_NUMBER = 2**53
_ADDRESS = re.compile(r"(https?:/)?/[^\s\x00-\x1f\x7f]+", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class FileOfZip:
    """A file that an element wants, and what the export says of it.

    Parameters
    ----------
    id:
        The new id.
    place:
        The place in words, for an error.
    """

    id: uuid.UUID
    path: str
    name: str
    sha256: str
    mime: str | None
    place: Value


@dataclass(frozen=True, kw_only=True)
class ImportedElement:
    """An element as it will be stored, but for its file."""

    data: ElementData
    file: FileOfZip | None = None
    dark: FileOfZip | None = None

    @property
    def files(self) -> Iterable[FileOfZip]:
        """Return its files."""
        return [file for file in (self.file, self.dark) if file is not None]

    def with_file(self, stored: Mapping[str, StoredFile]) -> ElementData:
        """Return the element as it is stored, with its file.

        Parameters
        ----------
        stored:
            What is in the store, by the paths in the zip.
        """
        details = dict(self.data.details)
        if self.dark is not None:
            details["dark"] = str(self.dark.id)
        file = stored[self.file.path] if self.file is not None else None
        return replace(self.data, file=file, details=details)


def read_elements(value: Value, paths: Container[str] | None) -> tuple[ImportedElement, ...]:
    """Return the elements of a message. One whose file was lost before the export is left out.

    Parameters
    ----------
    paths:
        The files that are in the zip; ``None`` if there is no zip.

    Raises
    ------
    NotAsExpectedError
        They are not as docs/export.md describes, or a file is missing.
    """
    if value.it is None:
        return ()
    found = [_read_element(each, paths) for each in value.items(ELEMENTS_PER_MESSAGE, "element")]
    return tuple(element for element in found if element is not None)


def read_sidebar(value: Value) -> dict[str, Any]:
    """Return the details of a panel beside the chat, if a message is one."""
    if value.it is None:
        return {}
    it = value.fields("title", "closed")
    title = it["title"].name(ELEMENT_NAME_LIMIT) or ""
    return {"sidebar": {"title": title, "closed": it["closed"].yes_or_no()}}


def _read_element(value: Value, paths: Container[str] | None) -> ImportedElement | None:
    it = value.fields("id", "kind", "name", "display", "file", "dark", "url", "details")
    it["id"].name(PATH_LIMIT)
    kind: ElementKind = it["kind"].one_of(*get_args(ElementKind))
    display: ElementDisplay = "inline"
    if it["display"].it is not None:
        display = it["display"].one_of(*get_args(ElementDisplay))
    element_id = uuid.uuid4()
    file = _read_file(it["file"], element_id, paths)
    url = it["url"].name(ADDRESS_LIMIT)
    if url is not None and not _ADDRESS.fullmatch(url):
        raise it["url"].wrong("must begin with https://, http:// or /")
    if file is None and it["file"].it is not None:
        return None
    if file is None and url is None and kind != "custom":
        raise value.wrong('has neither "file" nor "url"')
    return ImportedElement(
        data=ElementData(
            id=element_id,
            kind=kind,
            name=it["name"].text(FILE_NAME_LIMIT) if it["name"].it is not None else "",
            display=display,
            url=url if file is None else None,
            details=_read_details(it["details"], kind),
        ),
        file=file,
        dark=_read_file(it["dark"], uuid.uuid4(), paths) if kind == "pyplot" else None,
    )


def _read_file(value: Value, new_id: uuid.UUID, paths: Container[str] | None) -> FileOfZip | None:
    if value.it is None:
        return None
    it = value.fields("path", "name", "sha256", "size", "mime")
    path = it["path"].name(PATH_LIMIT)
    sha256 = it["sha256"].text(PATH_LIMIT)
    if not is_sha256(sha256):
        raise it["sha256"].wrong("must be 64 hexadecimal digits")
    if path is None:
        return None
    if paths is None:
        raise value.wrong(
            f"names {json.dumps(path)}, and a text has no files. Choose the zip that was exported"
        )
    if path not in paths:
        raise value.wrong(f"names {json.dumps(path)}, which is not in the zip")
    return FileOfZip(
        id=new_id,
        path=path,
        name=it["name"].name(FILE_NAME_LIMIT) or path,
        sha256=sha256,
        mime=it["mime"].name(MIME_LIMIT),
        place=value,
    )


def _read_details(value: Value, kind: ElementKind) -> dict[str, Any]:
    if value.it is None:
        return {}
    found: dict[str, Any] = {}
    for name, member in value.fields(*sorted(_DETAILS[kind])).items():
        if member.it is not None:
            _check_detail(name, member)
            found[name] = clean_json(member.it)
    if json_problem(found, "it") or len(json.dumps(found)) > DETAILS_LIMIT:
        raise value.wrong("is too long, or has a value that is none")
    return found


def _check_detail(name: str, value: Value) -> None:
    if name in _NUMBERS:
        if type(value.it) is not int or not 0 <= value.it <= LARGEST_NUMBER:
            raise value.wrong("must be a whole number, and not below 0")
    elif name == _SIZE:
        value.one_of(*get_args(ElementSize))
    elif name in _TEXTS:
        value.text(DETAILS_LIMIT)
    elif name in _SWITCHES:
        value.yes_or_no()
    elif type(value.it) is not (list if name in _LISTS else dict):
        raise value.wrong(f"must be {'a list' if name in _LISTS else 'an object'}")
