"""The messages of one call at any moment. A thread can wait until they change."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from webapp.authoring.actions.details import merge_actions, with_actions
from webapp.authoring.chat_message import (
    ASSISTANT,
    COMPLETE,
    DIVIDER,
    STREAMING,
    ActionData,
    ChatMessage,
    ElementData,
    MessageKind,
    MessageStatus,
)
from webapp.authoring.errors import MisuseError, StoppedError
from webapp.authoring.text import clean_text

MESSAGES_PER_CALL = 1_000
CHARACTERS_PER_CALL = 4_000_000
CONTENT_LIMIT = 1_000_000
STOPPED = "{} came after the user had pressed Stop, so it was not sent. Return, or let this pass."
ENDED = (
    "{} came after the callback had ended (or had used up its time), so it would be lost. Await or "
    "join what you start before you return."
)


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
class _Draft:
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


class Transcript:
    """The messages of one call, in the order in which they began; closed when the call ends.

    Threads that the author starts may send messages at the same time, so there is a lock. A closed
    transcript refuses messages: one that will not be stored must not look as if it was sent.

    Parameters
    ----------
    first_id:
        The id of the first message, if the chat has a message already that waits for its text.
    changed:
        Notified at each change, and shared by the transcripts of one turn.
    version:
        The number of changes in earlier transcripts of the turn.
    most:
        How many messages the call may send or change.
    """

    def __init__(
        self,
        first_id: uuid.UUID | None = None,
        changed: threading.Condition | None = None,
        version: int = 0,
        most: int = MESSAGES_PER_CALL,
    ) -> None:
        self.changed = changed or threading.Condition()
        self.version = version
        self.spoke_at = time.monotonic()
        self.unsaved = 0
        # The profile of the messages from now on.
        self.profile: str | None = None
        self._first_id = first_id
        self._most, self._adopted = most, 0
        self._drafts: dict[uuid.UUID, _Draft] = {}
        self._length = 0
        self._closed: MisuseError | None = None

    def send(
        self,
        used: str,
        target: MessageTarget,
        content: str,
        author: str | None,
        *,
        elements: tuple[ElementData, ...] = (),
        details: Mapping[str, Any] | None = None,
        grows: bool = False,
    ) -> uuid.UUID:
        """Add a whole message or replace one, and return its id.

        Parameters
        ----------
        elements:
            What it shows from now on, beside what it shows already. Their files are in the store.
        details:
            As of a `ChatMessage`. ``None`` leaves them as they are. Buttons among them are shown
            beside those that it shows already.
        grows:
            Whether more is to come, as for a step that runs.

        Raises
        ------
        MisuseError
            The call has ended, or the message or all messages together are too long.
        """
        _refuse_length(len(content))
        with self.changed:
            self._refuse_if_closed(used)
            message_id, draft = self._draft(target, author)
            begun = draft.begun
            details = merge_actions(begun.details, details)
            beside = _count_characters(details)
            self._count(len(content) + beside - draft.length() - draft.beside)
            draft.beside = beside
            if elements and begun.elements:
                shown = {element.id: element for element in (*begun.elements, *elements)}
                elements = tuple(shown.values())
            draft.begun = replace(
                begun,
                author=author,
                status=STREAMING,
                elements=elements or begun.elements,
                details=details,
            )
            draft.parts, draft.held = [clean_text(content)], ""
            draft.streaming, draft.removed = grows, False
            self._note(draft, len(content))
        return message_id

    def set_details(self, message_id: uuid.UUID, details: Mapping[str, Any]) -> None:
        """Change some details of a message that this call has sent, even if the call has ended."""
        with self.changed:
            draft = self._drafts.get(message_id)
            if draft is not None:
                draft.begun = replace(
                    draft.begun, details={**(draft.begun.details or {}), **details}
                )
                self._note(draft, 0)

    def note_activity(self, used: str) -> None:
        """Note that the call is at work, although it shows nothing.

        Raises
        ------
        MisuseError
            The call has ended.
        """
        with self.changed:
            self._refuse_if_closed(used)
            self.spoke_at = time.monotonic()

    def reserve_id(self, target: MessageTarget) -> uuid.UUID:
        """Return the id that a message will have. Its files are stored under it before."""
        with self.changed:
            if target.id is not None:
                return target.id
            first_id, self._first_id = self._first_id, None
            return first_id or uuid.uuid4()

    def has(self, message_id: uuid.UUID) -> bool:
        """Return whether this call has sent or changed a message."""
        with self.changed:
            return message_id in self._drafts

    def is_earlier(self, message_id: uuid.UUID) -> bool:
        """Return whether this call changes a message that an earlier one has sent."""
        with self.changed:
            draft = self._drafts.get(message_id)
            return draft is not None and draft.begun.earlier

    def elements_of(self, message_id: uuid.UUID) -> tuple[ElementData, ...]:
        """Return what a message of this call shows at this moment."""
        with self.changed:
            draft = self._drafts.get(message_id)
            return () if draft is None or draft.removed else draft.begun.elements

    def adopt(self, message: ChatMessage) -> None:
        """Take in a message of an earlier call as it is stored, so that this call can change it."""
        with self.changed:
            if message.id not in self._drafts:
                self._length += len(message.content)
                self._adopted += 1
                self._drafts[message.id] = _Draft(
                    begun=replace(message, earlier=True, version=0),
                    parts=[message.content],
                    streaming=False,
                )

    def attach(
        self,
        used: str,
        message_id: uuid.UUID,
        element: ElementData,
        replaces: uuid.UUID | None = None,
    ) -> None:
        """Show an element with a message.

        Parameters
        ----------
        replaces:
            The id of the element in whose place it is shown.

        Raises
        ------
        MisuseError
            The call has ended, or there is no such message.
        """
        self._change_elements(used, message_id, replaces or element.id, element)

    def detach(self, used: str, message_id: uuid.UUID, element_id: uuid.UUID) -> None:
        """Take an element out of a message.

        Raises
        ------
        MisuseError
            As for `attach`.
        """
        self._change_elements(used, message_id, element_id, None)

    def _change_elements(
        self, used: str, message_id: uuid.UUID, element_id: uuid.UUID, new: ElementData | None
    ) -> None:
        with self.changed:
            self._refuse_if_closed(used)
            draft = self._shown_draft(used, message_id)
            elements = {element.id: element for element in draft.begun.elements}
            if new is None:
                elements.pop(element_id, None)
            else:
                elements[element_id] = new
            draft.begun = replace(draft.begun, elements=tuple(elements.values()))
            self._note(draft, 1)

    def change_actions(
        self,
        used: str,
        message_id: uuid.UUID,
        *,
        add: Sequence[ActionData] = (),
        remove: Sequence[str] = (),
    ) -> None:
        """Show buttons under a message, or take them away.

        Parameters
        ----------
        remove:
            The ids that the author gave them. One that is gone already is left out.

        Raises
        ------
        MisuseError
            The call has ended, or there is no such message.
        """
        with self.changed:
            self._refuse_if_closed(used)
            if not add and (self._drafts[message_id].removed or not remove):
                return
            draft = self._shown_draft(used, message_id)
            details = with_actions(draft.begun.details, add, remove)
            if details == draft.begun.details:
                return
            beside = _count_characters(details)
            self._count(beside - draft.beside)
            draft.beside = beside
            draft.begun = replace(draft.begun, details=details)
            self._note(draft, 1)

    def stream(
        self,
        used: str,
        target: MessageTarget,
        token: str,
        author: str | None,
        before: Sequence[str],
    ) -> uuid.UUID:
        """Append a token to a message, which is added if it is new, and return its id.

        Parameters
        ----------
        before:
            The text so far, in parts, of a message that this call has not sent or changed before.

        Raises
        ------
        MisuseError
            The call has ended, or the message or all messages together are too long.
        """
        with self.changed:
            self._refuse_if_closed(used)
            if target.id not in self._drafts:
                token = "".join([*before, token])
            message_id, draft = self._draft(target, author)
            # Before the token is added: one that is too long must not be kept.
            if self._length + len(token) > CONTENT_LIMIT:
                _refuse_length(draft.length() + len(token))
            self._count(len(token))
            draft.add(token)
            draft.streaming, draft.removed = True, False
            self._note(draft, len(token))
        return message_id

    def remove(self, used: str, target: MessageTarget) -> None:
        """Remove a message from the chat.

        Raises
        ------
        MisuseError
            The call has ended.
        """
        with self.changed:
            self._refuse_if_closed(used)
            _, draft = self._draft(target, None)
            self._length -= draft.length() + draft.beside
            draft.beside = 0
            draft.parts, draft.held, draft.streaming, draft.removed = [], "", False, True
            self._note(draft, 0)

    def switch(self, used: str, profile: str, label: str) -> None:
        """Add a divider at which another profile begins, or change the divider at the end.

        Raises
        ------
        MisuseError
            The call has ended.
        """
        with self.changed:
            self._refuse_if_closed(used)
            # The answer comes after the divider, so it cannot take the place that waits for it.
            self._first_id = None
            # A divider at the end, shown or not: no message has come since the last switch.
            new = [draft for draft in self._drafts.values() if not draft.begun.earlier]
            shown = [draft for draft in new if draft.begun.kind == DIVIDER or not draft.removed]
            if shown and shown[-1].begun.kind == DIVIDER:
                draft = shown[-1]
            else:
                _, draft = self._draft(MessageTarget(None, sent=False), None)
                draft.streaming, draft.profile_before = False, self.profile
            draft.begun = replace(draft.begun, kind=DIVIDER, profile=profile)
            self.profile = profile
            draft.parts = [clean_text(label)]
            draft.removed = profile == draft.profile_before
            self._note(draft, len(label))

    def close(self, *, stopped: bool = False) -> None:
        """Refuse further messages. Those that were growing stay as they are.

        Stop shows at a message that was growing. If none was, it shows at the last one.
        """
        with self.changed:
            if self._closed is None:
                self._closed = StoppedError(STOPPED) if stopped else MisuseError(ENDED)
                if stopped:
                    self._mark_last()
            self.changed.notify_all()

    @property
    def streaming(self) -> bool:
        """Whether a message is growing."""
        with self.changed:
            return any(draft.grows for draft in self._drafts.values())

    def said(self) -> list[ChatMessage]:
        """Return the messages as they are now, removed ones too."""
        with self.changed:
            return [draft.message() for draft in self._drafts.values()]

    def _mark_last(self) -> None:
        new = [it for it in self._drafts.values() if not it.begun.earlier and not it.removed]
        said = [it for it in new if it.begun.kind == ASSISTANT]
        if said and not any(it.streaming for it in new):
            said[-1].streaming = True
            self._note(said[-1], 0)

    def _refuse_if_closed(self, used: str) -> None:
        if self._closed is not None:
            raise type(self._closed)(str(self._closed).format(used))

    def _shown_draft(self, used: str, message_id: uuid.UUID) -> _Draft:
        draft = self._drafts.get(message_id)
        if draft is None or draft.removed:
            raise no_such_message(used, message_id)
        return draft

    def _draft(self, target: MessageTarget, author: str | None) -> tuple[uuid.UUID, _Draft]:
        message_id = target.id or self._first_id or uuid.uuid4()
        if not target.sent:
            # Only the first new message may take the place that waits for the answer.
            self._first_id = None
        draft = self._drafts.get(message_id)
        if draft is None:
            if len(self._drafts) - self._adopted >= self._most:
                raise MisuseError(
                    f"One callback may send {self._most} messages; put more text into each."
                )
            begun = ChatMessage(
                id=message_id,
                kind=target.kind,
                author=author,
                content="",
                status=STREAMING,
                created_at=target.created_at or datetime.now(UTC),
                profile=target.profile if target.sent else self.profile,
                earlier=target.sent,
            )
            draft = self._drafts[message_id] = _Draft(begun=begun)
        return message_id, draft

    def _count(self, added: int) -> None:
        if self._length + added > CHARACTERS_PER_CALL:
            raise MisuseError(
                f"One callback may send {CHARACTERS_PER_CALL:,} characters in all; offer long "
                "texts as files."
            )
        self._length += added

    def _note(self, draft: _Draft, length: int) -> None:
        self.version += 1
        draft.version = self.version
        self.unsaved += max(length, 1)  # a removed message must be stored too
        self.spoke_at = time.monotonic()
        self.changed.notify_all()


def latest_said(calls: Iterable[list[ChatMessage]]) -> list[ChatMessage]:
    """Return the messages of a turn's calls, each as the last call left it."""
    found: dict[uuid.UUID, ChatMessage] = {}
    for message in chain.from_iterable(calls):
        first = found.get(message.id)
        found[message.id] = (
            message
            if first is None
            else replace(message, earlier=first.earlier, created_at=first.created_at)
        )
    return list(found.values())


def no_such_message(used: str, message_id: uuid.UUID) -> MisuseError:
    """Return the error for a message that is to show something, and is not in the chat."""
    return MisuseError(
        f"{used}: this chat has no message with the id {message_id}. Send the message first, and "
        "give its id."
    )


def _count_characters(value: object) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(map(_count_characters, value.values()))
    return sum(map(_count_characters, value)) if isinstance(value, list) else 0


def _refuse_length(length: int) -> None:
    if length > CONTENT_LIMIT:
        raise MisuseError(
            f"This message has {length:,} characters; one may have {CONTENT_LIMIT:,}. Split it, or "
            "offer the text as a file."
        )
