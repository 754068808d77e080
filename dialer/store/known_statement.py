"""Change rows by a statement that is always the same: what SQLAlchemy would work out each time is worked out once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.dml import UpdateBase


class KnownStatement:
    """An insert, update or delete, straight to the driver: half of what it costs through SQLAlchemy, for each attempt that ends.

    All of its values are bound by name, or stand in it; none is a list.
    """

    def __init__(self, statement: UpdateBase) -> None:
        self._statement = statement
        self._made: dict[str, _Made] = {}  # by the dialect

    def execute(self, connection: sa.Connection, values: Mapping[str, Any]) -> int:
        """How many rows were changed. Raises what sqlalchemy raises."""
        made = self._made.get(connection.dialect.name)
        if made is None:
            made = self._made[connection.dialect.name] = _Made(self._statement, connection.dialect, list(values))
        return connection.exec_driver_sql(made.text, made.values(values)).rowcount


class _Made:
    """The statement for one dialect, and what each of its values needs before the driver takes it."""

    def __init__(self, statement: UpdateBase, dialect: sa.Dialect, names: list[str]) -> None:
        compiled: Any = statement.compile(dialect=dialect, column_keys=names if isinstance(statement, sa.Insert) else None)
        self.text = str(compiled)
        self._fixed: dict[str, Any] = {}  # as the driver takes them
        self._needs: list[tuple[str, Callable[[Any], Any]]] = []
        for name, bind in compiled.binds.items():
            process = bind.type.dialect_impl(dialect).bind_processor(dialect)
            if not bind.required:
                self._fixed[name] = bind.effective_value if process is None else process(bind.effective_value)
            elif process is not None:
                self._needs.append((name, process))
        self._places: list[str] | None = compiled.positiontup  # None: this driver calls its parameters by name

    def values(self, given: Mapping[str, Any]) -> Any:
        found = {**self._fixed, **given}
        for name, process in self._needs:
            found[name] = process(found[name])
        return found if self._places is None else tuple([found[name] for name in self._places])
