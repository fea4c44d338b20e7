"""The forms about chats."""

from __future__ import annotations

import re
import uuid

from werkzeug.exceptions import BadRequest
from wtforms import StringField
from wtforms.validators import Length, Optional

from webapp.authoring.text import clean_text, is_visible
from webapp.authoring.types import NAME_LIMIT
from webapp.turns.requests import Question
from webapp.web.forms import StrictForm
from webapp.web.refusals import Refusal

MESSAGE_BYTES = 32 * 1024
# Of characters that a link may put into the composer: all of them fit into one message.
PROMPT_LIMIT = 8_000
TOO_LONG = "It has {:,} bytes, and at most {:,} can be sent at once."
_KEY = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.ASCII)


class MessageTooLongError(Refusal):
    """A message of more than `MESSAGE_BYTES`."""

    code = 413
    title = "Message is too long"
    advice = "Shorten it, or send it in parts."


class EmptyMessageError(Refusal):
    """A message in which there is nothing to see."""

    code = 422
    title = "Not sent"
    message = "The message is empty."
    advice = "Write a message first."


class StartForm(StrictForm):
    """Which profile to chat with (none means the one a new chat would take anyway), and a text."""

    profile = StringField(
        # An empty name stays one: it is not offered, while no name at all means the default.
        filters=[lambda text: None if text is None else clean_text(text)],
        validators=[Optional(strip_whitespace=False), Length(max=NAME_LIMIT)],
    )
    # What a link has put into the composer; it is not said, but stays there.
    prompt = StringField(
        filters=[lambda text: clean_text(text or "")], validators=[Length(max=PROMPT_LIMIT)]
    )
    # The profile that the selector beside the form shows.
    shown = StringField(filters=[lambda text: None if text is None else clean_text(text)])


class ProfileForm(StartForm):
    """With which profile a chat is to go on; here there is no default."""

    def name(self) -> str:
        """Return the name of the profile.

        Raises
        ------
        BadRequest
            When it is missing or too long for one.
        """
        if not self.validate() or self.profile.data is None:
            raise BadRequest
        return str(self.profile.data)


class KeyedForm(StrictForm):
    """A form that has the same effect however often it is sent (R57)."""

    key = StringField()

    def form_key(self) -> uuid.UUID:
        """Return the key of the form.

        Raises
        ------
        BadRequest
            When it is none of ours.
        """
        return _uuid(self.key.data)


class MessageForm(KeyedForm):
    """What a user says."""

    content = StringField(filters=[lambda text: None if text is None else clean_text(text)])

    @property
    def draft(self) -> str:
        """Return what was written, whether it can be sent or not."""
        return self.content.data or ""

    def question(self) -> Question:
        """Return the message and the key of its form.

        Raises
        ------
        BadRequest
            When a field is missing, or the key is none of ours.
        EmptyMessageError
            When there is nothing in it.
        MessageTooLongError
            When it is longer than `MESSAGE_BYTES`.
        """
        if self.content.data is None:
            raise BadRequest
        content = self.content.data.strip("\n")
        size = len(content.encode())
        if size > MESSAGE_BYTES:
            raise MessageTooLongError(TOO_LONG.format(size, MESSAGE_BYTES))
        if not is_visible(content):
            raise EmptyMessageError
        return Question(content, self.form_key())


class EditForm(MessageForm):
    """What a user says instead of what they said before."""

    message = StringField()

    def message_id(self) -> uuid.UUID:
        """Return the id of the message that it replaces.

        Raises
        ------
        BadRequest
            When it is none.
        """
        return _uuid(self.message.data)


class RetryForm(KeyedForm):
    """Which turn is to be tried again, or answered once more."""

    turn = StringField()

    def turn_id(self) -> uuid.UUID:
        """Return the id of the turn.

        Raises
        ------
        BadRequest
            When it is none.
        """
        return _uuid(self.turn.data)


class StopForm(StrictForm):
    """Which turn is to be stopped; none means the one that runs."""

    turn = StringField()

    def turn_id(self) -> uuid.UUID | None:
        """Return the id of the turn, if one was named.

        Raises
        ------
        BadRequest
            When it is no id.
        """
        return _uuid(self.turn.data) if self.turn.data else None


def _uuid(text: str | None) -> uuid.UUID:
    if text is None or not _KEY.fullmatch(text):
        raise BadRequest
    return uuid.UUID(text)
