"""The forms of the history, and what its pages are asked with."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flask import request
from werkzeug.exceptions import BadRequest
from wtforms import StringField

from webapp.authoring.text import clean_text, is_visible
from webapp.authoring.types import NAME_LIMIT
from webapp.chats.models import TITLE_LIMIT
from webapp.history.listing import Cursor
from webapp.web.forms import StrictForm
from webapp.web.refusals import Refusal

SEARCH_LIMIT = 1_000
_ENTRY = re.compile(r"[1-9]\d{0,18}", re.ASCII)
_LARGEST_ENTRY = 2**63 - 1


class InvalidTitleError(Refusal):
    """A title in which there is nothing to see, or too much."""

    code = 422
    title = "Not renamed"
    advice = f"Write a title of 1 to {TITLE_LIMIT} characters."


class TitleForm(StrictForm):
    """What a chat is to be called."""

    title = StringField(filters=[lambda text: None if text is None else clean_text(text)])

    def new_title(self) -> str:
        """Return the title, in one line.

        Raises
        ------
        BadRequest
            When the field is missing.
        InvalidTitleError
            When there is nothing to see in it, or it is too long.
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
    """Whether a chat is to be pinned."""

    pinned = StringField()

    def is_pinned(self) -> bool:
        """Return what was asked for.

        Raises
        ------
        BadRequest
            When it is neither ``yes`` nor ``no``.
        """
        if self.pinned.data not in ("yes", "no"):
            raise BadRequest
        return bool(self.pinned.data == "yes")


@dataclass(frozen=True)
class Asked:
    """What a page of the history is asked with."""

    text: str
    profile: str | None
    before: Cursor | None
    # In a search, what comes before is counted in entries.
    before_entry: int | None


def asked() -> Asked:
    """Return what this page of the history was asked with.

    Raises
    ------
    BadRequest
        When it goes on from somewhere that no page has named (R29).
    """
    text = clean_text(request.args.get("q", ""))[:SEARCH_LIMIT]
    profile = clean_text(request.args.get("profile", ""))[:NAME_LIMIT] or None
    before = request.args.get("before", "")
    if not before:
        return Asked(text, profile, None, None)
    if text.strip():
        return Asked(text, profile, None, _entry(before))
    cursor = Cursor.parsed(before)
    if cursor is None:
        raise BadRequest
    return Asked(text, profile, cursor, None)


def _entry(text: str) -> int:
    if not _ENTRY.fullmatch(text) or int(text) > _LARGEST_ENTRY:
        raise BadRequest
    return int(text)
