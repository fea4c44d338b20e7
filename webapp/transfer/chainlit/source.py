"""Reading the database of a Chainlit app, as either of its two data layers makes it.

The tables and columns follow the pages "SQLAlchemy Data Layer" and "Official Data Layer" of the
Chainlit documentation.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, Table, create_engine, inspect, select
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from webapp.console import BadInputError

Row = Mapping[str, Any]

_DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+asyncpg": "postgresql+psycopg",
    "postgresql+psycopg2": "postgresql+psycopg",
    "sqlite+aiosqlite": "sqlite",
}


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a data layer names its tables and the columns that refer to others."""

    users: str
    threads: str
    steps: str
    elements: str
    feedback: str
    step_of_element: str
    step_of_feedback: str
    start: str
    end: str


SQLALCHEMY = Layout(
    users="users",
    threads="threads",
    steps="steps",
    elements="elements",
    feedback="feedbacks",
    step_of_element="forId",
    step_of_feedback="forId",
    start="start",
    end="end",
)
OFFICIAL = Layout(
    users="User",
    threads="Thread",
    steps="Step",
    elements="Element",
    feedback="Feedback",
    step_of_element="stepId",
    step_of_feedback="stepId",
    start="startTime",
    end="endTime",
)


class Source:
    """An open database of a Chainlit app. Nothing is ever written to it."""

    def __init__(self, connection: Connection, layout: Layout) -> None:
        self._connection = connection
        self.layout = layout
        metadata = MetaData()
        there = set(inspect(connection).get_table_names())
        self._tables = {
            name: Table(name, metadata, autoload_with=connection, resolve_fks=False)
            for name in (
                layout.users,
                layout.threads,
                layout.steps,
                layout.elements,
                layout.feedback,
            )
            if name in there
        }

    def users(self) -> list[Row]:
        """Return all users, by their identifiers."""
        return sorted(self._rows(self.layout.users), key=lambda row: str(row["identifier"]))

    def threads(self, user: Row | None) -> list[Row]:
        """Return the threads of a user, or those of nobody, the oldest first."""
        table = self._tables[self.layout.threads]
        owner = user["id"] if user is not None else None
        rows = self._rows(self.layout.threads, table.c["userId"] == owner)
        return [row for row in rows if row.get("deletedAt") is None]

    def of_thread(self, name: str, thread: Row) -> list[Row]:
        """Return the steps or the elements of a thread."""
        if name not in self._tables:
            return []
        return self._rows(name, self._tables[name].c["threadId"] == thread["id"])

    def feedback(self, thread: Row) -> dict[str, Row]:
        """Return the feedback on steps of a thread, by their ids."""
        if self.layout.feedback not in self._tables:
            return {}
        column = self._tables[self.layout.feedback].c[self.layout.step_of_feedback]
        steps = self._tables[self.layout.steps]
        own = select(steps.c["id"]).where(steps.c["threadId"] == thread["id"])
        rows = self._rows(self.layout.feedback, column.in_(own))
        return {str(row[self.layout.step_of_feedback]): row for row in rows}

    def _rows(self, name: str, condition: Any = None) -> list[Row]:
        statement = select(self._tables[name])
        if condition is not None:
            statement = statement.where(condition)
        return [dict(row._mapping) for row in self._connection.execute(statement)]


@contextmanager
def open_source(address: str) -> Iterator[Source]:
    """Open the database of a Chainlit app.

    Parameters
    ----------
    address:
        Its URL, as the app has it. The drivers of asyncio are replaced by those that are here.

    Raises
    ------
    BadInputError
        It cannot be opened, or no data layer has made it.
    """
    try:
        url = make_url(address)
        url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
        engine = create_engine(url)
    except (ArgumentError, ValueError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise BadInputError(
            "The address of the Chainlit database cannot be used. Write it as "
            "postgresql://USER:PASSWORD@HOST/NAME or sqlite:///FILE. For PostgreSQL, install "
            "chat-profiles[postgresql]."
        ) from error
    if url.drivername == "sqlite" and not (
        url.database is not None and Path(url.database).is_file()
    ):
        raise BadInputError(f"There is no file {url.database!r}. Check the address.")
    try:
        with engine.connect() as connection:
            names = set(inspect(connection).get_table_names())
            for layout in (SQLALCHEMY, OFFICIAL):
                if {layout.users, layout.threads, layout.steps} <= names:
                    yield Source(connection, layout)
                    return
    except SQLAlchemyError as error:
        raise BadInputError(
            f"The Chainlit database does not answer as expected: {str(error).splitlines()[0]}"
        ) from error
    finally:
        engine.dispose()
    raise BadInputError(
        "This database has no tables of a Chainlit data layer (users, threads and steps, or User, "
        "Thread and Step). Check the address."
    )


def read_json(value: object) -> Any:
    """Return a JSON column, which some databases hand out as text; ``None`` if it is none."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return None
