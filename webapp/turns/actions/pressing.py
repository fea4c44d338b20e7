"""Pressing a button: store the turn first, then run the callback of its name."""

from __future__ import annotations

import uuid
from dataclasses import replace
from functools import partial

from webapp.accounts.sessions.visitor_limits import visitors_message, visitors_turn
from webapp.authoring.actions.action import Action
from webapp.authoring.actions.callback import decorator_of
from webapp.authoring.profiles.profile import ChatProfile
from webapp.chats.past_messages import list_history
from webapp.chats.search_index import index_title
from webapp.chats.snapshots import store_snapshots
from webapp.chats.store import StoredChat
from webapp.chats.titles import title_of
from webapp.database.engines import release_connection, write_transaction
from webapp.site import this_app
from webapp.turns.actions.stored_actions import FoundAction, find_action
from webapp.turns.asking import StartedTurn, make_request, run_turn
from webapp.turns.beginning import TooManyTurnsError, TurnPlace, insert_turn
from webapp.turns.claiming import ChatBusyError, ProfileChangedError, claim_chat
from webapp.turns.failures import make_work
from webapp.turns.form_keys import AlreadyAskedError, FormReusedError, refuse_sent_form
from webapp.turns.replacing import TITLED
from webapp.turns.requests import Fields, TurnRequest
from webapp.turns.runtime import conversation

SENT_FOR_ANOTHER = "This form was sent before for something else, so nothing was done."


class ActionWhileBusyError(ChatBusyError):
    """A button that was pressed while an answer is being written."""

    title = "Nothing done"
    advice = "Press the button again when it is finished, or stop the answer."


class ActionOverLimitError(TooManyTurnsError):
    """A button that was pressed while as many answers are under way as one user may have."""

    title = "Nothing done"
    message = "Several answers are being written for you already, so nothing was done."
    advice = "Press the button again when one of them is finished, or stop one."


class ActionUnderOtherProfileError(ProfileChangedError):
    """A button that was pressed while the chat was being continued with another profile."""

    title = "Nothing done"
    advice = "Reload the page to see which one, then press the button again."


def press_action(
    chat: StoredChat,
    profile: ChatProfile | None,
    action_id: uuid.UUID,
    key: uuid.UUID,
    fields: Fields | None,
    message_id: uuid.UUID | None = None,
) -> StartedTurn:
    """Begin the turn that runs the callback of a button.

    Parameters
    ----------
    fields:
        The values of its form, by the names of the fields. ``None`` if the turn is tried again, as
        they are not kept.
    message_id:
        The message in which the button is looked for first.

    Raises
    ------
    ActionGoneError, ActionUnansweredError
        When the chat has no such button, or the app file no callback for it.
    AlreadyAskedError
        When this form was sent before: nothing is begun.
    FormReusedError
        When it was sent before for something else.
    ChatBusyError, ProfileChangedError
        When another turn is running, or has just switched the profile.
    TooManyTurnsError, TooManyTurnsOfVisitorsError, TooManyMessagesOfVisitorsError
        When the user is at the limit, or the address of a visitor.
    NotFound
        When the chat no longer exists.
    """
    try:
        request = make_request(chat, profile, key)
        request = replace(request, action_id=action_id, action_message=message_id, fields=fields)
        release_connection()
        with visitors_turn(request.turn_id):
            with visitors_message():
                place, action, has_question = _store_turn(request, action_id)
            work = make_work(
                decorator_of(action.data.name),
                chat.id,
                conversation().limits,
                arguments=lambda: (Action.from_data(action.data, action.message_id),),
                earlier=partial(list_history, this_app(), chat.id, place.first_sequence),
            )
            started = run_turn(chat, request, place, work)
            return replace(started, action=action, has_question=has_question)
    except AlreadyAskedError as error:
        if error.action_id != action_id:
            raise FormReusedError(SENT_FOR_ANOTHER) from error
        raise
    except ChatBusyError as error:
        raise ActionWhileBusyError from error
    except ProfileChangedError as error:
        raise ActionUnderOtherProfileError from error
    except TooManyTurnsError as error:
        raise ActionOverLimitError from error


def _store_turn(request: TurnRequest, action_id: uuid.UUID) -> tuple[TurnPlace, FoundAction, bool]:
    """Store the turn of a button in one transaction, as `store_begun_turn` does for a message.

    Also return the button, and whether the user has written in the chat.
    """
    with write_transaction() as connection:
        claimed = claim_chat(connection, request, None)
        if claimed.was_sent:
            refuse_sent_form(connection, request.chat_id, request.key)
        # The chat is claimed, so no other turn takes the button away meanwhile.
        action = find_action(claimed.action_row, action_id, request.fields)
        place = insert_turn(connection, request, claimed, claimed.values, None)
        if request.new_snapshot is not None:
            store_snapshots(connection, request.chat_id, request.new_snapshot)
        title = title_of(action.data.text, ())
        if claimed.title is None and title is not None:
            connection.execute(TITLED, {"in_chat": request.chat_id, "made": title})
            index_title(connection, request.owner, request.chat_id, title)
    return place, action, claimed.has_question
