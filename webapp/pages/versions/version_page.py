"""The page of an earlier version of a chat, and the form with which a message is edited."""

from __future__ import annotations

import uuid
from dataclasses import replace

from flask import render_template
from werkzeug.exceptions import NotFound

from webapp.authoring.chat_message import USER
from webapp.authoring.questions.question import is_within_turn
from webapp.chats.past_messages import END_SEQUENCE
from webapp.chats.store import StoredChat
from webapp.chats.versions import find_version
from webapp.database.engines import release_connection
from webapp.pages.chat_addresses import addresses_of
from webapp.pages.chat_page import build_participants_of, group_messages, page_values, shown_profile
from webapp.pages.message_actions import build_actions, with_ratings
from webapp.pages.message_pages import MessagePage, find_message
from webapp.web.htmx import wants_fragment

VERSION_MESSAGES = 200


def render_version(chat: StoredChat, turn_id: uuid.UUID, before: int | None) -> str:
    """Render a chat as it was right before a turn, from shortly before what the turn replaced.

    Parameters
    ----------
    before:
        Of an earlier page: the number of the message that comes after it.

    Raises
    ------
    NotFound
        The turn has replaced nothing in this chat.
    """
    messages, has_earlier = find_version(chat.id, turn_id, before, VERSION_MESSAGES)
    page = MessagePage(messages, None, messages[0].sequence if messages and has_earlier else None)
    actions = with_ratings(build_actions(addresses_of(chat.id), None, offered=False), chat.id)
    values = page_values(chat, shown_profile(chat))
    participants = build_participants_of(chat, page)
    release_connection()
    return render_template(
        "chats/version.html",
        **values,
        participants=participants,
        actions=replace(actions, first_question=END_SEQUENCE),
        groups=group_messages(page),
        earlier=page.earlier,
        version_id=turn_id,
        notices=[],
    )


def render_edit_form(chat: StoredChat, message_id: uuid.UUID) -> str:
    """Render the form with which a message is edited, for a page or in the place of its link.

    Raises
    ------
    NotFound
        It is no message of the user in this chat, it has begun no turn, or another text has taken
        its place.
    """
    message = find_message(chat, message_id)
    if message.kind != USER or is_within_turn(message.details):
        raise NotFound
    actions = with_ratings(build_actions(addresses_of(chat.id), message_id), chat.id)
    template = "chats/_edit.html" if wants_fragment() else "chats/edit.html"
    return render_template(
        template,
        **page_values(chat, shown_profile(chat)),
        message=message,
        actions=actions,
        fetched=True,
        notices=[],
    )
