"""The forms of the history, and the parameters of its pages."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flask import request
from werkzeug.exceptions import BadRequest
from wtforms import StringField

from webapp.authoring.profiles.profile import NAME_LIMIT
from webapp.authoring.text import clean_text, is_visible
from webapp.chats.models import TITLE_LIMIT
from webapp.history.listing import Cursor
from webapp.web.forms import StrictForm
from webapp.web.refusals import Refusal

SEARCH_LIMIT = 1_000
_ENTRY = re.compile(r"[1-9]\d{0,18}", re.ASCII)
_LARGEST_ENTRY = 2**63 - 1


class InvalidTitleError(Refusal):
    """A title that is empty or too long."""

    code = 422
    title = "Not renamed"
    advice = f"Write a title of 1 to {TITLE_LIMIT} characters."


class TitleForm(StrictForm):
    """The new title of a chat."""

    title = StringField(filters=[lambda text: None if text is None else clean_text(text)])

    def new_title(self) -> str:
        """Return the title on one line.

        Raises
        ------
        BadRequest
            When the field is missing.
        InvalidTitleError
            When the title is empty or too long.
        """
        if self.title.data is None:
            raise BadRequest
        title = " ".join(self.title.data.split())
        if not is_visible(title):
            raise InvalidTitleError("The title is empty.")
        if len(title) > TITLE_LIMIT:
            raise InvalidTitleError(f"The title has {len(title):,} characters.")
        return title


class PinForm(StrictForm):
    """Whether to pin a chat."""

    pinned = StringField()

    def is_pinned(self) -> bool:
        """Return whether to pin the chat.

        Raises
        ------
        BadRequest
            When the value is neither ``yes`` nor ``no``.
        """
        if self.pinned.data not in ("yes", "no"):
            raise BadRequest
        return bool(self.pinned.data == "yes")


@dataclass(frozen=True)
class HistoryQuery:
    """The parameters of a page of the history."""

    text: str = ""
    profile: str | None = None
    before: Cursor | None = None
    # A search is paged by the numbers of search entries.
    before_entry: int | None = None


def read_query() -> HistoryQuery:
    """Return the parameters of this request for a page of the history.

    Raises
    ------
    BadRequest
        When the end of the page before is not valid.
    """
    text = clean_text(request.args.get("q", ""))[:SEARCH_LIMIT]
    profile = clean_text(request.args.get("profile", ""))[:NAME_LIMIT] or None
    before = request.args.get("before", "")
    if not before:
        return HistoryQuery(text, profile)
    if text.strip():
        if not _ENTRY.fullmatch(before) or int(before) > _LARGEST_ENTRY:
            raise BadRequest
        return HistoryQuery(text, profile, before_entry=int(before))
    cursor = Cursor.parse(before)
    if cursor is None:
        raise BadRequest
    return HistoryQuery(text, profile, before=cursor)
