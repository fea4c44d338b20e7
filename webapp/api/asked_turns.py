"""What a program asks for: a text under a profile, in a chat of its own or in one that goes on."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from flask import request

from webapp.api.errors import InvalidRequestError
from webapp.authoring.chat_message import ASSISTANT, USER
from webapp.authoring.profiles.profile import NAME_LIMIT
from webapp.authoring.text import clean_text, is_visible
from webapp.site import settings

MOST_EARLIER = 1_000
ID_LIMIT = 200
# The name of the only "model" of an app without profiles.
NO_PROFILE = "default"
CHAT_HEADER = "X-Chat-Id"
KEY_HEADER = "Idempotency-Key"
# Of which the app has its own, and a program cannot set others: their words count as the user's.
_ROLES: dict[str, Literal["user", "assistant"]] = {
    "user": USER,
    "system": USER,
    "developer": USER,
    "assistant": ASSISTANT,
}


@dataclass(frozen=True)
class EarlierMessage:
    """A message that was said before, as the program tells it."""

    kind: Literal["user", "assistant"]
    content: str


@dataclass(frozen=True)
class RequestKey:
    """The ``Idempotency-Key`` of a request, and the hash of its body."""

    text: str
    body_hash: str


@dataclass(frozen=True, kw_only=True)
class AskedTurn:
    """What a program asks for.

    Parameters
    ----------
    profile:
        The name of a profile.
    earlier:
        What was said before. A chat that goes on has its own.
    content:
        What is to be answered.
    chat_id:
        The chat that goes on. ``None`` for a new one.
    thread_id:
        How the program calls the chat. It goes on if there is one, and is made otherwise.
    question_id:
        The question of the app that the content answers, if the program names it.
    key:
        With which a request that is sent again takes effect once.
    """

    profile: str
    earlier: tuple[EarlierMessage, ...]
    content: str
    chat_id: uuid.UUID | None = None
    thread_id: str | None = None
    question_id: uuid.UUID | None = None
    key: RequestKey | None = None


def read_body() -> dict[str, Any]:
    """Return the JSON object that is the body of this request.

    Raises
    ------
    InvalidRequestError
        It is none.
    """
    try:
        body = json.loads(request.get_data(cache=False))
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError("The body is not JSON.") from error
    if not isinstance(body, dict):
        raise InvalidRequestError("The body must be a JSON object.")
    return body


def read_completion(body: Mapping[str, Any]) -> tuple[AskedTurn, bool]:
    """Return what a body of OpenAI's chat completions asks for, and whether as a stream.

    Raises
    ------
    InvalidRequestError
        It is none, or asks for what no profile can do.
    """
    profile = _read_name(body.get("model"))
    stream = body.get("stream")
    if stream not in (None, True, False):
        raise InvalidRequestError("stream must be true or false.", "stream")
    if body.get("n") not in (None, 1):
        raise InvalidRequestError("One request gets one answer: n must be 1.", "n")
    for name in ("tools", "functions"):
        if body.get(name):
            raise InvalidRequestError(
                f"A profile uses tools of its own and takes none. Leave out {name}.", name
            )
    messages = _read_messages(body.get("messages"))
    return (
        AskedTurn(
            profile=profile,
            earlier=messages[:-1],
            content=messages[-1].content,
            chat_id=_read_chat_id(body.get("metadata")),
            key=_read_key(body),
        ),
        bool(stream),
    )


def read_agent_run(body: Mapping[str, Any], profile: str) -> tuple[AskedTurn, str]:
    """Return what an AG-UI ``RunAgentInput`` asks for, and the id of the run.

    Raises
    ------
    InvalidRequestError
        It is none.
    """
    ids = {}
    for name in ("threadId", "runId"):
        value = body.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= ID_LIMIT:
            raise InvalidRequestError(f"{name} must be text of 1 to {ID_LIMIT} characters.", name)
        ids[name] = clean_text(value)
    if body.get("resume"):
        question_id, content = _read_resume(body["resume"])
        asked = AskedTurn(
            profile=_read_name(profile),
            earlier=(),
            content=content,
            thread_id=ids["threadId"],
            question_id=question_id,
        )
        return asked, ids["runId"]
    messages = _read_messages(body.get("messages"), ignored=("reasoning", "activity"))
    asked = AskedTurn(
        profile=_read_name(profile),
        earlier=messages[:-1],
        content=messages[-1].content,
        thread_id=ids["threadId"],
    )
    return asked, ids["runId"]


def _read_resume(value: object) -> tuple[uuid.UUID, str]:
    """Return the answer to an interrupt: which question of the app it is, and the text."""
    entry = value[0] if isinstance(value, list) and len(value) == 1 else None
    if not isinstance(entry, dict) or entry.get("status") != "resolved":
        raise InvalidRequestError("resume must have one entry that is resolved.", "resume")
    question_id, payload = parse_uuid(entry.get("interruptId")), entry.get("payload")
    if question_id is None:
        raise InvalidRequestError("The interruptId is none of this app.", "resume")
    content = _read_content(payload if isinstance(payload, str) else None, "resume")
    if not is_visible(content):
        raise InvalidRequestError("The payload of resume must be text.", "resume")
    return question_id, content


def _read_name(value: object) -> str:
    name = clean_text(value) if isinstance(value, str) else ""
    if not 0 < len(name) <= NAME_LIMIT:
        raise InvalidRequestError(
            "model must be the name of a profile. GET /v1/models lists them.", "model"
        )
    return name


def _read_messages(value: object, ignored: tuple[str, ...] = ()) -> tuple[EarlierMessage, ...]:
    if not isinstance(value, list) or not value:
        raise InvalidRequestError("messages must be a list with at least one message.", "messages")
    if len(value) > MOST_EARLIER:
        raise InvalidRequestError(
            f"messages has {len(value):,} items and may have {MOST_EARLIER:,}.", "messages"
        )
    found = []
    for number, message in enumerate(value):
        place = f"messages[{number}]"
        role = message.get("role") if isinstance(message, dict) else None
        is_last = number == len(value) - 1
        if role in ignored or role in ("tool", "function"):
            if not is_last:
                continue  # how an earlier answer came about
            raise InvalidRequestError("The last message must be the user's.", place)
        if not isinstance(role, str) or role not in _ROLES:
            raise InvalidRequestError(
                f"The role of {place} must be user, system, developer or assistant.", place
            )
        if is_last and role != "user":
            raise InvalidRequestError("The last message must be the user's.", place)
        content = _read_content(message.get("content"), place)
        if not is_visible(content):
            if is_last:
                raise InvalidRequestError("The last message is empty.", place)
            continue  # an answer of tool calls alone
        found.append(EarlierMessage(_ROLES[role], content))
    return tuple(found)


def _read_content(value: object, place: str) -> str:
    if value is None:
        return ""
    parts = [{"type": "text", "text": value}] if isinstance(value, str) else value
    if not isinstance(parts, list):
        raise InvalidRequestError(f"The content of {place} must be text.", place)
    texts = []
    for part in parts:
        text = part.get("text") if isinstance(part, dict) else None
        if not isinstance(text, str) or part.get("type") not in ("text", "input_text"):
            raise InvalidRequestError(f"The content of {place} must be text.", place)
        texts.append(text)
    content = clean_text("\n".join(texts)).strip("\n")
    size, most = len(content.encode()), settings().message_bytes
    if size > most:
        raise InvalidRequestError(
            f"{place} has {-(-size // 1024):,} kB, and may have {most // 1024:,} kB.",
            place,
            "string_above_max_length",
        )
    return content


def _read_chat_id(metadata: object) -> uuid.UUID | None:
    given = request.headers.get(CHAT_HEADER)
    if given is None and isinstance(metadata, dict):
        given = metadata.get("chat_id")
    if given is None:
        return None
    found = parse_uuid(given)
    if found is None:
        raise InvalidRequestError("The id of a chat is a UUID.", "metadata.chat_id")
    return found


def _read_key(body: Mapping[str, Any]) -> RequestKey | None:
    key = request.headers.get(KEY_HEADER)
    if key is None:
        return None
    if not 0 < len(key) <= ID_LIMIT or not key.isprintable():
        raise InvalidRequestError(
            f"{KEY_HEADER} must be text of 1 to {ID_LIMIT} characters.", KEY_HEADER
        )
    try:
        text = json.dumps(body, sort_keys=True)
    except RecursionError as error:  # a little less deep than what cannot be read
        raise InvalidRequestError("The body is not JSON.") from error
    return RequestKey(key, hashlib.sha256(text.encode()).hexdigest())


def parse_uuid(text: object) -> uuid.UUID | None:
    """Return the UUID of its usual text, or ``None``."""
    try:
        # UUID would accept digits of any script, and braces.
        found = uuid.UUID(text if isinstance(text, str) and text.isascii() else "")
    except ValueError:
        return None
    return found if str(found) == str(text).lower() else None
