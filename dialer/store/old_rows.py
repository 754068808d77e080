"""Rows that are old enough to go: read for the archive, and removed only as they were archived."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import sqlalchemy as sa

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class OldRow:
    """One row with all that belongs to it, as a line of JSON."""

    key: Key
    line: str
    at: datetime | None  # how old it is

    @property
    def digest(self) -> bytes:
        """By which it is known that the row has not changed since."""
        return digest_of(self.line)


@dataclass(frozen=True, slots=True)
class Page:
    """Some old rows, and behind which key the next ones are; None: there are no more."""

    rows: Sequence[OldRow]
    after: Key | None


class OldRows(Protocol):
    """The old rows of one kind, seen in one transaction."""

    def page(self, after: Key | None, limit: int) -> Page:
        """Old rows in the order of their keys. May hold fewer than `limit`, or none, and yet not be the last page."""

    def remove(self, archived: Mapping[Key, bytes]) -> int:
        """Remove those that are old still and whose digest is the same as in the archive; returns how many."""


def digest_of(line: str) -> bytes:
    """The digest of a line."""
    return hashlib.blake2b(line.encode(), digest_size=16).digest()


def line_of(table: str, row: sa.Row[Any], **more: Any) -> str:
    """A row as a line of JSON; moments are in ISO 8601 UTC."""
    return json.dumps({"table": table, **plain(row._mapping), **more}, ensure_ascii=False, separators=(",", ":"), default=str)


def plain(values: Mapping[Any, Any]) -> dict[str, Any]:
    """A row's values as JSON has them."""
    return {str(name): value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


class PlainRows:
    """Rows of one table by a condition."""

    def __init__(
        self,
        connection: sa.Connection,
        table: sa.Table,
        *,
        at: sa.ColumnElement[Any],
        where: sa.ColumnElement[bool],
    ) -> None:
        self._connection, self._table, self._at = connection, table, at.name
        self._keys = list(table.primary_key.columns)
        self._old = sa.select(table).where(where).order_by(*self._keys)

    def page(self, after: Key | None, limit: int) -> Page:
        """See OldRows."""
        query = self._old.limit(limit)
        if after is not None:
            query = query.where(self._key() > (after[0] if len(self._keys) == 1 else sa.tuple_(*after)))
        rows = [self._row(row) for row in self._connection.execute(query)]
        return Page(rows, rows[-1].key if len(rows) == limit else None)

    def remove(self, archived: Mapping[Key, bytes]) -> int:
        """See OldRows."""
        found = self._connection.execute(self._old.where(self._in(list(archived))))
        same = [row.key for row in map(self._row, found) if archived[row.key] == row.digest]
        return self._connection.execute(sa.delete(self._table).where(self._in(same))).rowcount if same else 0

    def _row(self, row: sa.Row[Any]) -> OldRow:
        key = tuple(row._mapping[column.name] for column in self._keys)
        return OldRow(key, line_of(self._table.name, row), row._mapping[self._at])

    def _key(self) -> sa.ColumnElement[Any]:
        return self._keys[0] if len(self._keys) == 1 else sa.tuple_(*self._keys)

    def _in(self, keys: Sequence[Key]) -> sa.ColumnElement[bool]:
        return self._key().in_([key[0] for key in keys] if len(self._keys) == 1 else keys)
