"""Rows that come as values and not as text: from a database, or from a third party's program."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from dialer.domain.imports import Position
from dialer.errors import BadInput, SourceChanged
from dialer.services.row_source import Record

MAX_COLUMNS = 500
_KEY_TYPES: Mapping[str, tuple[type, Callable[[str], Any]]] = {  # how a key is kept that JSON does not know
    "datetime": (datetime, datetime.fromisoformat),
    "date": (date, date.fromisoformat),
    "decimal": (Decimal, Decimal),
    "uuid": (UUID, UUID),
}


class Values(Protocol):
    """An open reading: the names of the columns, then the rows."""

    @property
    def columns(self) -> Sequence[str]: ...

    def __iter__(self) -> Iterator[Sequence[Any]]: ...

    def close(self) -> None: ...


class ValueSource:
    """A source of rows for an import.

    Without a key, a reading that goes on passes over the rows that were read before and compares them with what they were: when
    they are not the same, in the same order, it raises SourceChanged. With a key, `begin` is asked for the rows behind it.
    """

    def __init__(self, where: str, begin: Callable[[Any], Values], *, key: str = "") -> None:
        """`begin` opens a reading of all rows (None), or with a key of those behind that value of it."""
        self.where, self.size, self.portable = where, 0, False
        self._begin, self._key = begin, key
        self._opened: tuple[Position, ValueRows] | None = None

    def columns(self, after: Position) -> list[str]:
        """What the columns are called. The reading that tells it is the one that `open` gives: asking twice would cost twice."""
        rows = self.open(after)
        header = rows.header()
        self._opened = (after, rows)
        return header

    def open(self, after: Position = None) -> ValueRows:
        """Open it behind a position. Raises BadInput, SourceChanged, NotSent."""
        opened, self._opened = self._opened, None
        if opened is not None and opened[0] == after:
            return opened[1]
        if opened is not None:
            opened[1].close()
        values = self._begin(_key_from(after["key"]) if self._key and after else None)
        try:
            return ValueRows(values, self._key, after, self.where)
        except BaseException:
            values.close()
            raise

    def close(self) -> None:
        """Give up a reading that nobody opened."""
        if self._opened is not None:
            self._opened[1].close()
            self._opened = None


class ValueRows:
    """An open source of values. Its position is a number of rows, with the key or a digest of what they were."""

    bytes_read = 0

    def __init__(self, values: Values, key: str, after: Position, where: str) -> None:
        """Raises BadInput, SourceChanged."""
        self._values, self._where = values, where
        self._columns = [str(one) for one in values.columns]
        if len(self._columns) > MAX_COLUMNS:
            raise BadInput(f"{len(self._columns)} columns", where=where, mend=f"at most {MAX_COLUMNS}")
        if key and key not in self._columns:
            raise BadInput(f"there is no column {key!r}", where=where, mend=f"there are {', '.join(self._columns)}")
        self._key_at = self._columns.index(key) if key else None
        self._named = _digest(b"", self._columns)
        if after is not None and after["columns"] != self._named.hex():
            raise SourceChanged("its columns are no longer the same")
        self._before = after
        self._row = after["row"] if after is not None and key else 0
        self._last_key: Any = after["key"] if after is not None and key else None
        self._chain = self._named

    def close(self) -> None:
        """Give back what it holds."""
        self._values.close()

    def header(self) -> list[str]:
        """The names of the columns."""
        return list(self._columns)

    @property
    def position(self) -> Position:
        """Rows that were given out or passed over."""
        seen = {"row": self._row, "columns": self._named.hex()}
        return {**seen, **({"digest": self._chain.hex()} if self._key_at is None else {"key": self._last_key})}

    def records(self) -> Iterator[Record]:
        """The rows behind the position. One that cannot be text is a broken one."""
        rows = iter(self._values)
        if self._key_at is None and self._before is not None:
            self._pass_over(rows)
        for values in rows:
            self._row += 1
            cells, broken = _cells(values, len(self._columns))
            if self._key_at is None:
                self._chain = _digest(self._chain, cells or [broken])
            else:
                self._see_key(values[self._key_at])
            yield Record(self._row, self._row, cells, broken=broken)

    def _pass_over(self, rows: Iterator[Sequence[Any]]) -> None:
        for _ in range(self._before["row"]):
            values = next(rows, None)
            if values is None:
                raise SourceChanged("it has fewer rows than before")
            self._row += 1
            cells, broken = _cells(values, len(self._columns))
            self._chain = _digest(self._chain, cells or [broken])
        if self._chain.hex() != self._before["digest"]:
            raise SourceChanged("its rows are no longer the same, or come in another order")

    def _see_key(self, value: Any) -> None:
        key = _key_to(value, self._where)
        if key == self._last_key:
            raise BadInput(f"two rows have the key {value!r}", where=self._where, mend="a column whose values are unique")
        self._last_key = key


class MappingValues:
    """Rows that a program gives as mappings: the first one names the columns."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Asks for the first row. Without any row there are no columns."""
        self._rows = iter(rows)
        self._first = next(self._rows, None)
        self.columns: Sequence[str] = [] if self._first is None else list(self._first)

    def __iter__(self) -> Iterator[Sequence[Any]]:
        """Each row's values in the order of the columns; a column that is missing is empty, one that is new breaks the row."""
        row, known = self._first, set(self.columns)
        while row is not None:
            new = [name for name in row if name not in known]
            yield [row.get(name) for name in self.columns] + [row[name] for name in new]
            row = next(self._rows, None)

    def close(self) -> None:
        """Let a generator end."""
        if callable(close := getattr(self._rows, "close", None)):
            close()


def as_text(value: Any) -> str:
    """A value as a cell of a CSV file would show it. Raises ValueError for what is no text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8")
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _cells(values: Sequence[Any], columns: int) -> tuple[list[str], str]:
    if len(values) != columns:
        return [], f"{len(values)} columns instead of {columns}"
    try:
        return [as_text(one) for one in values], ""
    except (ValueError, TypeError) as exc:
        return [], f"a value is no text: {exc}"


def _digest(before: bytes, cells: Sequence[str]) -> bytes:
    return hashlib.blake2b(before + json.dumps(cells).encode(), digest_size=16).digest()


def _key_to(value: Any, where: str) -> Any:
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    for name, (kind, _) in _KEY_TYPES.items():
        if isinstance(value, kind):
            return [name, str(value) if not isinstance(value, date) else value.isoformat()]
    raise BadInput(f"the key {value!r} cannot be kept", where=where, mend="a column of numbers, texts or dates without NULL")


def _key_from(kept: Any) -> Any:
    return _KEY_TYPES[kept[0]][1](kept[1]) if isinstance(kept, list) else kept
