"""`context.emitter.send_toast`: short notices over the chat, which nobody needs to keep."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from webapp.authoring.errors import MisuseError
from webapp.authoring.text import clean_text

ToastType = Literal["info", "success", "warning", "error"]
TOASTS = "toasts"
KEPT_TOASTS = 3
CHARACTERS_LIMIT = 500
# A page that is loaded later shows none.
FRESH_SECONDS = 15


def add_toast(toasts: Sequence[Mapping[str, Any]], message: object, kind: object) -> list[Any]:
    """Return the toasts of a chat with a new one.

    Raises
    ------
    MisuseError
        The message is not a text, is empty or too long, or there is no such type.
    """
    if not isinstance(message, str):
        raise MisuseError(f"send_toast: the message must be a text, not {message!r:.80}.")
    if not message.strip():
        raise MisuseError("send_toast: the message is empty. Give it a text that can be read.")
    if len(message) > CHARACTERS_LIMIT:
        raise MisuseError(
            f"send_toast: the message has {len(message):,} characters and may have "
            f"{CHARACTERS_LIMIT}. Shorten it, or send a Message."
        )
    if kind not in get_args(ToastType):
        known = ", ".join(map(repr, get_args(ToastType)))
        raise MisuseError(f"send_toast: type must be one of {known}, not {kind!r:.80}.")
    number = toasts[-1]["number"] + 1 if toasts else 1
    new = {"number": number, "time": round(time.time()), "type": kind, "text": clean_text(message)}
    return [*toasts, new][-KEPT_TOASTS:]


def fresh_toasts(toasts: Sequence[Mapping[str, Any]] | None) -> list[Mapping[str, Any]]:
    """Return those that were sent just now."""
    return [each for each in toasts or () if abs(time.time() - each["time"]) < FRESH_SECONDS]
