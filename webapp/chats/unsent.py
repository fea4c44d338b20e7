"""Pages that hold a message which was not sent, for a browser without script: it has no draft.

Each is the answer to the form with that message, so nobody but its sender gets to see it.
"""

from __future__ import annotations

from flask import Response, make_response, render_template, request, url_for

from webapp.accounts.login import owner
from webapp.web.errors import EXPLANATIONS, FORM_TOO_OLD, Explanation, explain
from webapp.web.htmx import wants_fragment

TAKE_TEXT = ("turns.say", "turns.edit")
# Fields that no script keeps, by where they are sent: the one of the composer is kept.
UNKEPT = {"turns.edit": "content", "feedback.rate": "comment"}
SIGNED_OUT = Explanation(
    "Not saved",
    "You were signed out, so your text was not saved.",
    "Copy it, then reload the page to sign in.",
)


def unreachable_but_kept(error: Response) -> Response:
    """Answer with a page from which the message can be sent again in a moment (R60)."""
    response = _page(
        503,
        title=EXPLANATIONS[503].title,
        advice="Your message was not sent, and nothing of it is lost. Wait a few seconds, then "
        "send it again.",
        token=request.form.get("csrf_token", ""),
        key=request.form.get("key", ""),
        message=request.form.get("message", ""),
    )
    response.headers["Retry-After"] = error.headers["Retry-After"]
    return response


def signed_out_but_kept() -> Response | None:
    """Answer a message of somebody whose login has ended; ``None`` when no text could be lost."""
    if wants_fragment() and request.form.get(UNKEPT.get(request.endpoint or "", ""), "").strip():
        return explain(401, SIGNED_OUT)
    if not holds_text():
        return None
    return _page(
        401,
        title="Not sent",
        advice="You were signed out, so your message was not sent. Copy it, then sign in.",
        way_on=url_for("accounts.login", next=_chat_page()),
        to="Sign in",
    )


def too_old_but_kept() -> Response | None:
    """Answer a message whose form is not valid any more; ``None`` when no text could be lost.

    Not with a form to send it again: whoever it really came from, its token was wrong.
    """
    if not holds_text():
        return None
    # Without its session a browser has no chats any more, where nobody logs in.
    where, way_on = ("the chat", _chat_page()) if owner() else ("a new chat", url_for("chats.new"))
    return _page(
        400,
        title=FORM_TOO_OLD.title,
        advice=f"Your message was not sent. Copy it, then paste it into {where}.",
        way_on=way_on,
        to=f"Open {where}",
    )


def holds_text() -> bool:
    """Say whether this request is a message that no script keeps."""
    sends = request.endpoint in TAKE_TEXT and not wants_fragment()
    return sends and bool(request.form.get("content", "").strip())


def _page(code: int, **words: str) -> Response:
    content = request.form.get("content", "")
    return make_response(
        render_template("chats/unsent.html", code=code, content=content, **words), code
    )


def _chat_page() -> str:
    return url_for("chats.show", chat_id=(request.view_args or {})["chat_id"])
