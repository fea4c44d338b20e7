"""Storing the rows of the bare page through Flask-SQLAlchemy, as its documentation shows."""

from __future__ import annotations

from collections.abc import Callable

from bare_app import connect, set_up
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, MetaData, create_engine, event

Row = dict[str, str]


def make_insert(app: Flask, file: str) -> Callable[[list[Row], list[Row]], None]:
    """Return a function that inserts chats and messages in one transaction."""
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{file}"
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_size": 64}
    db = SQLAlchemy(app, disable_autonaming=True)
    tables = MetaData()
    with app.app_context():
        event.listen(db.engine, "connect", set_up)
        event.listen(db.engine, "begin", begin)
        tables.reflect(create_engine("sqlite://", creator=lambda: connect(file)))
    chat_type, message_type = (
        type(name, (db.Model,), {"__table__": tables.tables[name]})
        for name in ("chats", "messages")
    )

    def insert(chats: list[Row], messages: list[Row]) -> None:
        db.session.add_all([chat_type(**row) for row in chats])
        db.session.add_all([message_type(**row) for row in messages])
        db.session.commit()

    return insert


def begin(connection: Connection) -> None:
    """Begin a transaction as our app does."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
