"""Resuming chats that have ended: what the author's callback gets."""

from __future__ import annotations

from functools import partial

from webapp.authoring.elements.sidebar import SIDEBAR_KEY
from webapp.authoring.inputs.chat_settings import SETTINGS
from webapp.authoring.inputs.inputs import Inputs
from webapp.authoring.live.values import Values
from webapp.authoring.loading.app_file import Callback
from webapp.authoring.messages.chat_context import CONTEXT_KEY
from webapp.authoring.resumed_chat import ResumedChat
from webapp.authoring.users.user import User
from webapp.chats.past_messages import list_history, list_resumed_messages
from webapp.chats.store import StoredChat
from webapp.engine.work import Work
from webapp.site import chat_app, this_app
from webapp.turns.failures import make_work
from webapp.turns.runtime import conversation


def resume_callback() -> Callback | None:
    """Return the author's ``@on_chat_resume``, if there is one."""
    found: Callback | None = chat_app().get("on_chat_resume")
    return found


def resuming_work(
    chat: StoredChat,
    values: Values,
    first_new: int,
    then: Work | None,
    *,
    had_ended: bool,
    user: User | None,
    inputs: Inputs,
) -> Work:
    """Return the work that resumes a chat.

    Parameters
    ----------
    values:
        The chat's values, of which the callback gets a copy.
    first_new:
        The number of the first message that was not there when the chat had ended.
    then:
        What answers the user's message, if there is one.
    had_ended:
        Whether the chat had ended. Otherwise only this process has to make its objects.
    user:
        Who is signed in.
    inputs:
        What can be set in the chat.
    """
    callback = resume_callback()

    def arguments() -> tuple[object, ...]:
        # A thousand messages are not read for a function that does not take them.
        if callback is None or not callback.takes:
            return ()
        messages = list_resumed_messages(chat.id, first_new)
        kept = values.plain()
        for key in (SIDEBAR_KEY, CONTEXT_KEY):
            kept.pop(key, None)
        if inputs.get(SETTINGS) is not None:
            kept["chat_settings"] = inputs.get(SETTINGS)["values"]
        resumed = ResumedChat(
            str(chat.id),
            chat.title,
            chat.profile,
            messages,
            kept,
            had_ended=had_ended,
            user=user,
        )
        return (resumed,)

    return make_work(
        "on_chat_resume",
        chat.id,
        conversation().limits,
        arguments=arguments,
        # What the user has just written comes after what the callback says.
        earlier=partial(list_history, this_app(), chat.id, first_new),
        then=then,
    )
