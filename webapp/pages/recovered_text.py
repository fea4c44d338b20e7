"""Pages that hold a text which was not sent, for a browser without script: it has no draft.

Each is the answer to the form with that text, so nobody but its sender gets to see it. A text of
more than 256 kB comes back only to a sender who is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from flask import Blueprint, Response, make_response, render_template, request, url_for
from markupsafe import escape

from webapp.accounts.login import owner
from webapp.pages.forms import MODE_PREFIX
from webapp.web.csrf import CSRF_FIELD
from webapp.web.errors import (
    EXPLANATIONS,
    FORM_TOO_OLD,
    UNAVAILABLE,
    Explanation,
    explain,
    show_unavailable,
)
from webapp.web.htmx import wants_fragment
from webapp.web.request_guards import MAX_BODY_BYTES, FormRequest

CHOOSE_AGAIN = "Choose your files again."
NOT_WITH_FILES = (
    " Your files are not on this page: to send them too, copy the text, and go back to the chat."
)
SIGNED_OUT = Explanation(
    "Not saved",
    "You were signed out, so your text was not saved.",
    "Copy it, then reload the page to sign in.",
)


@dataclass(frozen=True)
class TextField:
    """A field that holds a user's text.

    Parameters
    ----------
    called:
        What the page calls the text.
    field:
        The name of the field.
    beside:
        The other fields that are sent with it.
    """

    called: str
    field: str
    beside: tuple[str, ...] = ()


# By endpoint. The app has one hook for all forms, so those of other packages are here as well.
SAY = "turns.say"
TEXT_FIELDS = {
    SAY: TextField("message", "content", ("key",)),
    "questions.answer": TextField("answer", "content", ("key",)),
    "turns.edit": TextField("message", "content", ("key", "message")),
    "feedback.rate": TextField("comment", "comment", ("value",)),
    "history.set_title": TextField("title", "title"),
    "transfer.import_chats": TextField("import", "data"),
}


def has_files() -> bool:
    """Return whether the form of this request has files. A page cannot give them back."""
    sent = cast(FormRequest, request)
    return sent.has_parts and sent.multipart.has_files


def keep_text_when_unavailable(error: Exception) -> Response:
    """Show a page with the text, to send it again when the database is back."""
    unavailable = show_unavailable(error)
    if not holds_text():
        return unavailable
    field = _text_field()
    # The command and the modes, if the form has any.
    choices = [name for name in request.form if name == "command" or name.startswith(MODE_PREFIX)]
    response = _page(
        503,
        title=EXPLANATIONS[503].title,
        advice=f"Your {field.called} was not sent, and nothing of it is lost. Wait a few seconds, "
        f"then send it again.{NOT_WITH_FILES if has_files() else ''}",
        token=request.form.get(CSRF_FIELD, ""),
        beside={name: request.form.get(name, "") for name in (*field.beside, *choices)},
    )
    response.headers["Retry-After"] = unavailable.headers["Retry-After"]
    return response


def register_text_recovery(blueprint: Blueprint) -> None:
    """Keep the texts of a blueprint's forms when the database cannot be reached."""
    for error in UNAVAILABLE:
        blueprint.register_error_handler(error, keep_text_when_unavailable)


def keep_text_of_signed_out() -> Response | None:
    """Show a page with the text of a user who was signed out. Return ``None`` if there is none."""
    # htmx leaves a text in its field, but only the composer keeps its text over a sign-in.
    is_lost = request.endpoint in TEXT_FIELDS and request.endpoint != SAY and wants_fragment()
    if is_lost and _text().strip():
        return explain(401, SIGNED_OUT)
    if not holds_text():
        return None
    return _page(
        401,
        title="Not sent",
        advice=f"You were signed out, so your {_text_field().called} was not sent. "
        "Copy it, then sign in.",
        way_on=url_for("accounts.login", next=_place()[1]),
        to="Sign in",
    )


def keep_text_of_old_form() -> Response | None:
    """Show a page with the text of a form that has expired, or ``None`` if no text could be lost.

    The page has no form to send it again, because the token of the form was wrong.
    """
    if not holds_text():
        return None
    # Without sign-in, a browser that lost its session has lost its chats.
    where, way_on = _place() if owner() else ("a new chat", url_for("chats.new"))
    return _page(
        400,
        title=FORM_TOO_OLD.title,
        advice=f"Your {_text_field().called} was not sent. Copy it, then paste it into {where}.",
        way_on=way_on,
        to=f"Open {where}",
    )


def holds_text() -> bool:
    """Return whether this request has a text that no JavaScript keeps."""
    sends = request.method == "POST" and request.endpoint in TEXT_FIELDS and not wants_fragment()
    return sends and bool(_text().strip())


def _text_field() -> TextField:
    return TEXT_FIELDS[request.endpoint or ""]


def _text() -> str:
    text = request.form.get(_text_field().field, "")
    # Quotes take five bytes each in a page, so a short form could get a long answer.
    is_short = len(escape(text).encode(errors="replace")) <= MAX_BODY_BYTES
    return text if is_short or cast(FormRequest, request).sender_is_known else ""


def _page(code: int, **words: Any) -> Response:
    html = render_template(
        "chats/unsent.html", code=code, field=_text_field(), text=_text(), **words
    )
    return make_response(html, code)


def _place() -> tuple[str, str]:
    """Return where the text belongs: a phrase and an address."""
    chat_id = (request.view_args or {}).get("chat_id")
    if chat_id is None:
        return "the form", url_for(".import_page")
    return "the chat", url_for("chats.show", chat_id=chat_id)
