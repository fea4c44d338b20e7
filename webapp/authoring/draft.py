"""A message while the call that says it may still change it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from webapp.authoring.chat_message import (
    ASSISTANT,
    COMPLETE,
    STREAMING,
    ChatMessage,
    MessageKind,
    MessageStatus,
)
from webapp.authoring.errors import MisuseError
from webapp.authoring.text import clean_text

CONTENT_LIMIT = 1_000_000


@dataclass(frozen=True)
class MessageTarget:
    """Which message a call is about."""

    id: uuid.UUID | None
    sent: bool
    # The profile under which it was sent.
    profile: str | None = None
    kind: MessageKind = ASSISTANT
    # The time that a new one shows, if that is not the present.
    created_at: datetime | None = None


@dataclass(kw_only=True)
class Draft:
    """A message of this call while it may still change."""

    # The message as it began, with all that does not change from token to token.
    begun: ChatMessage
    parts: list[str] = field(default_factory=list)
    # How many characters it has beside its text, as the input of a step.
    beside: int = 0
    streaming: bool = True
    removed: bool = False
    version: int = 0
    # Only for a divider: the profile before it.
    profile_before: str | None = None
    # A carriage return at the end of a token is the first half of a line end, or a whole one.
    held: str = ""
    # The message when it was last read. Most messages of a long answer do not change again.
    last_read: ChatMessage | None = None

    def add(self, token: str) -> None:
        """Append a token, cleaned as if all tokens had come at once."""
        raw = self.held + token
        self.held = "\r" if raw.endswith("\r") else ""
        self.parts.append(clean_text(raw.removesuffix("\r")))

    def message(self) -> ChatMessage:
        """Return the message as it is now."""
        if self.last_read is not None and self.last_read.version == self.version:
            return self.last_read
        self.parts = ["".join(self.parts)]
        self.last_read = replace(
            self.begun,
            content=self.parts[0] + ("\n" if self.held else ""),
            status=STREAMING if self.streaming else self.ended_as,
            removed=self.removed,
            version=self.version,
        )
        return self.last_read

    @property
    def ended_as(self) -> MessageStatus:
        """Return the status of a message that grows no more."""
        # One of an earlier call that was stopped stays so, unless its text is sent again.
        return COMPLETE if self.begun.status == STREAMING else self.begun.status

    def length(self) -> int:
        return sum(map(len, self.parts))

    @property
    def grows(self) -> bool:
        """Whether text is coming. A step may run for long without any."""
        return self.streaming and (self.begun.kind == ASSISTANT or self.length() > 0)


def begin_draft(
    message_id: uuid.UUID, target: MessageTarget, author: str | None, profile: str | None
) -> Draft:
    """Return a draft without text of a message that is new in this call."""
    return Draft(
        begun=ChatMessage(
            id=message_id,
            kind=target.kind,
            author=author,
            content="",
            status=STREAMING,
            created_at=target.created_at or datetime.now(UTC),
            profile=profile,
            earlier=target.sent,
        )
    )


def count_characters(value: object) -> int:
    """Return how many characters are in the texts of JSON."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(map(count_characters, value.values()))
    return sum(map(count_characters, value)) if isinstance(value, list) else 0


def refuse_length(length: int) -> None:
    """Refuse a message that is too long."""
    if length > CONTENT_LIMIT:
        raise MisuseError(
            f"This message has {length:,} characters; one may have {CONTENT_LIMIT:,}. Split it, or "
            "offer the text as a file."
        )
