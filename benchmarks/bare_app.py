"""What we compare ourselves with: a Flask + htmx page that chats, and does the least that it may.

Somebody signs in, chooses one of three profiles, and writes messages. Each form has its token, and
each request its user. The profile is one that is offered, and the chat one of the user's own. The
author's functions are coroutines on one loop. What is said is stored with SQL written by hand
before it is shown. There is no history, no search, no edit, no Stop, no Markdown, no turn that
survives, no limit of any kind.

With ``BARE_ORM`` in the environment it stores the same rows through Flask-SQLAlchemy, as the
documentation of that shows.
"""

from __future__ import annotations

import asyncio
import gzip
import hmac
import os
import secrets
import sqlite3
import threading
import uuid
from collections.abc import Callable, Coroutine
from contextlib import closing
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, abort, redirect, render_template_string, request, session
from werkzeug.wrappers import Response

SCRIPT = Path(__file__).parent.parent / "static" / "htmx.min.js"
# The least that keeps a file whole. Our app also waits for the disk at each commit.
PRAGMAS = ("busy_timeout = 5000", "synchronous = NORMAL", "foreign_keys = ON")
TABLES = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS chats (
    id CHAR(32) PRIMARY KEY, owner TEXT NOT NULL, profile TEXT NOT NULL, created_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS messages (
    id CHAR(32) PRIMARY KEY, chat_id CHAR(32) NOT NULL REFERENCES chats (id),
    kind TEXT NOT NULL, content TEXT NOT NULL, created_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_of_chat ON messages (chat_id);
"""
INSERT_CHAT = "INSERT INTO chats VALUES (:id, :owner, :profile, :created_at)"
INSERT_MESSAGE = "INSERT INTO messages VALUES (:id, :chat_id, :kind, :content, :created_at)"
FIND_CHAT = "SELECT 1 FROM chats WHERE id = ? AND owner = ?"
FIND_MESSAGES = "SELECT kind, content FROM messages WHERE chat_id = ? ORDER BY rowid"
PROFILES = ("Quick", "Thorough", "Patient")
DOCUMENT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Bare</title>
<link rel="icon" href="data:,"><script src="/static/htmx.min.js" defer></script>{content}"""
FIELD = '<input type="hidden" name="csrf_token" value="{{ token }}">'
LOGIN = f"""<form method="post">{FIELD}<input name="username">
<input name="password" type="password"><button>Sign in</button></form>"""
MESSAGES = """{% for kind, content in messages -%}
<p class="{{ kind }}" data-testid="message">{{ content }}</p>{% endfor %}"""
CHAT = f"""<section data-chat-id="{{{{ chat }}}}"><div id="messages">{MESSAGES}</div>
<form method="post" action="/chats/{{{{ chat }}}}/messages"
hx-post="/chats/{{{{ chat }}}}/messages" hx-target="#messages" hx-swap="beforeend">
{FIELD}<input name="content"><button>Send</button></form></section>"""
# It starts a chat by itself, as our page does.
HOME = f"""<h1>{{{{ user }}}}</h1><form method="post" action="/chats"
hx-post="/chats" hx-target="#chat" hx-trigger="load, change">
{FIELD}<select name="profile">{{% for name in profiles %}}<option>{{{{ name }}}}{{% endfor %}}
</select></form><main id="chat">{{% if chat %}}{CHAT}{{% endif %}}</main>"""

OPEN = {"/login", "/healthz", "/static/htmx.min.js"}

Row = dict[str, str]
Insert = Callable[[list[Row], list[Row]], None]


def create_app() -> Flask:
    """Return the bare app; ``BARE_DATABASE`` names its SQLite file."""
    app = Flask(__name__, static_folder=None)
    app.secret_key = "only for measuring, on loopback"  # noqa: S105
    file = os.environ["BARE_DATABASE"]
    with closing(connect(file)) as connection:
        connection.executescript(TABLES)
    own = _OwnConnections(file)
    insert = own.insert
    if "BARE_ORM" in os.environ:
        # Late, so that the page without it does not carry it.
        from bare_orm import make_insert  # noqa: PLC0415

        insert = make_insert(app, file)
    _add_guard(app)
    _add_login(app)
    _add_chats(app, own, insert)
    _add_script(app)
    return app


def _add_script(app: Flask) -> None:
    script = gzip.compress(SCRIPT.read_bytes())
    headers = {"Content-Encoding": "gzip", "Cache-Control": "max-age=31536000"}

    @app.get("/static/htmx.min.js")
    def htmx() -> Response:
        return Response(script, headers=headers, mimetype="text/javascript")


async def start(user: str, profile: str) -> str:
    """Say something first, as the author of an app would."""
    return f"You talk to {profile}, {user}."


async def answer(content: str) -> str:
    """Answer a message, as the author of an app would."""
    return f"echo: {content}"


class _OwnConnections:
    """A connection for each thread, with SQL by hand."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._own = threading.local()

    @property
    def connection(self) -> sqlite3.Connection:
        if not hasattr(self._own, "connection"):
            self._own.connection = connect(self._file)
        connection: sqlite3.Connection = self._own.connection
        return connection

    def insert(self, chats: list[Row], messages: list[Row]) -> None:
        connection = self.connection
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(INSERT_CHAT, chats)
        connection.executemany(INSERT_MESSAGE, messages)
        connection.execute("COMMIT")


def _add_guard(app: Flask) -> None:
    @app.before_request
    def guard() -> Response | None:
        if request.method == "POST":
            sent = request.form.get("csrf_token", "")
            if not hmac.compare_digest(sent, session.get("token", "none")):
                abort(400)
        return None if "user" in session or request.path in OPEN else redirect("/login")


def _add_login(app: Flask) -> None:
    @app.route("/login", methods=["GET", "POST"])
    def login() -> Response | str:
        name = request.form.get("username", "")
        if name and request.form["password"] == name * 2:
            session.clear()
            session.update(user=name, token=secrets.token_urlsafe())
            return redirect("/", 303)
        session.setdefault("token", secrets.token_urlsafe())
        return _render(DOCUMENT.format(content=LOGIN))

    @app.get("/healthz")
    def healthz() -> str:
        return "fine"


def _add_chats(app: Flask, own: _OwnConnections, insert: Insert) -> None:
    def is_mine(chat: str) -> bool:
        found = own.connection.execute(FIND_CHAT, (chat, session["user"]))
        return found.fetchone() is not None

    def home(chat: str = "") -> str:
        if chat and not is_mine(chat):
            abort(404)
        messages = own.connection.execute(FIND_MESSAGES, (chat,)).fetchall()
        user = session["user"]
        return _render(
            DOCUMENT.format(content=HOME),
            user=user,
            chat=chat,
            messages=messages,
            profiles=PROFILES,
        )

    def start_chat() -> str | Response:
        profile = request.form["profile"]
        if profile not in PROFILES:
            abort(403)
        chat = uuid.uuid4().hex
        said = _await(start(session["user"], profile))
        row = {"id": chat, "owner": session["user"], "profile": profile, "created_at": _now()}
        insert([row], [_message(chat, "assistant", said)])
        messages = own.connection.execute(FIND_MESSAGES, (chat,)).fetchall()
        return _respond(f"/chats/{chat}", CHAT, chat=chat, messages=messages)

    def say(chat: str) -> str | Response:
        if not is_mine(chat):
            abort(404)
        content = request.form["content"]
        messages = [("user", content), ("assistant", _await(answer(content)))]
        insert([], [_message(chat, kind, text) for kind, text in messages])
        return _respond(f"/chats/{chat}", MESSAGES, messages=messages)

    app.add_url_rule("/", "home", home)
    app.add_url_rule("/chats/<chat>", "home", home)
    app.add_url_rule("/chats", "start", start_chat, methods=["POST"])
    app.add_url_rule("/chats/<chat>/messages", "say", say, methods=["POST"])


def set_up(connection: sqlite3.Connection, _entry: object = None) -> None:
    """Let a connection follow the rules."""
    connection.isolation_level = None
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def connect(file: str) -> sqlite3.Connection:
    """Return a connection that follows the rules."""
    connection = sqlite3.connect(file, check_same_thread=False)
    set_up(connection)
    return connection


def _message(chat: str, kind: str, content: str) -> Row:
    return {
        "id": uuid.uuid4().hex,
        "chat_id": chat,
        "kind": kind,
        "content": content,
        "created_at": _now(),
    }


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _respond(address: str, source: str, **values: Any) -> str | Response:
    """Return a part of the page to htmx, and the way to the whole page to others."""
    if "HX-Request" in request.headers:
        return _render(source, **values)
    return redirect(address, 303)


def _render(source: str, **values: Any) -> str:
    return render_template_string(source, token=session["token"], **values)


def _await(coroutine: Coroutine[Any, Any, str]) -> str:
    return asyncio.run_coroutine_threadsafe(coroutine, _loop()).result(30)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="bare-loop", daemon=True).start()
    return loop
