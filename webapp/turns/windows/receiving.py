"""Taking a message of the page around a chat: store a turn first, then run the callback."""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any

from webapp.accounts.sessions.visitor_limits import visitors_message, visitors_turn
from webapp.authoring.profiles.profile import ChatProfile
from webapp.chats.past_messages import list_history
from webapp.chats.store import StoredChat
from webapp.database.engines import release_connection, write_transaction
from webapp.site import chat_app, this_app
from webapp.turns.asking import StartedTurn, make_request, run_turn
from webapp.turns.beginning import insert_turn
from webapp.turns.claiming import claim_chat
from webapp.turns.failures import make_work
from webapp.turns.form_keys import refuse_sent_form
from webapp.turns.runtime import conversation
from webapp.web.refusals import Refusal


class WindowNotHeardError(Refusal):
    """The app takes no messages of other windows."""

    code = 409
    title = "Nothing done"
    message = "This app takes no messages of the page around it."


def take_window_message(
    chat: StoredChat, profile: ChatProfile | None, key: uuid.UUID, message: Any
) -> StartedTurn:
    """Begin the turn that runs ``on_window_message``.

    Raises
    ------
    WindowNotHeardError
        When the app has no such callback.
    AlreadyAskedError, ChatBusyError, TooManyTurnsError, NotFound
        As for `webapp.turns.asking.ask`.
    """
    if chat_app().get("on_window_message") is None:
        raise WindowNotHeardError
    request = make_request(chat, profile, key)
    release_connection()
    with visitors_turn(request.turn_id):
        with visitors_message(), write_transaction() as connection:
            claimed = claim_chat(connection, request, None)
            if claimed.was_sent:
                refuse_sent_form(connection, request.chat_id, request.key)
            place = insert_turn(connection, request, claimed, claimed.values, None)
        work = make_work(
            "on_window_message",
            chat.id,
            conversation().limits,
            arguments=lambda: (message,),
            earlier=partial(list_history, this_app(), chat.id, place.first_sequence),
        )
        return run_turn(chat, request, place, work)
