"""The chats of an import, which are checked completely before any of them is stored."""

from __future__ import annotations

import uuid
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, get_args

from webapp.authoring.chat_message import (
    ASSISTANT,
    COMPLETE,
    DIVIDER,
    ERROR,
    FAILED,
    INTERRUPTED,
    STOPPED,
    STREAMING,
    USER,
    ChatMessage,
    MessageKind,
    MessageStatus,
    StoredFile,
)
from webapp.authoring.draft import CONTENT_LIMIT
from webapp.authoring.profiles.profile import NAME_LIMIT
from webapp.authoring.steps.details import with_new_ids
from webapp.chats.models import TITLE_LIMIT
from webapp.chats.titles import make_title
from webapp.transfer.as_json import FORMAT, VERSION
from webapp.transfer.import_elements import ImportedElement, read_elements
from webapp.transfer.import_steps import read_details
from webapp.transfer.strict_json import Value, parse_json

MOST_CHATS = 1_000
MOST_MESSAGES = 20_000
# Each request for a chat reads the labels of its profiles.
MOST_PROFILES = 100
COMMENT_LIMIT = 4_000
LABEL_LIMIT = NAME_LIMIT
# "Continued from a title with a label".
DIVIDER_LIMIT = TITLE_LIMIT + LABEL_LIMIT + 100
# Links to icons are not imported.
ICON_LIMIT = 100_000
RATEABLE = (ASSISTANT, ERROR)


@dataclass(frozen=True)
class Rating:
    """The feedback on a message."""

    value: int
    comment: str | None


@dataclass(frozen=True)
class ImportedMessage:
    """A message as it will be stored, with its feedback."""

    message: ChatMessage
    # The id that it had where it was exported.
    old_id: str | None
    replaced: bool
    rating: Rating | None
    elements: Sequence[ImportedElement] = ()

    def with_files(self, stored: Mapping[str, StoredFile]) -> ChatMessage:
        """Return the message with its elements, whose files are in the store by now."""
        elements = tuple(element.with_file(stored) for element in self.elements)
        return replace(self.message, elements=elements) if elements else self.message


@dataclass(frozen=True, kw_only=True)
class ImportedChat:
    """A chat as it will be stored. Its id and its owner are never imported."""

    title: str | None
    profile: str | None
    snapshots: dict[str, Any]
    created_at: datetime
    active_at: datetime
    pinned: bool
    messages: list[ImportedMessage]
    # Of `user_session`. An export has none, since an app trusts them.
    values: Mapping[str, Any] = field(default_factory=dict)


def parse_export(
    text: str, now: datetime, paths: Container[str] | None = None
) -> list[ImportedChat]:
    """Return the chats of an export.

    Parameters
    ----------
    paths:
        The files that are beside the text in a zip; ``None`` if there is no zip.

    Raises
    ------
    NotAsExpectedError
        The text is not as docs/export.md describes. The error says where, in words.
    """
    whole = parse_json(text).fields("format", "version", "exported_at", "chats")
    whole["format"].one_of(FORMAT)
    whole["version"].one_of(VERSION)
    whole["exported_at"].time(now)
    chats = whole["chats"].items(MOST_CHATS, "chat")
    if not chats:
        raise whole["chats"].wrong("is empty, so there is nothing to import")
    found: list[ImportedChat] = []
    left = MOST_MESSAGES
    for chat in chats:
        found.append(_read_chat(chat, now, left, paths))
        left -= len(found[-1].messages)
    return found


def _read_chat(
    value: Value, now: datetime, left: int, paths: Container[str] | None
) -> ImportedChat:
    it = value.fields(
        "id",
        "title",
        "profile",
        "profiles",
        "created_at",
        "active_at",
        "pinned",
        "messages",
    )
    it["id"].name(NAME_LIMIT)
    messages = it["messages"].items(MOST_MESSAGES, "message")
    if len(messages) > left:
        raise it["messages"].wrong(f"brings the import to more than {MOST_MESSAGES:,} messages")
    said = [_read_message(message, now, number, paths) for number, message in enumerate(messages)]
    snapshots, profile = _read_snapshots(it["profiles"]), it["profile"].name(NAME_LIMIT)
    if len({profile, *snapshots, *(m.message.profile for m in said)} - {None}) > MOST_PROFILES:
        raise it["messages"].wrong(f"brings the chat to more than {MOST_PROFILES} profiles")
    title = it["title"].name(TITLE_LIMIT)
    if title is None:
        title = make_title(next((m.message.content for m in said if m.message.kind == USER), ""))
    else:
        title = " ".join(title.split())
    return ImportedChat(
        title=title,
        profile=profile,
        snapshots=snapshots,
        created_at=it["created_at"].time(now),
        active_at=it["active_at"].time(now),
        pinned=it["pinned"].yes_or_no(),
        messages=_link(said),
    )


def _link(messages: list[ImportedMessage]) -> list[ImportedMessage]:
    """Return messages whose details name each other by their new ids."""
    ids = {it.old_id: it.message.id for it in messages if it.old_id is not None}
    return [
        it
        if it.message.details is None
        else replace(
            it, message=replace(it.message, details=with_new_ids(it.message.details, ids.get))
        )
        for it in messages
    ]


def _read_snapshots(value: Value) -> dict[str, Any]:
    if value.it is None:
        return {}
    found: dict[str, Any] = {}
    for name, snapshot in value.members(MOST_PROFILES, "profile"):
        key = Value("the name", snapshot, name).name(NAME_LIMIT)
        if key is None or key in found:
            raise snapshot.wrong("has no name, or the name of another one")
        it = snapshot.fields("label", "icon")
        it["icon"].name(ICON_LIMIT)
        # An icon of another site would tell that site who reads the chat, and when.
        found[key] = {"label": it["label"].name(LABEL_LIMIT), "icon": None}
    return found


def _read_message(
    value: Value, now: datetime, sequence: int, paths: Container[str] | None
) -> ImportedMessage:
    it = value.fields(
        "id",
        "kind",
        "author",
        "content",
        "status",
        "created_at",
        "profile",
        "details",
        "elements",
        "feedback",
        "replaced",
    )
    status: MessageStatus = COMPLETE
    if it["status"].it is not None:
        status = it["status"].one_of(COMPLETE, STOPPED, FAILED, INTERRUPTED, STREAMING)
    kind: MessageKind = it["kind"].one_of(*get_args(MessageKind))
    message = ChatMessage(
        id=uuid.uuid4(),
        kind=kind,
        author=it["author"].name(NAME_LIMIT),
        content=it["content"].text(DIVIDER_LIMIT if kind == DIVIDER else CONTENT_LIMIT),
        # Nobody writes the rest of it any more.
        status=INTERRUPTED if status == STREAMING else status,
        created_at=it["created_at"].time(now),
        profile=it["profile"].name(NAME_LIMIT),
        sequence=sequence,
        details=read_details(it["details"], kind),
    )
    replaced = it["replaced"].yes_or_no()
    rating = None
    if it["feedback"].it is not None:
        feedback = it["feedback"].fields("value", "comment")
        if message.kind not in RATEABLE:
            raise it["feedback"].wrong("is not possible: only an answer can be rated")
        thumb = int(feedback["value"].one_of(1, -1))
        rating = Rating(thumb, feedback["comment"].name(COMMENT_LIMIT))
    elements = read_elements(it["elements"], paths)
    if elements and kind == DIVIDER:
        raise it["elements"].wrong("is not possible: a divider shows nothing")
    return ImportedMessage(message, it["id"].name(NAME_LIMIT), replaced, rating, elements)
