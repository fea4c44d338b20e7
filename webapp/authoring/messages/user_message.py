"""The message that a user wrote, as the app gets it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from webapp.authoring.inputs.message_choices import choices_of
from webapp.authoring.messages.message import USER_MESSAGE, Message


def make_user_message(
    chat_id: str,
    message_id: uuid.UUID,
    content: str,
    author: str,
    created_at: datetime | None = None,
    details: Mapping[str, Any] | None = None,
) -> Message:
    """Return the message that the user wrote, as ``@on_message`` gets it.

    Parameters
    ----------
    details:
        The command and the modes that they have chosen, if any.
    """
    message = Message(content, type=USER_MESSAGE, metadata={})
    if details:
        choices = choices_of(details)
        message.command, message.modes = choices.command, dict(choices.modes) or None
    message.created_at = created_at or datetime.now(UTC)
    message.author = author
    message._id, message._chat_id, message._from_user = message_id, chat_id, True
    return message
