"""A message of a chat: the one type it has from the transcript to the page."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

MessageKind = Literal["user", "assistant", "error", "divider"]
USER: Final = "user"
ASSISTANT: Final = "assistant"
ERROR: Final = "error"
DIVIDER: Final = "divider"

MessageStatus = Literal["streaming", "complete", "stopped", "failed", "interrupted"]
STREAMING: Final = "streaming"
COMPLETE: Final = "complete"
STOPPED: Final = "stopped"
FAILED: Final = "failed"
INTERRUPTED: Final = "interrupted"


@dataclass(frozen=True, kw_only=True)
class ChatMessage:
    """A message at one moment, ready to be stored and shown.

    Parameters
    ----------
    kind:
        Who speaks: the user, the app, or the app about a failure. A divider marks the place where
        another profile begins, and its content is the label of that profile.
    author:
        The name that the app's author gave the speaker, if any.
    content:
        Clean text.
    profile:
        The name of the profile that was active.
    turn_id:
        The turn it was said in, once it belongs to one.
    sequence:
        Its place in the chat; 0 until it has one.
    removed:
        Whether the app has taken it back.
    earlier:
        Whether it was said in an earlier call, and this call changes it. It keeps its place.
    version:
        The number of the change in its transcript that made it what it is.
    """

    id: uuid.UUID
    kind: MessageKind
    author: str | None = None
    content: str
    status: MessageStatus
    created_at: datetime
    profile: str | None = None
    turn_id: uuid.UUID | None = None
    sequence: int = 0
    removed: bool = False
    earlier: bool = False
    # Two versions that look the same are the same to a page.
    version: int = field(default=0, compare=False)
