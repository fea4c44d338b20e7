"""Making Flask apps from app files, through the real loader."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from flask import Flask
from sqlalchemy.sql.compiler import Compiled
from werkzeug.routing import Rule

from webapp import create_app
from webapp.database.engines import db, is_sqlite
from webapp.testing.tested_app import close_app, compiled_templates

APPS = Path(__file__).parent.parent / "apps"
SECRET = "0123456789abcdef-for-tests-only-9876543210fedcba"


class SharedRule(Rule):
    """Lets the apps of all tests share what builds an address; compiling it takes most of the time
    in which an app is made."""

    _shared: ClassVar[dict[object, Callable[..., tuple[str, str]]]] = {}

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        # A builder is given its rule when it is called. Only defaults stand in its code.
        if self.defaults:
            return super()._compile_builder(append_unknown)
        key = (self.rule, tuple(self._trace), append_unknown)
        if key not in self._shared:
            self._shared[key] = super()._compile_builder(append_unknown)
        return self._shared[key]


class CompiledStatements(dict[Any, Compiled]):
    """Lets the SQLite engines of all tests share compiled statements.

    SQLAlchemy puts its dialect, which each engine has to itself, first into each key. The dialects
    of `webapp.database.engines` differ in nothing, so the key is the rest.
    """

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the statement if any engine has compiled it."""
        return super().get(key[1:], default)

    def __setitem__(self, key: Any, statement: Compiled) -> None:
        super().__setitem__(key[1:], statement)


# For every app of the process, from the first that is made.
Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": compiled_templates()}
Flask.url_rule_class = SharedRule
STATEMENTS = CompiledStatements()


class AppMaker:
    """Makes apps on one database; at the end their turns are over and their connections closed."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder = folder
        self.database_url = database_url
        self._made: list[Flask] = []

    @classmethod
    @contextmanager
    def in_folder(cls, folder: Path, database_url: str) -> Iterator[AppMaker]:
        """Yield a maker that writes app files into ``folder``."""
        maker = cls(folder, database_url)
        try:
            yield maker
        finally:
            maker.close()

    def __call__(self, app_file: str | Path, **settings: Any) -> Flask:
        """Make an app from a file of ``tests/apps``, a path, or the text of an app file.

        ``settings`` are ``WEBAPP_`` names without the prefix, in lower case, such as
        ``chat_start_seconds=1``; names in upper case go to Flask.
        """
        app = create_app(self.path(app_file), self.config(**settings))
        with app.app_context():
            if is_sqlite(db.engine.url):
                for engine in db.engines.values():
                    engine.update_execution_options(compiled_cache=STATEMENTS)
        self._made.append(app)
        return app

    def path(self, app_file: str | Path) -> Path:
        """Return the path of an app file, writing it first when its text was given."""
        if isinstance(app_file, Path):
            return app_file
        if "\n" not in app_file:
            return APPS / app_file
        path = self.folder / "app_file.py"
        path.write_text(textwrap.dedent(app_file), encoding="utf-8")
        return path

    def config(self, **settings: Any) -> dict[str, Any]:
        """Return the settings of a production app that answers on http://localhost.

        A setting that is ``None`` is left to the app.
        """
        base: dict[str, Any] = {
            "WEBAPP_SECRET_KEY": SECRET,
            "WEBAPP_TRUSTED_HOSTS": "localhost,127.0.0.1",
            "WEBAPP_INSECURE_COOKIES": "true",
            # The client of a test is also the proxy that signs users in.
            "WEBAPP_PROXY_ADDRESSES": "127.0.0.1",
            "WEBAPP_DATABASE_URL": self.database_url,
            "WEBAPP_FILES_URL": str(self.folder / "files"),
            # All people of a test come from one address.
            "WEBAPP_STARTS_PER_ADDRESS": "100000",
            "WEBAPP_MESSAGES_PER_ADDRESS": "100000",
            "WEBAPP_TURNS_PER_ADDRESS": "100000",
            "WEBAPP_IMPORTS_PER_HOUR": "100000",
            # What waits for the disk at each commit waits for every other test as well.
            "WEBAPP_SQLITE_SYNCHRONOUS": "NORMAL",
        }
        given = {
            (name if name.isupper() else f"WEBAPP_{name.upper()}"): value
            for name, value in settings.items()
        }
        return {name: value for name, value in {**base, **given}.items() if value is not None}

    def close(self) -> None:
        """End what still runs, as when a server ends, and give back every connection."""
        for app in self._made:
            close_app(app)
