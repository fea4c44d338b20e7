"""`create_app` wires the app, in the order in which a request meets its parts."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from flask import Flask, Response, make_response, request, send_file
from flask.cli import AppGroup
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import NotFound

from webapp.accounts import account_views
from webapp.accounts import views as accounts_views
from webapp.accounts.header_auth.trusted_proxy import find_proxy_problem
from webapp.accounts.sessions.interface import DatabaseSessions
from webapp.accounts.sessions.login_manager import set_up_login
from webapp.accounts.sessions.visitor_limits import set_up_visitor_limits
from webapp.authoring.errors import AuthoringError
from webapp.authoring.loading.app_file import ChatApp, is_loading
from webapp.authoring.loading.loader import load_chat_app
from webapp.branding import views as branding_views
from webapp.branding.looks import set_up_looks
from webapp.config.settings import Settings
from webapp.config.startup_error import StartupError
from webapp.console import file_problem
from webapp.database import engines
from webapp.database.schema import (
    NewerSchemaError,
    read_schema_state,
    refuse_schema,
    settle_schema,
)
from webapp.elements import element_views, file_views
from webapp.elements.template_globals import set_up_elements
from webapp.feedback import views as feedback_views
from webapp.history import views as history_views
from webapp.history.deletion_job import set_up_deletion
from webapp.pages import chat_views, turn_views
from webapp.pages.live import set_up_live_turns
from webapp.pages.questions import views as question_views
from webapp.pages.settings import views as settings_views
from webapp.pages.versions import views as version_views
from webapp.pages.watching import set_up_watching
from webapp.profiles import views as profiles_views
from webapp.resources import resource_folder
from webapp.sharing import views as sharing_views
from webapp.templating import set_up_templates, set_up_windows
from webapp.transfer import views as transfer_views
from webapp.turns.late.storing import LateRows
from webapp.turns.runtime import runs_turns, set_up_conversation
from webapp.turns.storing import TurnRows
from webapp.web import assets, health, late_schema, probe
from webapp.web.compression import compress_answers
from webapp.web.connections import bound_connections
from webapp.web.downloads.thread import sends_files, set_up_downloads
from webapp.web.errors import EXPLANATIONS, explain, handle_errors, log_unavailable
from webapp.web.headers import send_headers
from webapp.web.life.lifespan import is_gunicorn_worker, set_up_lifespan, start_or_refuse
from webapp.web.log import set_up_logging
from webapp.web.middleware import add_middleware
from webapp.web.request_guards import guard_requests
from webapp.wiring import wire_rooms

PUBLIC_SECONDS = 300
# A page asks for a missing icon with each message, unless the browser may remember the answer.
MISSING_SECONDS = 60


def create_app(
    chat: str | Path | ChatApp | None = None, config: Mapping[str, Any] | None = None
) -> Flask:
    """Return the Flask app for a WSGI server. Unsafe settings are refused.

    Parameters
    ----------
    chat:
        The path of an app file, the name of a module, or a loaded app. Without it, the
        ``WEBAPP_CHAT`` of the environment counts.
    config:
        Settings by their ``WEBAPP_`` names, which win over the environment. Other names go to
        Flask.

    Raises
    ------
    StartupError
        A setting is missing or unsafe, the app file cannot be loaded, or the database has an old
        schema. There is a line for each of these problems, and all have been written to standard
        error. It is a `SystemExit`.

    Example
    -------
    ::

        gunicorn --workers 1 --threads 32 "chat_profiles:create_app()"
    """
    try:
        settings, chat_app = _prepare(chat, config)
        app = build_app(chat_app, settings)
        most_bytes = settings.files_bytes if chat_app.may_take_uploads else 0
        bound_connections(most_bytes, lambda: runs_turns(app) or sends_files(app))
        _settle_schema(app, settings)
        if is_gunicorn_worker():
            start_or_refuse(app)
    except StartupError as error:
        # In an app file, the loader shows the place of the call instead.
        if not is_loading():
            sys.stderr.writelines(f"chat-profiles: {line}\n" for line in error.lines)
        raise
    return app


def build_app(chat_app: ChatApp, settings: Settings, *, watch_files: bool = False) -> Flask:
    """Wire a Flask app for a loaded app file, without changes on disk or in the database.

    Parameters
    ----------
    watch_files:
        Look for changed static files and templates at each request, for development.
    """
    if not settings.site_name:
        settings = replace(settings, site_name=chat_app.config.name)
    app = Flask("webapp", template_folder=str(resource_folder("templates")), static_folder=None)
    app.config.update(settings.flask)
    app.config["SECRET_KEY"] = settings.secret_key
    app.config["SECRET_KEY_FALLBACKS"] = list(settings.secret_key_fallbacks)
    app.config["TEMPLATES_AUTO_RELOAD"] = watch_files
    # A double slash is a 404. The redirect that Flask would send names the host.
    app.url_map.merge_slashes = False
    app.config["TRUSTED_HOSTS"] = list(settings.trusted_hosts) or None
    app.cli = _SiteCommands(app.name)
    wire_rooms(app, settings, chat_app)
    set_up_logging(settings.log_level)
    engines.init_app(app, settings)

    # What a request meets, and what its answer meets on the way back.
    add_middleware(app, settings, watch_files=watch_files)
    set_up_lifespan(app, chat_app, settings)
    app.session_interface = DatabaseSessions(settings)
    guard_requests(app)
    handle_errors(app)
    set_up_login(app)
    # Called after the answer has its headers: Flask goes through these functions backwards.
    compress_answers(app)
    send_headers(app)
    _add_routes(app, chat_app)
    if settings.api:
        # A site without it has no need of its modules.
        import_module("webapp.api.views").serve_api(app, settings)
    if chat_app.config.user_keys:
        import_module("webapp.user_keys.views").ask_for_keys(app)
    set_up_looks(app, chat_app)
    set_up_templates(app, settings, chat_app)
    set_up_windows(app, settings, chat_app)
    set_up_elements(app, chat_app)

    # What this process keeps between requests.
    can_resume = chat_app.get("on_chat_resume") is not None
    conversation = set_up_conversation(
        app, settings, TurnRows(app), LateRows(app), can_resume=can_resume
    )
    set_up_visitor_limits(app, settings)
    set_up_live_turns(app)
    set_up_watching(app)
    set_up_downloads(app)
    set_up_deletion(app)
    health.set_up_health(app)
    probe.set_up_probe(app, conversation.slots)

    _freeze_first_app()
    return app


@cache
def _freeze_first_app() -> None:
    """Leave all modules, and the first app of this process, out of garbage collection.

    They live as long as the process does. Python need not look through them at each collection,
    and workers that are forked can share them. (To ask Python whether it froze anything before
    takes 0.1 s if that is a million objects.)
    """
    gc.freeze()


class _SiteCommands(AppGroup):
    """The commands of ``flask --app ...``, imported when you call one or ask for the list."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        self._import_commands()
        return super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        self._import_commands()
        return super().get_command(ctx, cmd_name)

    def _import_commands(self) -> None:
        from webapp.commands import COMMANDS  # noqa: PLC0415 - 30 modules that no page needs

        for command in COMMANDS:
            self.add_command(command)


def _prepare(
    chat: str | Path | ChatApp | None, config: Mapping[str, Any] | None
) -> tuple[Settings, ChatApp]:
    """Return what an app is made of. Every reason against a start is told at once."""
    settings, invalid = Settings.read(config)
    # A value that is not valid counts as missing, but why it is not valid says more. So nothing
    # below may ask for a setting that is among the problems.
    problems = settings.find_problems() | invalid
    lines = list(problems.values())
    chat_app = ChatApp(name="")
    with _gather(lines):
        refuse_gevent()
    with _gather(lines):
        if chat is not None or "WEBAPP_CHAT" not in problems:
            chat_app = _load(chat or settings.chat)
        if (problem := find_proxy_problem(chat_app, settings, problems)) is not None:
            raise StartupError(problem)
    if not lines:
        return settings, chat_app  # the schema is refused, or made, once the app is there

    if "WEBAPP_DATABASE_URL" not in problems:
        with _gather(lines), suppress(SQLAlchemyError, OSError, ModuleNotFoundError):
            refuse_schema(read_schema_state(settings))
    raise StartupError(*lines)


@contextmanager
def _gather(lines: list[str]) -> Iterator[None]:
    """Add the lines of a refusal to ``lines``, and go on."""
    try:
        yield
    except StartupError as error:
        lines += error.lines


def refuse_gevent() -> None:
    """Refuse a process whose threads gevent has replaced: one callback would block all others.

    Raises
    ------
    StartupError
        The line names the worker class to use instead.
    """
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        raise StartupError(
            "gevent has replaced Python's threads, so one slow callback would stop every chat; "
            "use gunicorn's gthread workers: gunicorn --workers 1 --threads 32."
        )


def _load(chat: str | Path | ChatApp | None) -> ChatApp:
    if chat is None:
        raise StartupError(
            "WEBAPP_CHAT is not set: give the path of your app file, "
            "for example WEBAPP_CHAT=/srv/chat/app.py."
        )
    try:
        return load_chat_app(chat)
    except AuthoringError as error:
        raise StartupError(*str(error).splitlines()) from error


def _settle_schema(app: Flask, settings: Settings) -> None:
    try:
        settle_schema(settings, upgrade_old=False)
    except NewerSchemaError as error:
        # In the middle of an upgrade. A new process that exits would end its server, and with it
        # the processes that go on with the version before.
        sys.stderr.writelines(f"chat-profiles: {line}\n" for line in error.lines)
        app.extensions[late_schema.EXTENSION] = late_schema.LateSchema(settings)
    except PermissionError as error:
        # Waiting does not help here.
        raise StartupError(
            f"{file_problem(error)}: the database cannot be kept there. Change the rights of the "
            "folder, or WEBAPP_DATABASE_URL."
        ) from error
    except (SQLAlchemyError, OSError) as error:
        # The app starts without its database, and pages answer 503 until the database is back.
        with app.app_context():
            log_unavailable(error)
        app.extensions[late_schema.EXTENSION] = late_schema.LateSchema(settings)


def _add_routes(app: Flask, chat_app: ChatApp) -> None:
    modules = (
        chat_views,
        turn_views,
        question_views,
        settings_views,
        version_views,
        feedback_views,
        history_views,
        transfer_views,
        sharing_views,
        element_views,
        branding_views,
        profiles_views,
        accounts_views,
        account_views,
        file_views,
        health,
        probe,
    )
    # Two modules share a blueprint.
    for blueprint in dict.fromkeys(module.blueprint for module in modules):
        app.register_blueprint(blueprint)

    @app.get("/static/<path:name>")
    def static(name: str) -> Response:
        """Answer 404: web/middleware.py has sent the files that exist before Flask is called."""
        raise NotFound(name)

    @app.get("/public/<path:name>")
    def public(name: str) -> Response:
        """Send a file of the folder ``public`` beside the app file, such as an icon."""
        path = assets.public_file(chat_app.public_folder, name)
        if path is None:
            # Nobody reads a page in the place of a picture.
            is_picture = request.headers.get("Sec-Fetch-Dest") == "image"
            response = make_response("", 404) if is_picture else explain(404, EXPLANATIONS[404])
            response.cache_control.max_age = MISSING_SECONDS
            response.vary.update(["HX-Request", "Sec-Fetch-Dest"])
        else:
            response = send_file(path, max_age=PUBLIC_SECONDS, etag=True)
        response.cache_control.public = True
        return response
