"""The clock of the database, which all processes share: the clocks of hosts differ by seconds."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Float, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from webapp.database.engines import UTCDateTime


class DatabaseTime(FunctionElement[datetime]):
    """The time of the statement by the database's clock, and so many seconds later."""

    type = UTCDateTime()
    inherit_cache = True


def database_time(seconds: float | ColumnElement[float] = 0.0) -> DatabaseTime:
    """Return the SQL expression of the database's time, ``seconds`` later if they are given."""
    later = literal(seconds, Float) if isinstance(seconds, int | float) else seconds
    return DatabaseTime(later)


@compiles(DatabaseTime, "sqlite")
def _on_sqlite(element: DatabaseTime, compiler: Any, **options: Any) -> str:
    seconds = compiler.process(element.clauses, **options)
    # As the column's type writes times: with six digits after the second.
    return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', {seconds} || ' seconds')"


@compiles(DatabaseTime, "postgresql")
def _on_postgresql(element: DatabaseTime, compiler: Any, **options: Any) -> str:
    seconds = compiler.process(element.clauses, **options)
    return f"(timezone('utc', statement_timestamp()) + make_interval(secs => {seconds}))"
