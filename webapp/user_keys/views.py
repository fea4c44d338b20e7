"""The page that asks for the keys of a user, and what sends people to it."""

from __future__ import annotations

import logging
import re

from flask import Blueprint, Flask, Response, make_response, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse
from wtforms import HiddenField

from webapp.accounts.guard import login_needed
from webapp.accounts.login import browser_session, viewer
from webapp.site import chat_app, settings
from webapp.user_keys.cookie_value import can_encrypt
from webapp.user_keys.entered import (
    KEY_GUARD,
    KeysTooLongError,
    entered_keys,
    keep_keys,
    lacks_keys,
    renew_cookie,
)
from webapp.user_keys.key_guard import use_key_guard
from webapp.web.forms import FormFieldError, StrictForm, expect_no_fields
from webapp.web.htmx import go_to, page_to_return_to
from webapp.web.log import log_event
from webapp.web.redirects import local_path

PREFIX = "key-"
NEEDED = "Enter each key. The app does not work without them."
CONTROL = "A key cannot have line breaks or other control characters in it. Copy it again."
TOO_LONG = "These keys are too long. Together they may have about 2,500 characters. Check each key."
NOT_ENCRYPTED = (
    "the cookie with the keys of users is signed, but not encrypted: pip install "
    "'chat-profiles[user-keys]'"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
blueprint = Blueprint("user_keys", __name__, url_prefix="/keys")


class KeysForm(StrictForm):
    """A field for each key, and where the user wanted to go."""

    open_prefix = PREFIX
    next = HiddenField()

    def read_keys(self) -> dict[str, str]:
        """Return the keys that were entered, with those from before where a field is empty.

        Raises
        ------
        FormFieldError
            The app does not ask for one of them.
        """
        names = chat_app().config.user_keys
        sent = {field.removeprefix(PREFIX): value.strip() for field, value in request.form.items()}
        for name in sent.keys() - {*names, "next", "csrf_token"}:
            raise FormFieldError("This app asks for no key “{}”.", subject=name[:64])
        kept = entered_keys()
        keys = {name: sent.get(name) or kept.get(name, "") for name in names}
        return {name: key for name, key in keys.items() if key}


def ask_for_keys(app: Flask) -> None:
    """Serve the page, and send everybody there who opens a chat without their keys."""
    app.extensions[KEY_GUARD] = use_key_guard()
    app.register_blueprint(blueprint)
    app.jinja_env.globals["asks_for_keys"] = True
    app.before_request(_send_to_page)
    app.after_request(_renew_cookie)
    with app.app_context():
        if settings().production and not can_encrypt():
            log_event("user_keys.not_encrypted", level=logging.WARNING, hint=NOT_ENCRYPTED)


@blueprint.get("")
@login_needed
def show() -> Response:
    """Ask for the keys. What was entered before is not shown again."""
    return _answer(local_path(request.args.get("next"), url_for("chats.new")), "", 200)


@blueprint.post("")
@login_needed
def enter() -> BaseResponse:
    """Let the browser keep the keys, and go on to where the user wanted to go."""
    form = KeysForm()
    target = local_path(form.next.data, url_for("chats.new"))
    keys = form.read_keys()
    if len(keys) < len(chat_app().config.user_keys):
        return _answer(target, NEEDED, 422)
    if any(_CONTROL.search(key) for key in keys.values()):
        return _answer(target, CONTROL, 422)
    response = make_response(go_to(target))
    try:
        keep_keys(response, keys)
    except KeysTooLongError:
        return _answer(target, TOO_LONG, 422)
    return response


@blueprint.post("/forget")
@login_needed
def forget() -> BaseResponse:
    """Let the browser forget the keys."""
    expect_no_fields()
    response = make_response(go_to(url_for("user_keys.show")))
    keep_keys(response, {})
    return response


def _answer(target: str, error: str, status: int) -> Response:
    names, entered = chat_app().config.user_keys, entered_keys()
    page = render_template(
        "user_keys/page.html", names=names, entered=entered, target=target, error=error
    )
    return make_response(page, status)


def _send_to_page() -> BaseResponse | None:
    is_chat = request.path == "/" or request.path.startswith("/chats")
    if not is_chat:  # so that icons and health checks read no session
        return None
    is_known = viewer() is not None or not chat_app().login_on
    if not is_known or not lacks_keys():
        return None
    start = url_for("chats.new")
    target = local_path(page_to_return_to() or start, start)
    return go_to(url_for("user_keys.show", next=target if target != start else None))


def _renew_cookie(response: Response) -> Response:
    """Let the browser forget the keys of a user who has left, in whatever way."""
    # Icons and health checks do not look for the user. A failed request may not know the user.
    is_known = browser_session().loaded and response.status_code < 500
    # This answer brings the keys of the new user.
    brings_keys = request.endpoint == "user_keys.enter"
    if is_known and not brings_keys:
        renew_cookie(response)
    return response
