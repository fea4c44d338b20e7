"""Saving settings in a chat, and running the app's ``@on_settings_update`` as a turn."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import bindparam, update
from sqlalchemy.engine import Connection

from webapp.accounts.sessions.visitor_limits import visitors_message, visitors_turn
from webapp.authoring.inputs.chat_settings import SETTINGS
from webapp.authoring.inputs.inputs import CHARACTERS_LIMIT
from webapp.authoring.profiles.profile import ChatProfile
from webapp.chats.models import Chat
from webapp.chats.past_messages import list_history
from webapp.chats.store import StoredChat
from webapp.database.engines import release_connection, write_transaction
from webapp.engine.turn import RunningTurn
from webapp.site import chat_app, this_app
from webapp.turns.asking import make_request, run_turn
from webapp.turns.beginning import TooManyTurnsError, TurnPlace, insert_turn
from webapp.turns.claiming import claim_idle_chat, hold_idle_inputs
from webapp.turns.failures import make_work
from webapp.turns.form_keys import refuse_sent_form
from webapp.turns.requests import TurnRequest
from webapp.turns.runtime import conversation
from webapp.turns.settings.changes import (
    NoSettingsError,
    SettingsChange,
    SettingsTooLongError,
    settings_of,
)
from webapp.turns.settings.defaults import forget_setting_defaults, store_setting_defaults
from webapp.web.errors import RETRY_SECONDS
from webapp.web.refusals import Refusal

_NEW_INPUTS = update(Chat).where(Chat.id == bindparam("chat")).values(inputs=bindparam("new"))


class TooManyTurnsForSettingsError(Refusal):
    """This user has as many answers under way as one may have."""

    code = 429
    title = "Settings not saved"
    message = "Several answers are being written for you already."
    advice = "Save the settings when one of them is finished, or stop one."
    retry_after = RETRY_SECONDS


def save_settings(
    chat: StoredChat, profile: ChatProfile | None, change: SettingsChange, key: uuid.UUID
) -> RunningTurn | None:
    """Store what a user has set, and begin the turn in which the app hears of it, if it wants to.

    Raises
    ------
    NoSettingsError, SettingsRefusedError, SettingsTooLongError
        When the widgets do not take it.
    SettingsBusyError, SettingsOfEndedChatError
        When an answer is being written, or the chat has ended.
    AlreadyAskedError
        When this form was sent before: nothing is begun.
    TooManyTurnsForSettingsError, TooManyTurnsOfVisitorsError, TooManyMessagesOfVisitorsError
        When the user is at the limit, or the address of a visitor.
    NotFound
        When the chat no longer exists.
    """
    if chat_app().get("on_settings_update") is None:
        release_connection()
        with write_transaction() as connection:
            _store(connection, chat, change, hold_idle_inputs(connection, chat.id, chat.owner))
        return None
    return _run(chat, profile, change, key, "on_settings_update")


def edit_settings(
    chat: StoredChat, profile: ChatProfile | None, change: SettingsChange, key: uuid.UUID
) -> RunningTurn | None:
    """Let the app hear of what a user has changed and not saved, if it wants to.

    Raises
    ------
    NoSettingsError, SettingsBusyError, SettingsOfEndedChatError, AlreadyAskedError
    TooManyTurnsForSettingsError, TooManyTurnsOfVisitorsError, TooManyMessagesOfVisitorsError
    NotFound
        As for `save_settings`.
    """
    if chat_app().get("on_settings_edit") is None:
        return None
    return _run(chat, profile, change, key, "on_settings_edit")


def _run(
    chat: StoredChat,
    profile: ChatProfile | None,
    change: SettingsChange,
    key: uuid.UUID,
    decorator: str,
) -> RunningTurn:
    try:
        request = make_request(chat, profile, key)
        release_connection()
        with visitors_turn(request.turn_id):
            # Each leaves a row, as a message does.
            with visitors_message():
                place, values = _store_turn(chat, request, change, decorator)
            work = make_work(
                decorator,
                chat.id,
                conversation().limits,
                arguments=lambda: (values,),
                earlier=partial(list_history, this_app(), chat.id, place.first_sequence),
            )
            return run_turn(chat, request, place, work).turn
    except TooManyTurnsError:
        raise TooManyTurnsForSettingsError from None


def _store_turn(
    chat: StoredChat, request: TurnRequest, change: SettingsChange, decorator: str
) -> tuple[TurnPlace, dict[str, Any]]:
    with write_transaction() as connection:
        claimed = claim_idle_chat(connection, request)
        if claimed.was_sent:
            refuse_sent_form(connection, request.chat_id, request.key)
        inputs = claimed.inputs
        if decorator == "on_settings_update":
            inputs, values = _store(connection, chat, change, inputs)
        else:
            settings = settings_of(inputs)
            if settings is None:
                raise NoSettingsError
            values = change.values_so_far(settings)
        place = insert_turn(connection, request, claimed, claimed.values, None)
    return replace(place, inputs=inputs), values


def _store(
    connection: Connection,
    chat: StoredChat,
    change: SettingsChange,
    inputs: Mapping[str, Any] | None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Store the values with the chat, and for the next one; return the inputs and the values."""
    settings = settings_of(inputs)
    values = change.values_for(settings)
    new = {**(inputs or {}), SETTINGS: {**(settings or {}), "values": values}}
    if len(json.dumps(new)) > CHARACTERS_LIMIT:
        raise SettingsTooLongError
    connection.execute(_NEW_INPUTS, {"chat": chat.id, "new": new})
    if change.is_reset:
        forget_setting_defaults(connection, chat.owner, chat.profile)
    else:
        store_setting_defaults(connection, chat.owner, chat.profile, values)
    return new, values
