"""Statements of the way in, whose SQL Peewee builds once.

Building SQL costs Peewee several times what SQLite needs to run it; on the way of a submission that would be
most of the work. Here only the values change from call to call. Everything else uses Peewee's queries as usual.
Nor do they go through what Peewee does around each statement, a third of what the small ones cost, unless somebody
listens (``query_hooks``).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
import peewee
from peewee import (
    BigIntegerField,
    BlobField,
    BooleanField,
    CharField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    Node,
    SqliteDatabase,
    TextField,
)

from server.store.models import database

_ROWS = 50
"""Rows of one statement."""


def _execute(sql: str, values: Sequence[Any]) -> Any:
    """Run a statement and return its cursor; errors are Peewee's, as those of any other statement."""
    db = database.obj
    if db.query_hooks or not isinstance(db, SqliteDatabase):
        return db.execute_sql(sql, values)
    try:
        return db.connection().execute(sql, values)
    except sqlite3.Error as error:
        raise getattr(peewee, type(error).__name__, peewee.DatabaseError)(*error.args) from error


class Insert:
    """``INSERT`` of rows that all have the same columns. ``unless`` names the columns of a unique constraint.

    Defaults of the model are not filled in: name every column that has none in the database.
    """

    def __init__(self, model: Any, unless: Sequence[str] = ()) -> None:
        self._model = model
        self._unless = unless
        self._built: dict[tuple[Any, ...], tuple[str, list[Any]]] = {}

    def one(self, row: Mapping[str, Any]) -> int | None:
        """Insert a row and return its id; None where the unique constraint holds such a row already."""
        found = self._run([row], returning=True).fetchone()
        return int(found[0]) if found is not None else None

    def many(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows, some at a time: a statement holds so many values, and each number of rows is one of its own."""
        for start in range(0, len(rows), _ROWS):
            self._run(rows[start : start + _ROWS], returning=False)

    def _run(self, rows: Sequence[Mapping[str, Any]], *, returning: bool) -> Any:
        key = (type(database.obj), len(rows), *rows[0])
        built = self._built.get(key)
        if built is None:
            built = self._built[key] = self._build(rows, returning=returning)
        sql, fields = built
        values = [row[n] if adapt is None else adapt(row[n]) for row in rows for n, adapt in fields]
        return _execute(sql, values)

    def _build(self, rows: Sequence[Mapping[str, Any]], *, returning: bool) -> tuple[str, list[Any]]:
        by_name = self._model._meta.combined
        fields = [(name, by_name[name]) for name in rows[0]]
        query = self._model.insert_many(
            [[row[n] for n, _ in fields] for row in rows], fields=[f for _, f in fields]
        )
        if self._unless:
            query = query.on_conflict(conflict_target=[by_name[n] for n in self._unless], action="NOTHING")
        query = query.returning(self._model._meta.primary_key) if returning else query.returning()
        sql, values = query.sql()
        if len(values) != len(rows) * len(fields):
            raise ValueError(f"{self._model.__name__}: a column of the insert is no plain value")
        # SQLite's JSON columns wrap their text in json(...), which reads all of it once more to no end
        return sql.replace("json(?)", "?"), [(name, _adapter(field)) for name, field in fields]


_PLAIN = (TextField, CharField, IntegerField, BigIntegerField, BooleanField, BlobField, ForeignKeyField)


def _adapter(field: Any) -> Callable[[Any], Any] | None:
    """What makes a database's value of a Python one; None where it is the same."""
    if type(field) in _PLAIN:
        return None
    if isinstance(field, JSONField) and isinstance(database.obj, SqliteDatabase):
        return _json

    def adapt(value: Any) -> Any:
        bound = field.db_value(value)
        return bound.arguments[0] if isinstance(bound, Node) else bound

    return adapt


def _json(value: Any) -> str | None:
    # text, not bytes: SQLite takes those for JSON of its own binary kind
    return None if value is None else orjson.dumps(value).decode()


class Select:
    """A query over plain values; ``build`` makes it once, using its arguments in the order they are given."""

    def __init__(self, build: Callable[..., Any]) -> None:
        self._build = build
        self._sql: dict[type, str] = {}

    def first(self, *values: Any) -> tuple[Any, ...] | None:
        """The first row, or None. Columns come as the database has them, not through their fields."""
        row: tuple[Any, ...] | None = self._run(values).fetchone()
        return row

    def every(self, *values: Any) -> list[tuple[Any, ...]]:
        """All rows."""
        return list(self._run(values).fetchall())

    def _run(self, values: tuple[Any, ...]) -> Any:
        key = type(database.obj)  # SQL differs by engine
        sql = self._sql.get(key)
        if sql is None:
            sql, bound = self._build(*values).sql()
            if list(bound) != list(values):
                raise ValueError("the query uses its values in another order or number")
            self._sql[key] = sql
        return _execute(sql, values)
