"""Making chats of the threads of Chainlit."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from webapp.authoring.chat_message import (
    ASSISTANT,
    COMPLETE,
    ERROR,
    STEP,
    USER,
    ChatMessage,
    ElementData,
    MessageKind,
)
from webapp.authoring.draft import CONTENT_LIMIT
from webapp.authoring.elements.element import ELEMENTS_PER_MESSAGE, Element, ElementArguments
from webapp.authoring.elements.files import Audio, File, Image, Pdf, Video
from webapp.authoring.elements.texts import Text
from webapp.authoring.errors import MisuseError
from webapp.authoring.json_values import json_problem
from webapp.authoring.messages.values import AUTHOR_LIMIT
from webapp.authoring.profiles.profile import NAME_LIMIT
from webapp.authoring.steps.details import StepDetails
from webapp.authoring.text import as_code_block, clean_json, clean_text
from webapp.chats.models import TITLE_LIMIT
from webapp.chats.titles import make_title
from webapp.files.saving import FileTooLargeError, PreparedFile, prepare_files
from webapp.transfer.chainlit.source import Row, Source, read_json
from webapp.transfer.import_data import COMMENT_LIMIT, ImportedChat, ImportedMessage, Rating

# What Chainlit calls an assistant that its author has not named.
UNNAMED = ("Assistant", "Chatbot", "assistant")
# What it keeps in the metadata of a thread beside the values of `user_session`.
NO_VALUES = ("id", "env", "chat_settings", "user", "chat_profile", "client_type", "languages")
_MESSAGES: Mapping[str, MessageKind] = {
    "user_message": USER,
    "assistant_message": ASSISTANT,
    "system_message": ASSISTANT,
}
# They stand for a call of a callback, and Chainlit does not show them.
_CALLS = ("run",)
_ELEMENTS: Mapping[str, type[Element]] = {
    "image": Image,
    "pdf": Pdf,
    "audio": Audio,
    "video": Video,
    "text": Text,
}


@dataclass
class Left:
    """What could not be brought over, by what it is, for the report."""

    files: list[str] = field(default_factory=list)
    elements: int = 0
    cut: int = 0


@dataclass(frozen=True, kw_only=True)
class ThreadAsChat:
    """A thread as the chat that it becomes, and the files that its messages show."""

    id: uuid.UUID
    chat: ImportedChat
    files: Mapping[uuid.UUID, Sequence[PreparedFile]]


def id_of(row: Row) -> uuid.UUID:
    """Return the id that a row has here: its own, or one that is made from it."""
    try:
        return uuid.UUID(str(row["id"]))
    except ValueError:
        return uuid.uuid5(uuid.NAMESPACE_OID, f"chainlit:{row['id']}")


class ThreadReader:
    """Makes chats of threads.

    Parameters
    ----------
    files:
        The folder that has the files of elements, by the keys that they have in the storage of the
        Chainlit app. Without it, elements with an address become links.
    """

    def __init__(self, source: Source, files: Path | None, now: datetime) -> None:
        self._source = source
        self._files = files
        self._now = now
        self.left = Left()

    def read(self, thread: Row, *, stores: bool) -> ThreadAsChat:
        """Return a thread as a chat.

        Parameters
        ----------
        stores:
            Whether its files are put into the store. The rows that name them come later.
        """
        layout = self._source.layout
        steps = self._source.of_thread(layout.steps, thread)
        begun = self._time(thread.get("createdAt")) or self._now
        steps = sorted(steps, key=lambda step: self._begin(step, begun))
        feedback = self._source.feedback(thread)
        metadata = read_json(thread.get("metadata"))
        metadata = metadata if isinstance(metadata, dict) else {}
        chosen = metadata.get("chat_profile")
        chosen = clean_text(chosen).strip() if isinstance(chosen, str) else ""
        profile = chosen[:NAME_LIMIT] or None

        messages: list[ImportedMessage] = []
        files: dict[uuid.UUID, Sequence[PreparedFile]] = {}
        elements: dict[str, list[Row]] = {}
        for row in self._source.of_thread(self._source.layout.elements, thread):
            step_id = str(row.get(self._source.layout.step_of_element))
            elements.setdefault(step_id, []).append(row)
        shown = {str(step["id"]): step for step in steps}
        for step in steps:
            message = self._message(step, shown, profile, begun, len(messages))
            if message is None:
                continue
            given = elements.get(str(step["id"]), ())[:ELEMENTS_PER_MESSAGE]
            data, prepared = self._store(given, stores=stores)
            if prepared:
                files[message.id] = prepared
            if not (message.content or data or message.kind == STEP):
                continue
            message = replace(message, elements=data)
            rating = _rating(feedback.get(str(step["id"])), message.kind)
            messages.append(ImportedMessage(message, None, replaced=False, rating=rating))
        last = messages[-1].message.created_at if messages else begun
        first = next((it.message.content for it in messages if it.message.kind == USER), "")
        title = " ".join(clean_text(str(thread.get("name") or "")).split())[:TITLE_LIMIT]
        chat = ImportedChat(
            title=title or make_title(first),
            profile=profile,
            snapshots={profile: {"label": profile, "icon": None}} if profile else {},
            created_at=begun,
            active_at=max(begun, last),
            pinned=False,
            messages=messages,
            values=_values(metadata),
        )
        return ThreadAsChat(id=id_of(thread), chat=chat, files=files)

    def _message(
        self, step: Row, shown: Mapping[str, Row], profile: str | None, begun: datetime, place: int
    ) -> ChatMessage | None:
        kind = str(step.get("type") or "")
        if kind in _CALLS:
            return None
        # Of the user, older versions kept the text as the input.
        output = str(step.get("output") or (kind == "user_message" and step.get("input")) or "")
        content, language = clean_text(output), step.get("language")
        if len(content) > CONTENT_LIMIT:
            content, self.left.cut = content[:CONTENT_LIMIT], self.left.cut + 1
        name = clean_text(str(step.get("name") or ""))
        is_error = bool(step.get("isError"))
        details: dict[str, Any] | None = None
        author = None
        if kind in _MESSAGES:
            shown_kind = ERROR if is_error and _MESSAGES[kind] == ASSISTANT else _MESSAGES[kind]
            if language:
                content = as_code_block(content, str(language))
            if shown_kind != USER and name not in (*UNNAMED, profile or ""):
                author = name[:AUTHOR_LIMIT] or None
        else:
            shown_kind = STEP
            details = self._step(step, name, kind, shown).to_json()
        return ChatMessage(
            id=id_of(step),
            kind=shown_kind,
            author=author,
            content=content,
            status=COMPLETE,
            created_at=self._begin(step, begun),
            profile=profile,
            sequence=place,
            details=details,
        )

    def _step(self, step: Row, name: str, kind: str, shown: Mapping[str, Row]) -> StepDetails:
        shows = str(step.get("showInput") or "").lower()
        shows_input = shows not in ("", "false", "none")
        layout = self._source.layout
        start, end = (self._time(step.get(each)) for each in (layout.start, layout.end))
        parent = shown.get(str(step.get("parentId")))
        while parent is not None and str(parent.get("type")) in _CALLS:
            parent = shown.get(str(parent.get("parentId")))
        is_step = parent is not None and str(parent.get("type")) not in _MESSAGES
        return StepDetails(
            name=name[:NAME_LIMIT] or kind,
            type=kind[:40] or "undefined",
            parent=str(id_of(parent)) if parent is not None and is_step else None,
            input=clean_text(str(step.get("input") or "")) if shows_input else "",
            input_language=shows if shows_input and shows != "true" else None,
            language=str(step["language"])[:40] if step.get("language") else None,
            is_error=bool(step.get("isError")),
            start=start.isoformat() if start else None,
            end=end.isoformat() if end else None,
        )

    def _store(
        self, rows: Sequence[Row], *, stores: bool
    ) -> tuple[tuple[ElementData, ...], list[PreparedFile]]:
        data: list[ElementData] = []
        files: list[PreparedFile] = []
        for row in rows:
            element = self._element(row)
            if element is None:
                continue
            new = element.new_files()
            try:
                prepared = prepare_files(new) if stores else []
            except FileTooLargeError:
                self.left.files.append(element.name)
                continue
            files += prepared
            stored = [file.stored for file in prepared]
            data.append(
                ElementData(
                    id=uuid.UUID(element.id),
                    kind=element.kind,
                    name=element.name,
                    display=element.display,
                    file=stored[0] if stored else None,
                    url=element.url,
                    details=element.details(stored),
                )
            )
        return tuple(data), files

    def _element(self, row: Row) -> Element | None:
        """Return an element as ours; ``None`` if there is nothing that it could show."""
        metadata = read_json(row.get("metadata"))
        metadata = metadata if isinstance(metadata, dict) else {}
        kind = str(row.get("type") or metadata.get("type") or "file")
        name = clean_text(str(row.get("name") or ""))[:200]
        if kind in ("tasklist", "custom"):
            self.left.elements += 1
            return None
        made = _ELEMENTS.get(kind, File)
        display = row.get("display") or metadata.get("display")
        given: ElementArguments = {"name": name}
        if display in ("inline", "side", "page"):
            given["display"] = display
        path = self._path(row)
        url = str(row.get("url") or "")
        if path is not None:
            given["path"] = path
        elif url.lower().startswith(("http://", "https://")):
            given["url"] = url
        else:
            self.left.files.append(name or str(row["id"]))
            return None
        if row.get("mime") and made is not Text:
            given["mime"] = str(row["mime"])
        try:
            return made(**given)
        except MisuseError:
            self.left.elements += 1
            return None

    def _path(self, row: Row) -> Path | None:
        key = str(row.get("objectKey") or "")
        if self._files is None or not key:
            return None
        try:
            path = (self._files / key).resolve()
            inside = path.is_relative_to(self._files.resolve()) and path.is_file()
        except (OSError, ValueError):
            return None
        return path if inside else None

    def _begin(self, step: Row, begun: datetime) -> datetime:
        known = step.get("createdAt") or step.get(self._source.layout.start)
        return self._time(known) or begun

    def _time(self, value: object) -> datetime | None:
        """Return a time of Chainlit, which is text in one layer, and in UTC without a zone."""
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                return None
        if not isinstance(value, datetime):
            return None
        time = value if value.tzinfo else value.replace(tzinfo=UTC)
        return min(time.astimezone(UTC), self._now)


def _rating(feedback: Row | None, kind: MessageKind) -> Rating | None:
    if feedback is None or kind not in (ASSISTANT, ERROR):
        return None
    comment = clean_text(str(feedback.get("comment") or ""))[:COMMENT_LIMIT]
    return Rating(1 if float(feedback["value"] or 0) > 0 else -1, comment or None)


def _values(metadata: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: it for key, it in metadata.items() if key not in NO_VALUES and it is not None}
    cleaned: dict[str, Any] = clean_json(kept) if json_problem(kept, "the metadata") is None else {}
    return cleaned
