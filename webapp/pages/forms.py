"""The forms of the chat page."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Sequence
from typing import Any, ClassVar

from flask import request
from werkzeug.exceptions import BadRequest
from wtforms import StringField
from wtforms.validators import Length, Optional

from webapp.authoring.elements.custom_forms import FIELD_PREFIX
from webapp.authoring.inputs.message_choices import NO_CHOICES, Choices
from webapp.authoring.profiles.profile import NAME_LIMIT
from webapp.authoring.text import clean_text, is_visible
from webapp.files.saving import PreparedFile
from webapp.site import settings
from webapp.turns.requests import Question
from webapp.web.forms import StrictForm
from webapp.web.refusals import Refusal

# The characters that a link may put into the composer. Even 4 bytes each fit into one message.
PROMPT_LIMIT = 8_000
# Before the id of a mode, in the name of its field.
MODE_PREFIX = "mode-"
TOO_LONG = "The message has {:,} kB, and may have {:,} kB."
_KEY = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.ASCII)


class MessageTooLongError(Refusal):
    """A message of more bytes than the site allows."""

    code = 413
    title = "Message is too long"
    advice = "Shorten it, or send it in parts."


class EmptyMessageError(Refusal):
    """A message without a visible character, and without files."""

    code = 422
    title = "Not sent"
    message = "The message is empty."
    advice = "Write a message first."


class StartForm(StrictForm):
    """The profile of a new chat, or none for the default one, and a text for the composer."""

    profile = StringField(
        # An empty name is refused, as it is not offered. Only a missing one means the default.
        filters=[lambda text: None if text is None else clean_text(text)],
        validators=[Optional(strip_whitespace=False), Length(max=NAME_LIMIT)],
    )
    # What a link has put into the composer. It is not sent, and stays there.
    prompt = StringField(
        filters=[lambda text: clean_text(text or "")], validators=[Length(max=PROMPT_LIMIT)]
    )
    # The profile that the selector beside the form shows.
    shown = StringField(filters=[lambda text: None if text is None else clean_text(text)])


class ProfileForm(StartForm):
    """The profile that a chat is to switch to or to be continued with. There is no default."""

    def name(self) -> str:
        """Return the name of the profile.

        Raises
        ------
        BadRequest
            The name is missing or too long.
        """
        if not self.validate() or self.profile.data is None:
            raise BadRequest
        return str(self.profile.data)


class KeyedForm(StrictForm):
    """A form that takes effect once, however often it is sent."""

    key = StringField()

    def form_key(self) -> uuid.UUID:
        """Return the key of the form.

        Raises
        ------
        BadRequest
            The key is malformed.
        """
        return parse_key(self.key.data)


class MessageForm(KeyedForm):
    """A message of the user."""

    content = StringField(filters=[lambda text: None if text is None else clean_text(text)])
    # Of the commands of the chat, or of the starter. Empty for none.
    command: StringField | None = StringField(filters=[lambda text: clean_text(text or "") or None])
    # The id of the question of the app that the page shows as open, which the text is to answer.
    answers: StringField | None = StringField()
    open_prefix: ClassVar[str | None] = MODE_PREFIX

    @property
    def chosen_command(self) -> str | None:
        """Return the command that was chosen, whether it is offered or not."""
        return self.command.data if self.command is not None else None

    @property
    def modes(self) -> dict[str, str]:
        """Return the options that were chosen, by the ids of their modes."""
        return {
            clean_text(name.removeprefix(MODE_PREFIX)): clean_text(value)
            for name, value in request.form.items()
            if name.startswith(MODE_PREFIX)
        }

    @property
    def draft(self) -> str:
        """The text of the message, whether it can be sent or not."""
        return self.content.data or ""

    def question(
        self,
        files: Sequence[PreparedFile] = (),
        *,
        has_files: bool = False,
        choices: Choices = NO_CHOICES,
    ) -> Question:
        """Return the message and the key of its form.

        Parameters
        ----------
        has_files:
            The message has files already, so it needs no text.
        choices:
            The command and the modes, which were found among those that are offered.

        Raises
        ------
        BadRequest
            A field is missing, or the key is malformed.
        EmptyMessageError
            The message has neither a visible character nor a file.
        MessageTooLongError
            The message has more than `Settings.message_bytes`.
        """
        if self.content.data is None:
            raise BadRequest
        content = self.content.data.strip("\n")
        size, most = len(content.encode()), settings().message_bytes
        if size > most:
            # Rounded up and down, so that the two differ in words, too.
            raise MessageTooLongError(TOO_LONG.format(-(-size // 1024), most // 1024))
        if not (is_visible(content) or files or has_files):
            raise EmptyMessageError
        return Question(content, self.form_key(), tuple(files), choices)


class EditForm(MessageForm):
    """A new text for the last message."""

    message = StringField()
    # The message keeps the command and the modes that it has.
    command = None
    answers = None
    open_prefix = None

    def message_id(self) -> uuid.UUID:
        """Return the id of the message that is replaced.

        Raises
        ------
        BadRequest
            The id is malformed.
        """
        return parse_key(self.message.data)


class RetryForm(KeyedForm):
    """The turn to try again or to answer again."""

    turn = StringField()

    def turn_id(self) -> uuid.UUID:
        """Return the id of the turn.

        Raises
        ------
        BadRequest
            The id is malformed.
        """
        return parse_key(self.turn.data)


class PressForm(KeyedForm):
    """A button that is pressed, with the fields of the form around it."""

    message = StringField()
    open_prefix = FIELD_PREFIX
    open_repeats = True

    def message_id(self) -> uuid.UUID | None:
        """Return the message in which the button is, as the page says.

        Raises
        ------
        BadRequest
            The id is malformed.
        """
        return None if self.message.data is None else parse_key(self.message.data)

    def fields(self) -> dict[str, list[str]]:
        """Return the values of the fields of its form, by their names."""
        return {
            clean_text(name.removeprefix(FIELD_PREFIX)): [clean_text(value) for value in values]
            for name, values in request.form.lists()
            if name.startswith(FIELD_PREFIX)
        }


class WindowForm(KeyedForm):
    """What the page around the chat has sent, as JSON."""

    content = StringField()

    def message(self) -> Any:
        """Return the message.

        Raises
        ------
        BadRequest
            It is not JSON, or too long.
        """
        text = self.content.data or ""
        if len(text.encode(errors="replace")) > settings().message_bytes:
            raise BadRequest("The message is too long.")
        try:
            return json.loads(clean_text(text))
        except (ValueError, RecursionError):
            raise BadRequest("The message is not JSON.") from None


class StopForm(StrictForm):
    """The turn to stop, or none for the one that runs."""

    turn = StringField()

    def turn_id(self) -> uuid.UUID | None:
        """Return the id of the turn, if the form has one.

        Raises
        ------
        BadRequest
            The id is malformed.
        """
        return parse_key(self.turn.data) if self.turn.data else None


def parse_key(text: str | None) -> uuid.UUID:
    """Return the id or the key in a field of a form.

    Raises
    ------
    BadRequest
        It is missing or malformed.
    """
    if text is None or not _KEY.fullmatch(text):
        raise BadRequest
    return uuid.UUID(text)
