"""The form under an answer."""

from __future__ import annotations

from werkzeug.exceptions import BadRequest
from wtforms import StringField

from webapp.authoring.text import clean_text
from webapp.feedback.ratings import NONE
from webapp.pages.message_actions import COMMENT_LIMIT, VALUES
from webapp.web.forms import StrictForm
from webapp.web.refusals import Refusal

TOO_LONG = "The comment has {:,} characters. Use at most {:,}."


class CommentTooLongError(Refusal):
    """A comment of more than `COMMENT_LIMIT` characters."""

    code = 413
    title = "Not sent"
    advice = "Shorten the comment, then send it again."


class FeedbackForm(StrictForm):
    """The rating of an answer, and a comment."""

    value = StringField()
    comment = StringField(filters=[lambda text: None if text is None else clean_text(text)])

    def rating(self) -> str:
        """Return ``up``, ``down`` or ``none``.

        Raises
        ------
        BadRequest
            When the value is none of them.
        """
        if self.value.data not in (*VALUES, NONE):
            raise BadRequest
        return str(self.value.data)

    def reason(self) -> str | None:
        """Return the comment. ``None`` means that the form has none, and an earlier one stays.

        Raises
        ------
        CommentTooLongError
            When the comment is longer than `COMMENT_LIMIT`.
        """
        if self.comment.data is None:
            return None
        comment = self.comment.data.strip()
        if len(comment) > COMMENT_LIMIT:
            raise CommentTooLongError(TOO_LONG.format(len(comment), COMMENT_LIMIT))
        return comment
