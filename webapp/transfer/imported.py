"""What an import may hold: everything is looked at before anything is stored."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

from webapp.authoring.chat_message import (
    ASSISTANT,
    COMPLETE,
    ERROR,
    FAILED,
    INTERRUPTED,
    STOPPED,
    STREAMING,
    USER,
    ChatMessage,
    MessageKind,
    MessageStatus,
)
from webapp.authoring.transcript import CONTENT_LIMIT
from webapp.authoring.types import NAME_LIMIT
from webapp.chats.models import TITLE_LIMIT
from webapp.chats.titles import make_title
from webapp.transfer.as_json import FORMAT, VERSION
from webapp.transfer.strict_json import Value, parsed, shown

MOST_CHATS = 1_000
MOST_MESSAGES = 20_000
MOST_PROFILES = 1_000
COMMENT_LIMIT = 4_000
# An app may give its profiles labels of any length, and a link to an icon is dropped anyway.
LABEL_LIMIT = ICON_LIMIT = 100_000
RATED = (ASSISTANT, ERROR)


@dataclass(frozen=True)
class Rating:
    """The feedback that a message had."""

    value: int
    comment: str | None


@dataclass(frozen=True)
class ImportedMessage:
    """A message as it will be stored, and what is kept beside it."""

    message: ChatMessage
    replaced: bool
    rating: Rating | None


@dataclass(frozen=True, kw_only=True)
class ImportedChat:
    """A chat as it will be stored, but for its ids and its owner, which are never taken over."""

    title: str | None
    profile: str | None
    snapshots: dict[str, Any]
    created_at: datetime
    active_at: datetime
    pinned: bool
    messages: list[ImportedMessage]


def imported_chats(text: str, now: datetime) -> list[ImportedChat]:
    """Return the chats that an export holds.

    Raises
    ------
    NotAsExpectedError
        When anything in it is not as docs/export.md says; the text says where.
    """
    whole = parsed(text).fields("format", "version", "exported_at", "chats")
    whole["format"].one_of(FORMAT)
    whole["version"].one_of(VERSION)
    whole["exported_at"].time(now)
    chats = whole["chats"].items(MOST_CHATS)
    if not chats:
        raise whole["chats"].wrong("is empty, so there is nothing to import")
    found, left = [], MOST_MESSAGES
    for chat in chats:
        found.append(_chat(chat, now, left))
        left -= len(found[-1].messages)
    return found


def _chat(value: Value, now: datetime, left: int) -> ImportedChat:
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
    messages = it["messages"].items(MOST_MESSAGES)
    if len(messages) > left:
        raise it["messages"].wrong(f"more than {MOST_MESSAGES:,} messages in all")
    said = [_message(message, now, number) for number, message in enumerate(messages)]
    return ImportedChat(
        title=_title(it["title"], said),
        profile=it["profile"].name(NAME_LIMIT),
        snapshots=_snapshots(it["profiles"]),
        created_at=it["created_at"].time(now),
        active_at=it["active_at"].time(now),
        pinned=it["pinned"].yes_or_no(),
        messages=said,
    )


def _title(value: Value, said: list[ImportedMessage]) -> str | None:
    given = value.name(TITLE_LIMIT)
    if given is not None:
        return " ".join(given.split())
    first = next((m.message.content for m in said if m.message.kind == USER), "")
    return make_title(first)


def _snapshots(value: Value) -> dict[str, Any]:
    if value.it is None:
        return {}
    found: dict[str, Any] = {}
    for name, snapshot in value.members(MOST_PROFILES):
        key = Value(snapshot.where, name).name(NAME_LIMIT)
        if key is None or key in found:
            raise snapshot.wrong(f"{shown(name)} is no name of its own")
        it = snapshot.fields("label", "icon")
        it["icon"].name(ICON_LIMIT)
        # A picture from anywhere would tell its server who reads the chat, and when.
        found[key] = {"label": it["label"].name(LABEL_LIMIT), "icon": None}
    return found


def _message(value: Value, now: datetime, sequence: int) -> ImportedMessage:
    it = value.fields(
        "id",
        "kind",
        "author",
        "content",
        "status",
        "created_at",
        "profile",
        "feedback",
        "replaced",
    )
    it["id"].name(NAME_LIMIT)
    message = ChatMessage(
        id=uuid.uuid4(),
        kind=it["kind"].one_of(*get_args(MessageKind)),
        author=it["author"].name(NAME_LIMIT),
        content=it["content"].text(CONTENT_LIMIT),
        status=_status(it["status"]),
        created_at=it["created_at"].time(now),
        profile=it["profile"].name(NAME_LIMIT),
        sequence=sequence,
    )
    replaced = it["replaced"].yes_or_no()
    return ImportedMessage(message, replaced, _rating(it["feedback"], message.kind))


def _status(value: Value) -> MessageStatus:
    if value.it is None:
        return COMPLETE
    status: MessageStatus = value.one_of(COMPLETE, STOPPED, FAILED, INTERRUPTED, STREAMING)
    # Nobody writes it any more.
    return INTERRUPTED if status == STREAMING else status


def _rating(value: Value, kind: str) -> Rating | None:
    if value.it is None:
        return None
    it = value.fields("value", "comment")
    if kind not in RATED:
        raise value.wrong("only an answer can be rated")
    return Rating(int(it["value"].one_of(1, -1)), it["comment"].name(COMMENT_LIMIT))
