"""What our conversation is compared with: a bare Flask view that streams, and stores the same rows.

`POST /say/stream` stores a question, the place of its answer and the key of the form through
Flask-SQLAlchemy as its documentation shows, with the pragmas that our app uses; streams the tokens
of `answer.py` as events, each as it comes; and stores the whole text at the end. There is no
session, no template, no Markdown, no profile, no callback, no check of anything, no Stop, and a
reader that goes away ends the answer.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache

from answer import speak
from bare_app import set_up
from bare_orm import begin
from flask import Flask, Response, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey, Text, UniqueConstraint, event, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The base of the models."""


db = SQLAlchemy(model_class=Base)


class Chat(db.Model):  # type: ignore[name-defined, misc]
    """A chat, and the turn that runs in it."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    turn_id: Mapped[uuid.UUID | None]
    written: Mapped[bool] = mapped_column(default=False)
    active_at: Mapped[datetime | None]


class Message(db.Model):  # type: ignore[name-defined, misc]
    """A question or an answer."""

    __table_args__ = (UniqueConstraint("chat_id", "sequence"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    chat_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Chat.id))
    turn_id: Mapped[uuid.UUID]
    sequence: Mapped[int]
    kind: Mapped[str]
    content: Mapped[str] = mapped_column(Text)
    status: Mapped[str]
    created_at: Mapped[datetime]


class Turn(db.Model):  # type: ignore[name-defined, misc]
    """The key of a form, and what became of it."""

    __table_args__ = (UniqueConstraint("chat_id", "key"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    chat_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Chat.id))
    key: Mapped[uuid.UUID]
    status: Mapped[str]
    question_id: Mapped[uuid.UUID]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


def create_app() -> Flask:
    """Return the bare app; ``BARE_DATABASE`` names its SQLite file."""
    app = Flask(__name__, static_folder=None)
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{os.environ['BARE_DATABASE']}"
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_size": 64}
    db.init_app(app)
    with app.app_context():
        event.listen(db.engine, "connect", set_up)
        event.listen(db.engine, "begin", begin)
        db.create_all()
        with db.engine.connect() as connection:
            connection.connection.execute("PRAGMA journal_mode = WAL")
    _add_views(app)
    return app


def _add_views(app: Flask) -> None:
    @app.post("/chats")
    def start() -> str:
        chat = Chat()
        db.session.add(chat)
        db.session.commit()
        return str(chat.id)

    @app.get("/chats/<uuid:chat_id>")
    def show(chat_id: uuid.UUID) -> str:
        return "\n".join(db.session.scalars(select(Message.content).filter_by(chat_id=chat_id)))

    @app.post("/say/stream")
    def stream() -> Response:
        ids = _ask()
        tokens: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        asyncio.run_coroutine_threadsafe(_answer(request.form["content"], tokens), _loop())
        return Response(_events(app, ids, tokens), mimetype="text/event-stream")


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="bare-loop", daemon=True).start()
    return loop


async def _answer(command: str, tokens: queue.SimpleQueue[str | None]) -> None:
    await speak(command, tokens.put)
    tokens.put(None)


def _events(
    app: Flask, ids: tuple[uuid.UUID, uuid.UUID], tokens: queue.SimpleQueue[str | None]
) -> Iterator[str]:
    said: list[str] = []
    while (token := tokens.get()) is not None:
        said.append(token)
        lines = "".join(f"data: {line}\n" for line in token.split("\n"))
        yield f"{lines}\n"
    with app.app_context():
        _store(*ids, "".join(said))
    yield "event: end\ndata:\n\n"


def _ask() -> tuple[uuid.UUID, uuid.UUID]:
    """Store the question, the place of the answer and the key; return turn and answer."""
    chat = db.get_or_404(Chat, uuid.UUID(request.form["chat"]))
    last = db.session.scalar(select(func.max(Message.sequence)).filter_by(chat_id=chat.id)) or 0
    now = datetime.now(UTC).replace(tzinfo=None)
    turn_id = uuid.uuid4()
    common = {"chat_id": chat.id, "turn_id": turn_id, "created_at": now}
    question = Message(
        **common,
        id=uuid.uuid4(),
        sequence=last + 1,
        kind="user",
        content=request.form["content"],
        status="complete",
    )
    answer = Message(
        **common,
        id=uuid.uuid4(),
        sequence=last + 2,
        kind="assistant",
        content="",
        status="streaming",
    )
    turn = Turn(
        id=turn_id,
        chat_id=chat.id,
        key=uuid.UUID(request.form["key"]),
        status="running",
        question_id=question.id,
        created_at=now,
    )
    chat.turn_id, chat.written, chat.active_at = turn_id, True, now
    ids = turn.id, answer.id
    db.session.add_all([question, answer, turn])
    db.session.commit()
    return ids


def _store(turn_id: uuid.UUID, answer_id: uuid.UUID, content: str) -> None:
    """Store the whole answer, and that the turn is over."""
    now = datetime.now(UTC).replace(tzinfo=None)
    turn, answer = db.session.get_one(Turn, turn_id), db.session.get_one(Message, answer_id)
    chat = db.session.get_one(Chat, turn.chat_id)
    answer.content, answer.status = content, "complete"
    turn.status, turn.ended_at = "complete", now
    chat.turn_id, chat.active_at = None, now
    db.session.commit()
