"""What we compare ourselves with: as little Flask as can do the same.

`POST /sqlite3`, `POST /core` and `POST /orm` insert the rows of a chat start with the pragmas that
our app uses: through the standard library, through SQLAlchemy without its ORM, and through
Flask-SQLAlchemy as its documentation shows. There is no session, no template, no profile, no
callback and no check of anything. `GET /` is an htmx page that starts a chat by itself, and has a
selector and a login of a few lines.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import uuid
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask, redirect, render_template_string, request, session
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, Engine, MetaData, create_engine, event, text
from werkzeug.wrappers import Response
from whitenoise import WhiteNoise

STATIC = Path(__file__).parent.parent / "static"
PRAGMAS = ("busy_timeout = 5000", "synchronous = FULL", "foreign_keys = ON")
TABLES = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS chats (
    id CHAR(32) PRIMARY KEY, owner VARCHAR(263) NOT NULL, session_id CHAR(32),
    profile VARCHAR(200), written BOOLEAN NOT NULL, "values" JSON NOT NULL,
    created_at DATETIME NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_chats_owner_written ON chats (owner, written);
CREATE TABLE IF NOT EXISTS messages (
    id CHAR(32) PRIMARY KEY, chat_id CHAR(32) NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    sequence INTEGER NOT NULL, kind VARCHAR(16) NOT NULL, author VARCHAR(200),
    content TEXT NOT NULL, status VARCHAR(16) NOT NULL, created_at DATETIME NOT NULL,
    UNIQUE (chat_id, sequence)
);
"""
DELETE = "DELETE FROM chats WHERE owner = :owner AND NOT written AND session_id = :session"
INSERT_CHAT = "INSERT INTO chats VALUES (:chat, :owner, :session, :profile, 0, '{}', :now)"
INSERT_MESSAGE = """
INSERT INTO messages VALUES (:message, :chat, 1, 'assistant', NULL, :content, 'complete', :now)
"""
FRAGMENT = '<p data-testid="message">{{ text }}</p>'
LOGIN = '<form method="post"><input name="username"><input name="password" type="password"><button>'
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Bare</title>
<link rel="icon" href="data:,"><script src="/static/htmx.min.js" defer></script>
<h1>{{ user }}</h1>
<form hx-post="/chats" hx-target="#chat" hx-trigger="load, change">
<select name="profile"><option>Quick<option>Thorough</select></form>
<div id="chat"></div>"""


def create_app() -> Flask:
    """Return the bare app; ``BARE_DATABASE`` names its SQLite file."""
    app = Flask(__name__, static_folder=None)
    app.secret_key = "only for measuring, on loopback"  # noqa: S105
    file = os.environ["BARE_DATABASE"]
    # Both lines are the same in every worker, and harmless when another one was faster.
    _connect(file).executescript(TABLES)
    _add_inserts(app, file)
    _add_orm_inserts(app, file)
    _add_pages(app, file)
    app.wsgi_app = WhiteNoise(app.wsgi_app, root=STATIC, prefix="static/")  # type: ignore[method-assign]
    return app


def _add_inserts(app: Flask, file: str) -> None:
    raw, core = _RawInserts(file), _engine(file)

    @app.post("/nothing")
    def nothing() -> str:
        return request.form["profile"]

    @app.post("/sqlite3")
    def with_sqlite3() -> str:
        return raw.insert(_rows(request.form["profile"], request.form["session"]))

    @app.post("/core")
    def with_core() -> str:
        rows = _rows(request.form["profile"], request.form["session"])
        with core.begin() as connection:
            connection.execute(text(DELETE), rows)
            connection.execute(text(INSERT_CHAT), rows)
            connection.execute(text(INSERT_MESSAGE), rows)
        return rows["content"]


def _add_orm_inserts(app: Flask, file: str) -> None:
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{file}"
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_size": 64}
    db = SQLAlchemy(app, disable_autonaming=True)
    with app.app_context():
        event.listen(db.engine, "connect", set_up)
        event.listen(db.engine, "begin", begin)
        tables = MetaData()
        tables.reflect(_engine(file))
    chats, messages = (
        type(name, (db.Model,), {"__table__": tables.tables[name]})
        for name in ("chats", "messages")
    )

    @app.post("/orm")
    def with_orm() -> str:
        rows = _rows(request.form["profile"], request.form["session"])
        now = datetime.now(UTC).replace(tzinfo=None)
        mine = {"owner": rows["owner"], "session_id": rows["session"], "written": False}
        db.session.query(chats).filter_by(**mine).delete(synchronize_session=False)
        chat = chats(**mine, id=rows["chat"], profile=rows["profile"], values={}, created_at=now)
        message = messages(
            id=rows["message"],
            chat_id=rows["chat"],
            sequence=1,
            kind="assistant",
            content=rows["content"],
            status="complete",
            created_at=now,
        )
        db.session.add_all([chat, message])
        db.session.commit()
        return rows["content"]


def begin(connection: Connection) -> None:
    """Begin a transaction as our app does."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _add_pages(app: Flask, file: str) -> None:
    raw = _RawInserts(file)

    @app.route("/login", methods=["GET", "POST"])
    def login() -> Response | str:
        if request.method == "GET":
            return LOGIN
        session.update(user=request.form["username"], id=uuid.uuid4().hex)
        return redirect("/", 303)

    @app.get("/")
    def page() -> str:
        return render_template_string(PAGE, user=session["user"])

    @app.post("/chats")
    def chats() -> str:
        content = raw.insert(_rows(request.form["profile"], session["id"]))
        return render_template_string(FRAGMENT, text=content)


class _RawInserts:
    def __init__(self, file: str) -> None:
        self._file = file
        self._own = threading.local()

    def insert(self, rows: dict[str, str]) -> str:
        if not hasattr(self._own, "connection"):
            self._own.connection = _connect(self._file)
        connection: sqlite3.Connection = self._own.connection
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(DELETE, rows)
        connection.execute(INSERT_CHAT, rows)
        connection.execute(INSERT_MESSAGE, rows)
        connection.execute("COMMIT")
        return rows["content"]


def _rows(profile: str, session_id: str) -> dict[str, str]:
    return {
        "chat": uuid.uuid4().hex,
        "message": uuid.uuid4().hex,
        "session": session_id,
        "owner": f"session:{session_id}",
        "profile": profile,
        "content": f"Starting a chat with the {profile} profile.",
        "now": str(datetime.now(UTC)),
    }


def _connect(file: str) -> sqlite3.Connection:
    connection = sqlite3.connect(file, check_same_thread=False)
    set_up(connection)
    return connection


def set_up(connection: sqlite3.Connection, _entry: object = None) -> None:
    """Let a connection follow the rules of our app."""
    connection.isolation_level = None
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _engine(file: str) -> Engine:
    engine = create_engine("sqlite://", creator=lambda: _connect(file), pool_size=64)
    event.listen(engine, "begin", begin)
    return engine
