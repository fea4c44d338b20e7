"""Pages that hold a text which was not sent, for a browser without script: it has no draft.

Each is the answer to the form with that text, so nobody but its sender gets to see it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request, url_for

from webapp.accounts.login import owner
from webapp.web.errors import (
    EXPLANATIONS,
    FORM_TOO_OLD,
    UNAVAILABLE,
    Explanation,
    explain,
    show_unavailable,
)
from webapp.web.forms import CSRF_FIELD
from webapp.web.htmx import wants_fragment

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


# By endpoint; the hooks are one for the whole app, so the forms of other rooms stand here as well.
SAY = "turns.say"
TEXT_FIELDS = {
    SAY: TextField("message", "content", ("key",)),
    "turns.edit": TextField("message", "content", ("key", "message")),
    "feedback.rate": TextField("comment", "comment", ("value",)),
    "history.set_title": TextField("title", "title"),
    "transfer.import_chats": TextField("import", "data"),
}


def keep_text(error: Exception) -> Response:
    """Answer with a page from which a text can be sent again once there is a database (R60)."""
    unavailable = show_unavailable(error)
    if not holds_text():
        return unavailable
    field = _text_field()
    response = _page(
        503,
        title=EXPLANATIONS[503].title,
        advice=f"Your {field.called} was not sent, and nothing of it is lost. Wait a few seconds, "
        "then send it again.",
        token=request.form.get(CSRF_FIELD, ""),
        beside={name: request.form.get(name, "") for name in field.beside},
    )
    response.headers["Retry-After"] = unavailable.headers["Retry-After"]
    return response


def keep_texts_of(blueprint: Blueprint) -> None:
    """Let the forms of a blueprint keep what was written when the database cannot be reached."""
    for error in UNAVAILABLE:
        blueprint.register_error_handler(error, keep_text)


def keep_text_of_signed_out() -> Response | None:
    """Answer a text of somebody whose login has ended; ``None`` when no text could be lost."""
    if _is_beside_the_composer():
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
    """Answer a text whose form is not valid any more; ``None`` when no text could be lost.

    Not with a form to send it again: whoever it really came from, its token was wrong.
    """
    if not holds_text():
        return None
    # Without its session a browser has no chats any more, where nobody logs in.
    where, way_on = _place() if owner() else ("a new chat", url_for("chats.new"))
    return _page(
        400,
        title=FORM_TOO_OLD.title,
        advice=f"Your {_text_field().called} was not sent. Copy it, then paste it into {where}.",
        way_on=way_on,
        to=f"Open {where}",
    )


def holds_text() -> bool:
    """Say whether this request brings a text that no script keeps."""
    sends = request.method == "POST" and request.endpoint in TEXT_FIELDS and not wants_fragment()
    return sends and bool(_text().strip())


def _is_beside_the_composer() -> bool:
    # With script a text stays in its field; but only that of the composer is kept over a login.
    is_one = request.endpoint in TEXT_FIELDS and request.endpoint != SAY and wants_fragment()
    return is_one and bool(_text().strip())


def _text_field() -> TextField:
    return TEXT_FIELDS[request.endpoint or ""]


def _text() -> str:
    return request.form.get(_text_field().field, "")


def _page(code: int, **words: Any) -> Response:
    html = render_template(
        "chats/unsent.html", code=code, field=_text_field(), text=_text(), **words
    )
    return make_response(html, code)


def _place() -> tuple[str, str]:
    """Return where the text belongs, in words and as an address."""
    chat_id = (request.view_args or {}).get("chat_id")
    if chat_id is None:
        return "the form", url_for(".import_page")
    return "the chat", url_for("chats.show", chat_id=chat_id)
