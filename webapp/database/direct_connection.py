"""A connection that runs the statements of requests by the driver itself.

SQLAlchemy takes several times as long to run a statement as SQLite does, even if it has compiled
the statement before, and each request runs a dozen of them. Here its compiler still writes the SQL,
and its types still convert the values, but once is enough to find out how.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Dialect, Insert, SelectBase, UpdateBase
from sqlalchemy.engine import Connection, result_tuple
from sqlalchemy.exc import MultipleResultsFound, NoResultFound

Converter = Callable[[Any], Any]
Parameters = Mapping[str, Any]
# Statements that may come again.
PLANNED = (SelectBase, UpdateBase)
# What is raised for a value that cannot be converted or sent.
BAD_VALUES = (
    ArithmeticError,
    AttributeError,
    KeyError,
    RecursionError,
    TypeError,
    ValueError,
)


class DirectConnection(Connection):
    """A connection for plain statements. The results of some hold all rows already.

    A statement object that comes a second time is a constant of its module, so it is worth a plan.
    Objects that are made for one call are left to SQLAlchemy. A plan begins no transaction: a read
    needs none, and `write_transaction` has begun one.
    """

    def execute(
        self,
        statement: Any,
        parameters: Any = None,
        *,
        execution_options: Any = None,
    ) -> Any:
        """Run a statement."""
        given = parameters if isinstance(parameters, list) else [parameters or {}]
        one, many = given[0], given if len(given) > 1 else None
        plan = None
        if isinstance(statement, PLANNED):
            plans = _plans.get(statement)
            if plans is None:
                _plans[statement] = {}
            else:
                key = (self.dialect.name, self.dialect._json_serializer, *one)
                if key not in plans:
                    plans[key] = make_plan(statement, self.dialect, list(one))
                plan = plans[key]
        # SQLAlchemy tells those who listen, so it has to run the statement itself. They listen to
        # the engine: to ask the connection, which is new each time, takes ten times as long.
        listeners = self.engine.dispatch.before_cursor_execute
        if plan and not (many and plan.make_row) and not listeners:
            return plan.run(self, one, many)
        return super().execute(statement, parameters, execution_options=execution_options)

    def scalar(self, statement: Any, parameters: Any = None, **options: Any) -> Any:
        """Run a statement, and return the first column of its first row."""
        return self.execute(statement, parameters, **options).scalar()

    def scalars(self, statement: Any, parameters: Any = None, **options: Any) -> Any:
        """Run a statement, and return the first column of its rows."""
        return self.execute(statement, parameters, **options).scalars()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How the driver runs a statement with parameters of given names.

    Parameters
    ----------
    binds:
        The parameters in the order of their placeholders, and what converts their values.
    constants:
        The values that are part of the statement, converted.
    make_row:
        Makes a row of what the driver returns; ``None`` if the statement returns nothing.
    """

    sql: str
    binds: Sequence[tuple[str, Converter | None]]
    constants: Parameters
    is_positional: bool
    make_row: Converter | None

    def run(
        self, connection: Connection, one: Parameters, many: Sequence[Parameters] | None
    ) -> Rows:
        """Run the statement once, or with many sets of parameters."""
        values: Any = None
        try:
            raw: Any = connection.connection.dbapi_connection
            if many is None:
                values = self._values(one)
                cursor = raw.execute(self.sql, values)
            else:
                values = [self._values(each) for each in many]
                cursor = raw.cursor()
                cursor.executemany(self.sql, values)
            if self.make_row is None:
                return Rows([], cursor.rowcount)
            return Rows(list(map(self.make_row, cursor.fetchall())), cursor.rowcount)
        except (connection.dialect.loaded_dbapi.Error, *BAD_VALUES) as error:
            # As SQLAlchemy does it: the error becomes one of its own, and a connection that was
            # lost is not used again.
            connection._handle_dbapi_exception(error, self.sql, values, None, None)

    def _values(self, given: Parameters) -> Any:
        values = {**self.constants, **given} if self.constants else given
        if self.is_positional:
            return [convert(values[n]) if convert else values[n] for n, convert in self.binds]
        return {n: convert(values[n]) if convert else values[n] for n, convert in self.binds}


class Rows:
    """All rows of a result, with the methods of SQLAlchemy's results that are used here."""

    def __init__(self, rows: list[Any], rowcount: int) -> None:
        self._rows = rows
        self.rowcount = rowcount

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def all(self) -> list[Any]:
        return self._rows

    def first(self) -> Any:
        return self._rows[0] if self._rows else None

    def one_or_none(self) -> Any:
        if len(self._rows) > 1:
            raise MultipleResultsFound("a statement found more than one row")
        return self.first()

    def one(self) -> Any:
        if not self._rows:
            raise NoResultFound("a statement found no row")
        return self.one_or_none()

    def scalar(self) -> Any:
        return self._rows[0][0] if self._rows else None

    def scalar_one_or_none(self) -> Any:
        return self.scalars().one_or_none()

    def scalar_one(self) -> Any:
        return self.scalars().one()

    def scalars(self) -> Rows:
        return Rows([row[0] for row in self._rows], self.rowcount)


Plans = dict[tuple[Any, ...], Plan | None]
# By statement; then by the database, and by the names of parameters: an INSERT has the columns that
# it is given. Statements are never changed, and those made for one call are soon gone.
_plans: weakref.WeakKeyDictionary[Any, Plans] = weakref.WeakKeyDictionary()


def make_plan(statement: Any, dialect: Dialect, given: list[str]) -> Plan | None:
    """Return how to run a statement; ``None`` if SQLAlchemy has more to do for it."""
    if isinstance(statement, Insert):
        # Do not ask for the key of the new row.
        statement = statement.inline()
    compiled = statement.compile(dialect=dialect, column_keys=given)
    binds = {name: bind for bind, name in compiled.bind_names.items()}
    if (
        # Defaults that are made in Python, lists of a length that is not known, and odd names.
        (compiled.isinsert and compiled.insert_prefetch)
        or (compiled.isupdate and compiled.update_prefetch)
        or compiled.post_compile_params
        or compiled.literal_execute_params
        or compiled.escaped_bind_names
        or any(bind.callable for bind in binds.values())
    ):
        return None
    converters = {
        name: bind.type.dialect_impl(dialect).bind_processor(dialect)
        for name, bind in binds.items()
    }
    constants = {}
    for name, bind in binds.items():
        if name not in given and not bind.required:
            convert = converters[name]
            constants[name] = convert(bind.value) if convert else bind.value
            converters[name] = None
    order = compiled.positiontup if compiled.positional else binds
    return Plan(
        sql=compiled.string,
        binds=[(name, converters[name]) for name in order],
        constants=constants,
        is_positional=compiled.positional,
        make_row=row_maker(statement.exported_columns, dialect),
    )


def row_maker(columns: Any, dialect: Dialect) -> Converter | None:
    """Return what makes a row of the driver's values; ``None`` without columns."""
    if not columns:
        return None
    make_row = result_tuple(columns.keys())
    converters = [
        column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns
    ]
    if not any(converters):
        return make_row
    return lambda row: make_row(
        [convert(v) if convert else v for convert, v in zip(converters, row, strict=True)]
    )
