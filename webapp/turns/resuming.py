"""Resuming chats that were over: what the author's callback gets, and what becomes of failures."""

from __future__ import annotations

import uuid
from functools import partial

from webapp.authoring.chat_resume import ResumedChat
from webapp.authoring.errors import CallbackError, CallbackTimeoutError
from webapp.authoring.loading.app_file import Callback
from webapp.chats.past_messages import resumed_messages
from webapp.chats.store import StoredChat
from webapp.engine.turn import Turn
from webapp.engine.work import IdleError, Work
from webapp.site import chat_app
from webapp.turns.runtime import conversation
from webapp.web.errors import request_id
from webapp.web.log import log_failure


def resume_callback() -> Callback | None:
    """Return the author's ``@on_chat_resume``, if there is one."""
    found: Callback | None = chat_app().get("on_chat_resume")
    return found


def resuming_work(
    chat: StoredChat, arguments: tuple[object, ...] = (), then: Work | None = None
) -> Work:
    """Return the work of resuming a chat."""
    return Work(
        decorator="on_chat_resume",
        arguments=arguments,
        limits=conversation().limits,
        explain=partial(_explained, reference=request_id()),
        log=partial(_log, chat_id=chat.id, reference=request_id()),
        then=then,
    )


def resume_first(chat: StoredChat, turn: Turn, first_new: int) -> None:
    """Let a turn that is about to begin resume its chat, before it answers if it is to answer.

    Parameters
    ----------
    first_new:
        The number of the first message that was not there when the chat was over.
    """
    callback = resume_callback()
    # A thousand messages are not read for a function that does not take them.
    wanted = callback is not None and callback.takes > 0
    arguments = (_resumed(chat, turn, first_new),) if wanted else ()
    turn.work = resuming_work(chat, arguments, turn.work if turn.question_id else None)


def _resumed(chat: StoredChat, turn: Turn, first_new: int) -> ResumedChat:
    messages = resumed_messages(chat.id, first_new)
    return ResumedChat(str(chat.id), chat.title, chat.profile, messages, turn.chat.values.copy())


def _explained(failure: CallbackError, reference: str) -> str:
    if isinstance(failure, IdleError):
        reason = f"Nothing came for {failure.seconds:g} seconds, so resuming this chat was stopped."
    elif isinstance(failure, CallbackTimeoutError):
        reason = (
            f"Resuming this chat took longer than {failure.seconds:g} seconds, so it was stopped."
        )
    else:
        reason = "Something went wrong while this chat was resumed."
    advice = "You can go on; if it happens again, tell the people who run this site the reference"
    return f"{reason} {advice} {reference}."


def _log(failure: CallbackError, *, chat_id: uuid.UUID, reference: str) -> None:
    log_failure("chat_resume.failed", failure, chat=chat_id, request=reference)
