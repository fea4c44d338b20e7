"""The messages of one call at any moment. A thread can wait until they change."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from webapp.authoring.actions.details import merge_actions, with_actions
from webapp.authoring.chat_message import (
    ASSISTANT,
    DIVIDER,
    STREAMING,
    ActionData,
    ChatMessage,
    ElementData,
)
from webapp.authoring.draft import (
    CONTENT_LIMIT,
    Draft,
    MessageTarget,
    begin_draft,
    count_characters,
    refuse_length,
)
from webapp.authoring.errors import MisuseError, StoppedError
from webapp.authoring.text import clean_text

MESSAGES_PER_CALL = 1_000
CHARACTERS_PER_CALL = 4_000_000
STOPPED = "{} came after the user had pressed Stop, so it was not sent. Return, or let this pass."
ENDED = (
    "{} came after the callback had ended (or had used up its time), so it would be lost. Await or "
    "join what you start before you return."
)


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
        self._drafts: dict[uuid.UUID, Draft] = {}
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
        refuse_length(len(content))
        with self.changed:
            self._refuse_if_closed(used)
            message_id, draft = self._draft(target, author)
            begun = draft.begun
            details = merge_actions(begun.details, details)
            beside = count_characters(details)
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
                self._drafts[message.id] = Draft(
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
            beside = count_characters(details)
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
                refuse_length(draft.length() + len(token))
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
                drafts = self._drafts.values() if stopped else ()
                new = [it for it in drafts if not it.begun.earlier and not it.removed]
                said = [it for it in new if it.begun.kind == ASSISTANT]
                if said and not any(it.streaming for it in new):
                    said[-1].streaming = True
                    self._note(said[-1], 0)
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

    def _refuse_if_closed(self, used: str) -> None:
        if self._closed is not None:
            raise type(self._closed)(str(self._closed).format(used))

    def _shown_draft(self, used: str, message_id: uuid.UUID) -> Draft:
        draft = self._drafts.get(message_id)
        if draft is None or draft.removed:
            raise no_such_message(used, message_id)
        return draft

    def _draft(self, target: MessageTarget, author: str | None) -> tuple[uuid.UUID, Draft]:
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
            draft = self._drafts[message_id] = begin_draft(
                message_id, target, author, target.profile if target.sent else self.profile
            )
        return message_id, draft

    def _count(self, added: int) -> None:
        if self._length + added > CHARACTERS_PER_CALL:
            raise MisuseError(
                f"One callback may send {CHARACTERS_PER_CALL:,} characters in all; offer long "
                "texts as files."
            )
        self._length += added

    def _note(self, draft: Draft, length: int) -> None:
        self.version += 1
        draft.version = self.version
        self.unsaved += max(length, 1)  # a removed message must be stored too
        self.spoke_at = time.monotonic()
        self.changed.notify_all()


def no_such_message(used: str, message_id: uuid.UUID) -> MisuseError:
    """Return the error for a message that is to show something, and is not in the chat."""
    return MisuseError(
        f"{used}: this chat has no message with the id {message_id}. Send the message first, and "
        "give its id."
    )
