"""Show the readme of the app, and send the colours of the site."""

from __future__ import annotations

import re
import uuid

from flask import Blueprint, Response, make_response, render_template, request, url_for
from werkzeug.exceptions import NotFound

from webapp.accounts.guard import login_needed
from webapp.branding.looks import looks
from webapp.branding.readme import choose_readme
from webapp.markdown.budget import PageBudget, SlowTexts
from webapp.markdown.messages import message_html

YEAR = 31_536_000
_CHAT = re.compile(r"/chats/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
blueprint = Blueprint("branding", __name__)


@blueprint.get("/readme")
@login_needed
def readme() -> Response:
    """Show the readme in the language of the browser."""
    readmes = looks().readmes
    language = choose_readme(readmes, request.accept_languages.values())
    if language is None:
        raise NotFound
    # Back to the chat from which the readme was opened. The link does not name that chat: a script
    # may have started it after the page was made.
    came_from = (request.referrer or "").partition("?")[0]
    path = came_from.partition("://")[2].removeprefix(f"{request.host}{request.script_root}")
    found = _CHAT.fullmatch(path)
    back = url_for("chats.show", chat_id=uuid.UUID(found[1])) if found else url_for("chats.new")
    page = render_template(
        "branding/readme.html",
        language=language,
        text=message_html(readmes[language], PageBudget(SlowTexts()), "readme"),
        back=back,
    )
    response = make_response(page)
    response.vary.add("Accept-Language")
    return response


@blueprint.get("/colours.css")
def styles() -> Response:
    """Send the colours and the rules for the logo. Their address changes with them."""
    found = looks()
    if not found.styles:
        raise NotFound
    response = Response(found.styles, mimetype="text/css")
    response.cache_control.public = True
    response.cache_control.max_age = YEAR if request.args.get("v") == found.version else 0
    return response
