"""What a user asks of a chat: a question, a replacement, and the turn that is to answer."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.authoring.chat_message import ChatMessage, ElementData
from webapp.authoring.inputs.message_choices import NO_CHOICES, Choices
from webapp.authoring.profiles.profile import ChatProfile
from webapp.authoring.users.user import User
from webapp.files.saving import PreparedFile
from webapp.turns.form_keys import SentMessage

Fields = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Question:
    """What a user wrote and attached, and the form it was sent with."""

    content: str
    key: uuid.UUID
    files: tuple[PreparedFile, ...] = ()
    choices: Choices = NO_CHOICES

    @property
    def sent(self) -> SentMessage:
        """Return what tells whether the form is sent for the first time."""
        return SentMessage(self.content, tuple(file.stored.sha256 for file in self.files))


@dataclass(frozen=True)
class Replacement:
    """What a new turn takes the place of: a question and its answers, or the answers alone.

    Parameters
    ----------
    question_id:
        The last message of the user.
    answer_of:
        The last turn, if only its answer is to be replaced.
    elements, details:
        What the user had attached to the message, and the command and modes that they had chosen.
        They stay when the text is another one.
    """

    question_id: uuid.UUID
    answer_of: uuid.UUID | None = None
    elements: tuple[ElementData, ...] = ()
    details: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class TurnRequest:
    """A turn that is about to begin, whole before anything of it is stored.

    Parameters
    ----------
    turn_id:
        The id that its row gets.
    profile:
        The chat's profile as it is offered now.
    profile_name:
        The name of the profile that the chat had when it was fetched.
    user:
        Who is signed in.
    offered:
        The profiles that the user is offered, by name.
    key:
        The key of the form that was sent.
    most_turns:
        How many turns one user may have under way.
    resumes:
        Whether a chat that has ended is resumed: the app has an ``@on_chat_resume``.
    session_id:
        The browser's session in which it is resumed; ``None`` if no browser asks.
    question:
        What the user wrote, if it is new.
    files:
        What they attached to it. The contents are in the store.
    answers:
        The message to be answered once more, if no new one is.
    action_id:
        The button that was pressed, if one was.
    action_message:
        The message in which it is looked for first.
    fields:
        The values in the form of that button, by the names of the fields. ``None`` if the turn is
        tried again, as they are not kept.
    replacement:
        What the turn takes the place of, if it does.
    new_snapshot:
        The chat's profile, if it looks different from the chat's snapshot of it.
    """

    turn_id: uuid.UUID
    chat_id: uuid.UUID
    owner: str
    profile: ChatProfile | None
    profile_name: str | None
    user: User | None
    offered: Mapping[str, ChatProfile]
    key: uuid.UUID
    most_turns: int
    resumes: bool
    session_id: uuid.UUID | None
    question: ChatMessage | None = None
    files: tuple[PreparedFile, ...] = ()
    answers: uuid.UUID | None = None
    action_id: uuid.UUID | None = None
    action_message: uuid.UUID | None = None
    fields: Fields | None = None
    replacement: Replacement | None = None
    new_snapshot: ChatProfile | None = None

    @property
    def question_id(self) -> uuid.UUID | None:
        """Return the message that the turn answers."""
        return self.question.id if self.question is not None else self.answers
