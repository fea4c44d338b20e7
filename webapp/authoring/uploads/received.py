"""The files that a user has attached, as ``@on_message`` gets them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from webapp.authoring.chat_message import ElementData, NewFile, StoredFile
from webapp.authoring.elements.element import Element
from webapp.authoring.elements.files import Audio, File, Image, Pdf, Video

_CLASSES: dict[str, type[Element]] = {it.kind: it for it in (Audio, File, Image, Pdf, Video)}


class ReceivedFile(Element):
    """A file that a user has attached.

    Its class is also that of its kind, such as ``File`` or ``Image``.

    Attributes
    ----------
    path:
        A local copy, as text. You may read and change it while the callback runs.
    mime:
        Its content type, by its content and its name.
    size:
        How many bytes it has.
    """

    def __init__(self, data: ElementData, path: Path | None) -> None:
        Element.__init__(self)
        self.name = data.name
        self.display = data.display
        self._id = data.id
        self._data = data
        self._local = path
        self._stored, self._known = data.file, data.details
        stored = data.file
        vars(self).update(
            path=str(path) if path is not None else None,
            mime=stored.mime if stored is not None else None,
            size=stored.size if stored is not None else 0,
        )

    def new_files(self) -> list[NewFile]:
        """Return the file, which the app may show with a message of its own, also later."""
        if self._local is None:
            return super().new_files()
        source: Path | StoredFile = self._local
        if self._stored is not None and not self._local.exists():
            source = self._stored  # the local copy is that of an earlier call
        return [NewFile(id=self._id, name=self.name, mime=self.mime, source=source)]

    def details(self, stored: Sequence[StoredFile]) -> dict[str, Any]:
        """Return what its kind has. The size of a picture is known when its copy is gone, too."""
        known = {key: self._known[key] for key in ("width", "height") if key in self._known}
        return {**known, **super().details(stored)}


def received_elements(
    elements: Sequence[ElementData],
    message_id: uuid.UUID,
    chat_id: str,
    paths: Mapping[uuid.UUID, Path],
) -> list[Element]:
    """Return what a user has attached to a message, as objects for the app's author.

    Parameters
    ----------
    paths:
        The local copies of the files, by the ids of the elements.
    """
    received = []
    for data in elements:
        kind = _CLASSES.get(data.kind, File)
        as_kind = type(kind.__name__, (ReceivedFile, kind), {"kind": data.kind})
        made = as_kind(data, paths.get(data.id))
        made._chat_id, made._message_id = chat_id, message_id
        received.append(made)
    return received
