"""What every room may ask of the site it serves: typed doors to what `app.py` has put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from flask import Flask, current_app
from werkzeug.local import LocalProxy
from werkzeug.wrappers import Response

from webapp.authoring.loading.app_file import ChatApp
from webapp.config.settings import Settings

SETTINGS, CHAT_APP, HOOKS = "settings", "chat_app", "hooks"
# Where the API is, if the site has one.
API_PREFIX = "/v1/"
# To read one attribute through a proxy takes as long as four calls, and a message asks 30 times.
_find_app = cast("LocalProxy[Flask]", current_app)._get_current_object
# The type of `webapp.app.build_app`. Modules that take it as an argument need not import `app.py`.
BuildApp = Callable[[ChatApp, Settings], Flask]


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """Functions of higher rooms that lower rooms call, and must not import.

    A signal (`webapp/signals.py`) returns nothing to its sender. These do.
    """

    count_chats: Callable[[str], int]
    top_bar: Callable[[], dict[str, Any]]
    keep_text_of_signed_out: Callable[[], Response | None]
    keep_text_of_old_form: Callable[[], Response | None]
    takes_uploads: Callable[[], bool]
    entered_keys: Callable[[], dict[str, str]]


def set_up_site(app: Flask, settings: Settings, chat_app: ChatApp | None, hooks: Hooks) -> None:
    """Keep in ``app`` what the functions of this module return; commands have no app file."""
    app.extensions[SETTINGS] = settings
    app.extensions[HOOKS] = hooks
    if chat_app is not None:
        app.extensions[CHAT_APP] = chat_app


def this_app() -> Flask:
    """Return the app itself, which another thread can use: `flask.current_app` is a proxy."""
    return _find_app()


def settings() -> Settings:
    """Return the settings of this site."""
    found: Settings = _find_app().extensions[SETTINGS]
    return found


def chat_app() -> ChatApp:
    """Return the author's app that this site serves."""
    found: ChatApp = _find_app().extensions[CHAT_APP]
    return found


def hooks() -> Hooks:
    """Return the functions of higher rooms that lower rooms may call."""
    found: Hooks = _find_app().extensions[HOOKS]
    return found
