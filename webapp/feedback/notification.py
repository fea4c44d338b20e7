"""Telling the app what a user thinks: in the background, when it is stored."""

from __future__ import annotations

import threading

from flask import Flask

from webapp.accounts.login import signed_in_user
from webapp.authoring.context import Running
from webapp.authoring.errors import AuthoringError
from webapp.authoring.feedback_callback import Feedback
from webapp.authoring.loading.app_file import Callback
from webapp.chats.store import StoredChat
from webapp.engine.call import call
from webapp.feedback.storing import Change
from webapp.site import chat_app, settings, this_app
from webapp.web.log import log_failure


def tell_app(chat: StoredChat, change: Change) -> None:
    """Call the app's ``@on_feedback``, if it has one; nobody waits for it."""
    callback: Callback | None = chat_app().get("on_feedback")
    if callback is None:
        return
    feedback = Feedback(
        str(chat.id),
        str(change.message_id),
        change.value,
        change.comment,
        change.content,
        change.profile,
        signed_in_user(),
        change.previous,
    )
    app = this_app()
    threading.Thread(
        target=_tell, args=(app, callback, feedback), name="webapp-feedback", daemon=True
    ).start()


def _tell(app: Flask, callback: Callback, feedback: Feedback) -> None:
    with app.app_context():
        seconds = settings().callback_seconds
        try:
            call(callback, (feedback,), Running(), seconds)
        except AuthoringError as error:
            log_failure("feedback.callback_failed", error, chat=feedback.chat_id)
