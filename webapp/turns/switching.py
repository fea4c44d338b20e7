"""Switching a chat to another profile that its user chose."""

from __future__ import annotations

import uuid
from dataclasses import replace

from sqlalchemy import bindparam, delete, func, select, update

from webapp.authoring.chat_message import COMPLETE, DIVIDER, ChatMessage
from webapp.chats.message_rows import insert_messages
from webapp.chats.models import Chat, Message
from webapp.chats.snapshots import add_snapshots, store_profile
from webapp.chats.store import StoredChat
from webapp.database.engines import release_connection, utc_now, write_transaction
from webapp.profiles.icons import label
from webapp.profiles.last_choice import remember_name
from webapp.profiles.offer import choose, offered_profile
from webapp.site import chat_app
from webapp.turns.claiming import StillAnsweringError, refuse_busy
from webapp.turns.runtime import conversation
from webapp.web.refusals import Refusal

# Changes a chat only while no turn runs in it. PostgreSQL locks it until the transaction ends.
_HELD = (
    update(Chat)
    .where(Chat.id == bindparam("chat"), Chat.owner == bindparam("of_owner"))
    .where(Chat.turn_id.is_(None), Chat.deleted_at.is_(None))
    .values(profile=bindparam("under"))
    .returning(Chat.id)
)
_LAST_TWO = (
    select(Message.id, Message.kind, Message.author, Message.profile)
    .where(Message.chat_id == bindparam("of_chat"), Message.replaced_by.is_(None))
    .order_by(Message.sequence.desc())
    .limit(2)
)
_NEXT = select(func.coalesce(func.max(Message.sequence), 0) + 1).where(
    Message.chat_id == bindparam("of_chat")
)
_OTHER_PROFILE = (
    update(Message)
    .where(Message.id == bindparam("divider"))
    .values(profile=bindparam("under"), content=bindparam("text"), created_at=bindparam("now"))
)
_NO_DIVIDER = delete(Message).where(Message.id == bindparam("divider"))


class SwitchingOffError(Refusal):
    """In this app, choosing a profile starts a new chat."""

    code = 409
    title = "Profile not switched"
    message = "In this app, a chat keeps the profile that it was started with."
    advice = "Choose the profile at the top to start a chat with it."


def switch_chat(chat: StoredChat, name: str) -> StoredChat:
    """Switch a chat to another profile, and return it as it is then.

    Raises
    ------
    NotFound
        When the chat no longer exists.
    ProfileNotOfferedError
        When the name is not offered to this user; the author's code never sees it.
    SwitchingOffError
        When the app does not have it so.
    StillAnsweringError
        When an answer is being written.
    """
    if not chat_app().switches_here:
        raise SwitchingOffError
    profile = offered_profile(name)
    if profile.name == chat.profile:
        return chat
    release_connection()
    which = {"chat": chat.id, "of_owner": chat.owner, "under": profile.name}
    with write_transaction() as connection:
        refuse_busy(connection, chat.id, chat.owner)
        if connection.execute(_HELD, which).first() is None:
            raise StillAnsweringError
        store_profile(connection, chat.id, profile)
        last = connection.execute(_LAST_TWO, {"of_chat": chat.id}).all()
        # A divider that names the source of a copy has an author (copying.py), and stays.
        if not last or last[0].kind != DIVIDER or last[0].author is not None:
            divider = ChatMessage(
                id=uuid.uuid4(),
                kind=DIVIDER,
                content=label(profile),
                status=COMPLETE,
                created_at=utc_now(),
                profile=profile.name,
                sequence=connection.execute(_NEXT, {"of_chat": chat.id}).scalar_one(),
            )
            insert_messages(connection, chat.id, [divider])
        elif len(last) > 1 and last[1].profile == profile.name:
            connection.execute(_NO_DIVIDER, {"divider": last[0].id})
        else:
            new = {"under": profile.name, "text": label(profile), "now": utc_now()}
            connection.execute(_OTHER_PROFILE, {"divider": last[0].id, **new})
        if choose(profile):
            remember_name(connection, profile.name)
    snapshots = add_snapshots(chat.snapshots, profile)
    return replace(chat, profile=profile.name, snapshots=snapshots)


def current_profile_name(chat: StoredChat) -> str | None:
    """Return the name of the profile under which a chat goes on at this moment."""
    # A turn of this process may have switched to another profile that is not stored yet.
    turn = conversation().keeper.find(chat.turn_id) if chat.turn_id else None
    return turn.chat.chat_profile if turn else chat.profile
