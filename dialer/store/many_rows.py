"""Write many rows of one table at once: what is the same for all of them is worked out once, and not for each row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

Row = Mapping[str, Any]


class ManyRows:
    """`sa.insert(table)`, straight to the driver: SQLAlchemy spends more on each row of such a list than the database does.

    For tables whose columns have no default of Python's.
    """

    def __init__(self, table: sa.Table) -> None:
        self._table = table
        self._made: dict[tuple[str, tuple[str, ...]], _Insert] = {}  # by the dialect and the columns

    def insert(self, connection: sa.Connection, rows: Sequence[Row]) -> None:
        """All rows have the columns of the first. Raises what sqlalchemy raises."""
        if not rows:
            return
        key = (connection.dialect.name, tuple(rows[0]))
        if (insert := self._made.get(key)) is None:
            insert = self._made[key] = _Insert(self._table, connection.dialect, key[1])
        connection.exec_driver_sql(insert.text, [insert.values(row) for row in rows])


class _Insert:
    """The statement for one dialect and certain columns, and what each of their values needs before the driver takes it."""

    def __init__(self, table: sa.Table, dialect: sa.Dialect, names: Sequence[str]) -> None:
        compiled = sa.insert(table).compile(dialect=dialect, column_keys=list(names))
        self.text = str(compiled)
        processors = {name: table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names}
        places: Sequence[str] | None = compiled.positiontup
        self.values = _named(processors) if places is None else _in_order([(name, processors[name]) for name in places])


def _in_order(columns: Sequence[tuple[str, Callable[[Any], Any] | None]]) -> Callable[[Row], Any]:
    """For a driver that counts its parameters."""
    pick = itemgetter(*(name for name, _ in columns))
    needs = [(place, processor) for place, (_, processor) in enumerate(columns) if processor is not None]

    def values(row: Row) -> Sequence[Any]:
        found = list(pick(row))
        for place, processor in needs:
            found[place] = processor(found[place])
        return tuple(found)

    return values


def _named(processors: Mapping[str, Callable[[Any], Any] | None]) -> Callable[[Row], Any]:
    """For a driver that calls them by name."""
    needs = [(name, processor) for name, processor in processors.items() if processor is not None]
    return lambda row: {**row, **{name: processor(row[name]) for name, processor in needs}}
