"""The form under an answer."""

from __future__ import annotations

from werkzeug.exceptions import BadRequest
from wtforms import StringField

from webapp.authoring.text import clean_text
from webapp.feedback.storing import NONE
from webapp.pages.message_actions import COMMENT_LIMIT, VALUES
from webapp.web.forms import StrictForm
from webapp.web.refusals import Refusal

TOO_LONG = "The comment has {:,} characters, and at most {:,} are possible."


class CommentTooLongError(Refusal):
    """A comment of more than `COMMENT_LIMIT` characters."""

    code = 413
    title = "Not sent"
    advice = "Shorten the comment, then send it again."


class FeedbackForm(StrictForm):
    """What a user thinks of an answer, and why."""

    value = StringField()
    comment = StringField(filters=[lambda text: None if text is None else clean_text(text)])

    def rating(self) -> str:
        """Return ``up``, ``down`` or ``none``.

        Raises
        ------
        BadRequest
            When it is anything else.
        """
        if self.value.data not in (*VALUES, NONE):
            raise BadRequest
        return str(self.value.data)

    def reason(self) -> str | None:
        """Return the comment; ``None`` when the form has none, so that an earlier one stays.

        Raises
        ------
        CommentTooLongError
            When it is longer than `COMMENT_LIMIT`.
        """
        if self.comment.data is None:
            return None
        comment = self.comment.data.strip()
        if len(comment) > COMMENT_LIMIT:
            raise CommentTooLongError(TOO_LONG.format(len(comment), COMMENT_LIMIT))
        return comment
