"""An export as JSON, written piece by piece. docs/export.md describes the format."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from webapp.authoring.chat_message import ANSWER_KEY, BY_APP_KEY, QUESTION_KEY, STEP, TASKS, USER
from webapp.authoring.inputs.message_choices import choices_of
from webapp.transfer.export_data import ExportedChats
from webapp.transfer.exported_elements import element_json

FORMAT = "chat-profiles"
VERSION = 1


def json_export(chats: ExportedChats, now: datetime) -> Iterator[str]:
    """Yield the chats as one JSON object, a line for each message."""
    head = _to_json({"format": FORMAT, "version": VERSION, "exported_at": moment(now)})
    yield head.removesuffix("}") + ', "chats": ['
    for number, chat in enumerate(chats):
        yield ",\n" if number else "\n"
        data: dict[str, Any] = {
            "id": str(chat.id),
            "title": chat.title,
            "profile": chat.profile,
            "profiles": chat.snapshots,
            "created_at": moment(chat.created_at),
            "active_at": moment(chat.active_at or chat.created_at),
            "pinned": chat.pinned,
        }
        yield _to_json(data).removesuffix("}") + ', "messages": ['
        for count, exported in enumerate(chats.messages(chat)):
            message = exported.message
            data = {
                "id": str(message.id),
                "kind": message.kind,
                "author": message.author,
                "content": message.content,
                "status": message.status,
                "created_at": moment(message.created_at),
                "profile": message.profile,
            }
            details = message.details or {}
            if message.kind in (STEP, TASKS):
                data["details"] = dict(details)
            elif message.kind == USER:
                # Why nobody can edit it.
                reasons = {key: True for key in (ANSWER_KEY, BY_APP_KEY) if details.get(key)}
                if told := {**(choices_of(details).details or {}), **reasons}:
                    data["details"] = told
            elif shown := _shown_details(details):
                data["details"] = shown
            if exported.elements:
                data["elements"] = [element_json(it, chats.paths) for it in exported.elements]
            if exported.rating is not None:
                data["feedback"] = {"value": exported.rating, "comment": exported.comment}
            if exported.replaced:
                data["replaced"] = True
            yield (",\n" if count else "\n") + _to_json(data)
        yield "]}"
    yield "]}\n"


def _shown_details(details: Mapping[str, Any]) -> dict[str, Any]:
    """Return which panel an answer is, and how its question ended.

    What else an app keeps with a message is its own, as user_session is.
    """
    shown = {"sidebar": details["sidebar"]} if "sidebar" in details else {}
    if asked := details.get(QUESTION_KEY):
        # Not the payloads of the buttons.
        public = {name: asked[name] for name in ("kind", "status", "answer") if name in asked}
        shown[QUESTION_KEY] = public
    return shown


def moment(time: datetime) -> str:
    """Return a time as ISO 8601 in UTC."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _to_json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)
