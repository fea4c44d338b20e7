"""Somebody who looks at their history, in the process of the app."""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask
from history_data import OWNER
from sqlalchemy import event

from webapp import create_app
from webapp.database.engines import close_connections, db

APP_FILE = Path(__file__).parent / "site" / "history.py"
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
READS = ("SELECT", "WITH")


@contextmanager
def app_with(database: str) -> Iterator[Flask]:
    """Yield the app on the database of a URL, and close that at the end."""
    config = {
        "WEBAPP_SECRET_KEY": secrets.token_hex(32),
        "WEBAPP_TRUSTED_HOSTS": "localhost",
        "WEBAPP_INSECURE_COOKIES": "true",
        "WEBAPP_DATABASE_URL": database,
    }
    app = create_app(APP_FILE, config)
    try:
        yield app
    finally:
        app.extensions["conversation"].keeper.shut_down(5)
        with app.app_context():
            close_connections()


class Visitor:
    """The user whose chats these are."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._client = app.test_client()
        self._token = ""

    def logged_in(self, owner: str = OWNER) -> Visitor:
        """Sign in, and return this visitor."""
        name = owner.removeprefix("user:")
        self._read_token("/login")
        self._post("/login", {"username": name, "password": name * 2}, 303)
        return self

    def get(self, path: str) -> str:
        """Open a page, and return it."""
        answer = self._client.get(path)
        if answer.status_code != 200:
            raise SystemExit(f"{path}: {answer.status}")
        return str(answer.text)

    def begin_chat(self) -> str:
        """Start a chat, say something in it, and return its address."""
        self._read_token("/")
        chat = self._post("/chats", {"profile": "Quick"}, 303)
        # One that nobody has written in would be replaced by the next.
        self.say(chat, "Hello")
        return chat

    def say(self, chat: str, content: str) -> None:
        """Say something as a page without script does, and have the answer stored."""
        form = {"content": content, "key": str(uuid.uuid4())}
        self._post(f"{chat}/messages", form, 303)

    @contextmanager
    def statements(self) -> Iterator[dict[str, Any]]:
        """Yield the statements that read in the block, with their values."""
        run: dict[str, Any] = {}

        def note(_connection: Any, _cursor: Any, sql: str, values: Any, *_: Any) -> None:
            if sql.startswith(READS) and "alembic_version" not in sql:
                run[sql] = values

        with self._app.app_context():
            engines = list(db.engines.values())
        for engine in engines:
            event.listen(engine, "before_cursor_execute", note)
        yield run
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)

    def _read_token(self, path: str) -> None:
        found = _TOKEN.search(self.get(path))
        self._token = found[1] if found else self._token

    def _post(self, path: str, form: dict[str, str], expected: int) -> str:
        answer = self._client.post(path, data={"csrf_token": self._token, **form})
        if answer.status_code != expected:
            raise SystemExit(f"POST {path}: {answer.status}")
        return str(answer.location)
