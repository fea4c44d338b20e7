"""`create_app`: the wiring, in the order in which a request meets it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from flask import Flask, Response, send_file
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import NotFound
from werkzeug.local import LocalProxy

from webapp.accounts import account_views, login
from webapp.accounts import views as accounts_views
from webapp.accounts.commands import groups as commands
from webapp.accounts.sessions.interface import DatabaseSessions
from webapp.authoring.errors import AuthoringError
from webapp.authoring.loading.app_file import ChatApp, is_loading
from webapp.authoring.loading.loader import load_chat_app
from webapp.config import Settings, StartupError
from webapp.console import file_problem
from webapp.database import commands as database_commands
from webapp.database import engines
from webapp.database.schema import settle_schema
from webapp.feedback import commands as feedback_commands
from webapp.feedback import views as feedback_views
from webapp.history import deletion_job
from webapp.history import sidebar as pages
from webapp.history import views as history_views
from webapp.markdown.descriptions import description_html, summary_html
from webapp.markdown.messages import message_html
from webapp.pages import chat_views as chats_views
from webapp.pages import live, turn_views
from webapp.profiles import icons
from webapp.profiles import views as profiles_views
from webapp.resources import resource_folder
from webapp.sharing import views as sharing_views
from webapp.transfer import views as transfer_views
from webapp.turns.runtime import EXTENSION as CONVERSATION
from webapp.turns.runtime import set_up_conversation
from webapp.upkeep import commands as upkeep_commands
from webapp.web import assets, errors, headers, health, late_schema, probe
from webapp.web import log as events
from webapp.web import middleware as front
from webapp.web import request_guards as requests
from webapp.wiring import wire_rooms

PUBLIC_SECONDS = 300


def create_app(
    chat: str | Path | ChatApp | None = None, config: Mapping[str, Any] | None = None
) -> Flask:
    """Return the Flask app for a WSGI server; this is production, and refuses to be unsafe.

    Parameters
    ----------
    chat:
        The path of an app file, the name of a module, or a loaded app; the environment's
        ``WEBAPP_CHAT`` when left out.
    config:
        Settings by their ``WEBAPP_`` names, which win over the environment; other names go to
        Flask.

    Raises
    ------
    StartupError
        When a setting is missing or unsafe, the app file cannot be loaded, or the database has
        an old schema. It is a `SystemExit`: its one line is on standard error by then.

    Example
    -------
    ::

        gunicorn --workers 1 --threads 32 "webapp:create_app()"
    """
    try:
        settings = Settings.from_environment(config)
        settings.refuse_if_unsafe()
        refuse_gevent()
        app = build_app(_loaded(chat or settings.chat), settings)
        _settle_schema(app, settings)
    except StartupError as error:
        # Called in an app file, its place is elsewhere, which is what whoever loads it says.
        if not is_loading():
            sys.stderr.write(f"chat-profiles: {error.line}\n")
        raise
    return app


def build_app(chat_app: ChatApp, settings: Settings, *, watch_files: bool = False) -> Flask:
    """Wire a Flask app for a loaded app file; changes nothing on disk or in the database.

    With ``watch_files``, static files and templates are looked at anew for each request.
    """
    app = Flask("webapp", template_folder=str(resource_folder("templates")), static_folder=None)
    app.config.update(settings.flask)
    app.config["SECRET_KEY"] = settings.secret_key
    app.config["SECRET_KEY_FALLBACKS"] = list(settings.secret_key_fallbacks)
    app.config["TEMPLATES_AUTO_RELOAD"] = watch_files
    # A doubled slash is a 404, not a redirect, which would name the host.
    app.url_map.merge_slashes = False
    app.config["TRUSTED_HOSTS"] = list(settings.trusted_hosts) or None
    wire_rooms(app, settings, chat_app)
    events.set_up_logging(settings.log_level)
    engines.init_app(app, settings)
    app.session_interface = DatabaseSessions(settings)
    requests.guard_requests(app)
    errors.handle_errors(app)
    login.set_up_login(app)
    headers.send_headers(app)
    _add_routes(app, chat_app)
    _dress_templates(app, settings, chat_app)
    app.extensions[deletion_job.EXTENSION] = deletion_job.DeletionJob()
    set_up_conversation(app, settings)
    app.extensions[live.EXTENSION] = live.LiveTurns()
    probe.set_up_probe(app, app.extensions[CONVERSATION].slots)
    commands.add_to(app)
    upkeep_commands.add_to(app)
    app.cli.add_command(feedback_commands.feedback)
    app.cli.add_command(database_commands.database)
    front.stand_in_front(app, settings, watch_files=watch_files)
    return app


def refuse_gevent() -> None:
    """Refuse a process whose threads were replaced by gevent: one callback would stop them all.

    Raises
    ------
    StartupError
        Naming the worker class to use instead.
    """
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        raise StartupError(
            "gevent has replaced Python's threads, so one slow callback would stop every chat; "
            "use gunicorn's gthread workers: gunicorn --workers 1 --threads 32."
        )


def _loaded(chat: str | Path | ChatApp | None) -> ChatApp:
    if chat is None:
        raise StartupError(
            "WEBAPP_CHAT is not set: give the path of your app file, "
            "for example WEBAPP_CHAT=/srv/chat/app.py."
        )
    try:
        return load_chat_app(chat)
    except AuthoringError as error:
        raise StartupError(str(error)) from error


def _settle_schema(app: Flask, settings: Settings) -> None:
    try:
        settle_schema(settings, upgrade_old=False)
    except PermissionError as error:
        # That does not get better by waiting.
        raise StartupError(
            f"{file_problem(error)}: the database cannot be kept there. Change the rights of the "
            "folder, or WEBAPP_DATABASE_URL."
        ) from error
    except (SQLAlchemyError, OSError) as error:
        # A database that is down is no reason not to start: pages say 503 until it is back (R61).
        with app.app_context():
            errors.log_unavailable(error)
        app.extensions[late_schema.EXTENSION] = late_schema.LateSchema(settings)


def _add_routes(app: Flask, chat_app: ChatApp) -> None:
    modules = (
        chats_views,
        turn_views,
        feedback_views,
        history_views,
        transfer_views,
        sharing_views,
        profiles_views,
        accounts_views,
        account_views,
        health,
        probe,
    )
    # Two of them share one.
    for blueprint in dict.fromkeys(module.blueprint for module in modules):
        app.register_blueprint(blueprint)

    @app.get("/static/<path:name>")
    def static(name: str) -> Response:
        """Refuse what is not there: what is was sent before Flask was asked (web/middleware.py)."""
        raise NotFound(name)

    @app.get("/public/<path:name>")
    def public(name: str) -> Response:
        """Send a file of the folder ``public`` beside the app file, such as an icon."""
        path = assets.public_file(chat_app.public_folder, name)
        if path is None:
            raise NotFound
        response = send_file(path, max_age=PUBLIC_SECONDS, etag=True)
        response.cache_control.public = True
        return response


def _dress_templates(app: Flask, settings: Settings, chat_app: ChatApp) -> None:
    app.jinja_env.globals.update(
        site_name=settings.site_name or "Chat Profiles",
        login_on=chat_app.login_on,
        sharing_on=settings.sharing,
        switches_here=chat_app.switches_here,
        # Asked for only where it is used: error pages must not need a session.
        viewer=LocalProxy(login.viewer),
        asset=assets.asset,
        page_headers=icons.page_headers,
        theme_url=partial(assets.theme_url, chat_app.public_folder),
        # What stands beside every chat, without the chats knowing of it.
        history_of_page=pages.history_of_page,
        face_in=pages.face_in,
        deleted_chat=pages.deleted_chat,
    )
    _add_filters(app)
    # Imported or included by each template, they would cost a context for every picture.
    pictures: Any = app.jinja_env.get_template("_pictures.html").module
    texts: Any = app.jinja_env.get_template("_texts.html").module
    app.jinja_env.globals.update(glyph=pictures.glyph, icon=pictures.icon, sentence=texts.sentence)


def _add_filters(app: Flask) -> None:
    app.jinja_env.filters.update(
        description_html=lambda profile: description_html(profile.markdown_description),
        summary_html=lambda profile: summary_html(profile.markdown_description),
        content_html=lambda message: message_html(message.content),
        icon_src=icons.icon_src,
        initial=icons.initial,
        label=icons.label,
        iso=lambda time: time.isoformat(timespec="seconds").replace("+00:00", "Z"),
    )
