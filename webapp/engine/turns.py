"""One turn of a chat: a run of the author's callback, and what came out of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from webapp.authoring.app_file import Callback, ChatApp
from webapp.authoring.context import ChatContext, Running, Sent
from webapp.authoring.errors import CallbackError
from webapp.authoring.user_session import stored_copy
from webapp.engine.call import call, described


@dataclass(frozen=True)
class Turn:
    """What a callback produced: messages, the chat's values, and how it failed if it did."""

    sent: list[Sent] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    failure: CallbackError | None = None


def run_chat_start(app: ChatApp, chat: ChatContext, seconds: float) -> Turn:
    """Run ``@on_chat_start`` for a chat that is about to be stored.

    What was sent before a failure is kept: the user sees how far it got.
    """
    callback = app.get("on_chat_start")
    values, failure = {}, None
    if callback is not None:
        try:
            call(callback, (), Running(chat=chat), seconds)
            values = _values_to_store(callback, chat)
        except CallbackError as error:
            failure = error
    chat.values.close()
    return Turn(chat.outbox.close(), values, failure)


def _values_to_store(callback: Callback, chat: ChatContext) -> dict[str, Any]:
    # A list that was set is the author's own object and may have been changed since.
    try:
        return {key: stored_copy(key, value) for key, value in chat.values.close().items()}
    except Exception as error:
        raise callback.failed(error, described(error)) from error
