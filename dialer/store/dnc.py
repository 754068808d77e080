"""The do-not-call list of an organisation."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from dialer.domain.contact import DncEntry
from dialer.domain.ids import OrgId
from dialer.store.tables import dnc_entries

CHUNK = 500  # numbers per statement

_LISTED = sa.select(dnc_entries.c.value).where(
    dnc_entries.c.org_id == sa.bindparam("org"), dnc_entries.c.value.in_(sa.bindparam("numbers", expanding=True))
)


class Dnc:
    """Numbers that must not be called; `value` is E.164."""

    def __init__(self, connection: sa.Connection, org_id: OrgId, now: datetime) -> None:
        self._connection = connection
        self._org_id = org_id
        self._now = now

    def add(self, value: str, *, reason: str = "", now: datetime | None = None) -> bool:
        """From the commit on, no call to this number is launched. False when it was listed already (its reason stays)."""
        return self.add_many([(value, reason)], now=now) == 1

    def add_many(self, entries: Iterable[tuple[str, str]], *, now: datetime | None = None) -> int:
        """List many numbers, each with its reason; returns how many are new."""
        at = now or self._now
        unique: dict[str, str] = {}
        for value, reason in entries:
            unique.setdefault(value, reason)
        values = list(unique)
        added = 0
        for start in range(0, len(values), CHUNK):
            chunk = values[start : start + CHUNK]
            rows = [{"org_id": self._org_id, "value": one, "reason": unique[one], "created_at": at} for one in chunk]
            added += len(self._connection.execute(self._insert(rows)).all())
        return added

    def remove(self, value: str) -> bool:
        """Allow calls again. False when it was not listed."""
        statement = sa.delete(dnc_entries).where(dnc_entries.c.org_id == self._org_id, dnc_entries.c.value == value)
        return self._connection.execute(statement).rowcount == 1

    def listed(self, numbers: Collection[str]) -> set[str]:
        """Which of these numbers must not be called."""
        wanted = list(numbers)
        found: set[str] = set()
        for start in range(0, len(wanted), CHUNK):
            chunk = wanted[start : start + CHUNK]
            found.update(self._connection.scalars(_LISTED, {"org": self._org_id, "numbers": chunk}))
        return found

    def get(self, value: str) -> DncEntry | None:
        """The entry of a number."""
        row = self._connection.execute(self._mine().where(dnc_entries.c.value == value)).first()
        return None if row is None else _entry(row)

    def page(self, *, after: str = "", limit: int = 100) -> list[DncEntry]:
        """Entries in the order of their numbers, from behind `after` on."""
        query = self._mine().where(dnc_entries.c.value > after).order_by(dnc_entries.c.value).limit(limit)
        return [_entry(row) for row in self._connection.execute(query)]

    def count(self) -> int:
        """How many numbers are listed."""
        query = sa.select(sa.func.count()).select_from(dnc_entries).where(dnc_entries.c.org_id == self._org_id)
        return self._connection.scalar(query) or 0

    def _mine(self) -> sa.Select[Any]:
        return sa.select(dnc_entries).where(dnc_entries.c.org_id == self._org_id)

    def _insert(self, rows: Sequence[dict[str, Any]]) -> Any:
        insert = postgresql.insert if self._connection.dialect.name == "postgresql" else sqlite.insert
        return (
            insert(dnc_entries)
            .values(rows)
            .on_conflict_do_nothing(index_elements=["org_id", "value"])
            .returning(dnc_entries.c.id)
        )


def _entry(row: sa.Row[Any]) -> DncEntry:
    return DncEntry(value=row.value, reason=row.reason, created_at=row.created_at)
