"""Calls the app's `@on_feedback` in the background, when a rating is stored."""

from __future__ import annotations

from webapp.accounts.login import signed_in_user
from webapp.authoring.context import Running
from webapp.authoring.errors import AuthoringError
from webapp.authoring.feedback_callback import Feedback
from webapp.authoring.loading.app_file import Callback
from webapp.chats.store import StoredChat
from webapp.engine.call import call
from webapp.feedback.ratings import RatingChange
from webapp.site import chat_app, settings
from webapp.web.background import in_background
from webapp.web.log import log_failure


def notify_app(chat: StoredChat, change: RatingChange) -> None:
    """Call the app's ``@on_feedback`` in the background, if there is one."""
    callback: Callback | None = chat_app().get("on_feedback")
    if callback is None:
        return
    feedback = Feedback(
        chat_id=str(chat.id),
        message_id=str(change.message_id),
        value=change.value,
        comment=change.comment,
        content=change.content,
        profile=change.profile,
        user=signed_in_user(),
        previous=change.previous,
    )
    in_background("feedback", _call_app, callback, feedback)


def _call_app(callback: Callback, feedback: Feedback) -> None:
    try:
        call(callback, (feedback,), Running(), settings().callback_seconds)
    except AuthoringError as error:
        log_failure("feedback.callback_failed", error, chat=feedback.chat_id)
