"""What a callback can reach of its chat: its stored messages, and the files that it shows."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from flask import Flask

from webapp.authoring.chat_message import ElementData
from webapp.authoring.context import ChatContext
from webapp.authoring.live.values import Values
from webapp.chats.message_files import delete_files
from webapp.chats.past_messages import find_message
from webapp.database.engines import write_transaction
from webapp.files.attachments import LocalCopies
from webapp.files.collecting import collect_soon
from webapp.files.saving import save_files
from webapp.integrations import find_tool_sessions
from webapp.site import chat_app, hooks, settings, this_app
from webapp.turns.runtime import conversation


def make_context(chat_id: uuid.UUID, **known: Any) -> ChatContext:
    """Return the context of a callback that runs in a chat.

    Parameters
    ----------
    known:
        The other fields of the context. Without ``values``, the chat has none yet.
    """
    app, fetched = this_app(), LocalCopies()
    known.setdefault("values", chat_values(chat_id, {}))
    return ChatContext(
        chat_id=str(chat_id),
        keys=hooks().entered_keys(),
        app_folder=chat_app().folder,
        mcp_servers=settings().mcp_servers,
        tool_sessions=find_tool_sessions,
        save_files=partial(save_files, app, chat_id),
        remove_files=partial(_remove_files, app, chat_id),
        find_message=partial(find_message, app, chat_id),
        after_end=conversation().late.expect,
        fetch_files=partial(_fetch_files, app, fetched),
        delete_fetched=fetched.delete,
        **known,
    )


def chat_values(chat_id: uuid.UUID, stored: dict[str, Any], *, is_again: bool = False) -> Values:
    """Return the values of a chat, with the objects that this process holds.

    Parameters
    ----------
    stored:
        The values as the database has them.
    is_again:
        Whether they are those of an earlier time, for an answer that is written once more.
    """
    return Values(stored, conversation().objects.of(str(chat_id)), is_again=is_again)


def _remove_files(
    app: Flask, chat_id: uuid.UUID, message_id: uuid.UUID, elements: Sequence[uuid.UUID]
) -> None:
    """Remove files of elements that a message no longer shows, unless a share shows them."""
    with app.app_context():
        with write_transaction() as connection:
            contents = delete_files(connection, chat_id, message_id, elements)
        collect_soon(contents)


def _fetch_files(
    app: Flask, fetched: LocalCopies, elements: Sequence[ElementData]
) -> Mapping[uuid.UUID, Path]:
    with app.app_context():
        fetched.fetch(elements)
    return fetched.paths
