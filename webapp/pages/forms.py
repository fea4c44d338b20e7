"""The forms about chats."""

from __future__ import annotations

import re
import uuid

from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnprocessableEntity
from wtforms import StringField
from wtforms.validators import Length, Optional

from webapp.authoring.text import clean_text, is_visible
from webapp.authoring.types import NAME_LIMIT
from webapp.turns.asking import Question
from webapp.web.forms import StrictForm

MESSAGE_BYTES = 32 * 1024
# Of characters that a link may put into the composer: all of them fit into one message.
PROMPT_LIMIT = 8_000
EMPTY = "There is nothing to send yet."
TOO_LONG = "This message has {:,} bytes, and one may have {:,}."
_KEY = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.ASCII)


class TooLong(RequestEntityTooLarge):
    """A message of more than `MESSAGE_BYTES`."""

    advice = "Shorten it, or send it in parts."


class Empty(UnprocessableEntity):
    """A message in which there is nothing to see."""

    title = "Not sent"
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
        Empty
            When there is nothing in it.
        TooLong
            When it is longer than `MESSAGE_BYTES`.
        """
        if self.content.data is None:
            raise BadRequest
        content = self.content.data.strip("\n")
        size = len(content.encode())
        if size > MESSAGE_BYTES:
            raise TooLong(TOO_LONG.format(size, MESSAGE_BYTES))
        if not is_visible(content):
            raise Empty(EMPTY)
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


class ResumeForm(StrictForm):
    """That a chat is to be resumed: it says nothing more."""


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
