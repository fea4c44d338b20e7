"""The files of messages that are removed."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import and_, exists
from sqlalchemy.engine import Connection

from webapp.chats.models import Share, SharedMessage
from webapp.files.collecting import delete_rows
from webapp.files.models import File

_IS_SHARED = exists().where(
    Share.chat_id == File.chat_id,
    SharedMessage.share_id == Share.id,
    SharedMessage.id == File.message_id,
)


def delete_files(
    connection: Connection,
    chat_id: uuid.UUID,
    message_id: uuid.UUID,
    elements: Sequence[uuid.UUID] | None = None,
) -> set[str]:
    """Delete the files of a message that is removed, unless a share shows it.

    Return their contents, for `collect_soon`.

    Parameters
    ----------
    elements:
        The ids of the files that go, if not all do.
    """
    which = and_(File.chat_id == chat_id, File.message_id == message_id, ~_IS_SHARED)
    return delete_rows(connection, which if elements is None else which & File.id.in_(elements))
