"""Many contacts and addresses into an SQLite file at once: plain statements, run by the thousand, straight to the driver."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import count, repeat

import sqlalchemy as sa

from dialer.domain.contact_batch import ContactBatch
from dialer.domain.ids import ContactListId, OrgId
from dialer.store.tables import microseconds

# CROSS JOIN: SQLite keeps this order of the tables. Without statistics it might read the whole list for each id.
_EXISTING = """
SELECT c.id, c.user_contact_id, c.attributes
FROM json_each(?) AS wanted CROSS JOIN contacts AS c ON c.list_id = ? AND c.user_contact_id = wanted.value
"""
_INSERT = """
INSERT INTO contacts (id, org_id, list_id, user_contact_id, language, time_zone, attributes, created_at, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_UPDATE = "UPDATE contacts SET language = ?, time_zone = ?, attributes = ?, updated_at = ? WHERE id = ?"
_INSERT_ADDRESS = "INSERT INTO addresses (org_id, contact_id, name, channel, value, zones) VALUES (?, ?, ?, ?, ?, ?)"
_WRITE_ADDRESS = f"""
{_INSERT_ADDRESS}
ON CONFLICT (contact_id, name) DO UPDATE SET channel = excluded.channel, value = excluded.value, zones = excluded.zones
WHERE channel <> excluded.channel OR value <> excluded.value OR zones <> excluded.zones
"""
_DROP_ADDRESS = "DELETE FROM addresses WHERE contact_id = ? AND name = ?"


class SqliteContactRows:
    """See `ContactRows`. There is one writer at a time, so what was not there a statement ago is not there now."""

    def __init__(self, connection: sa.Connection, org_id: OrgId, now: datetime) -> None:
        self._connection, self._org_id, self._now = connection, org_id, microseconds(now)

    def existing(self, list_id: ContactListId, users: Iterable[str]) -> dict[str, tuple[int, str]]:
        """One statement, however many."""
        rows = self._connection.exec_driver_sql(_EXISTING, (json.dumps(list(users)), list_id))
        return {user: (contact_id, attributes) for contact_id, user, attributes in rows}

    def insert(self, list_id: ContactListId, batch: ContactBatch, places: Sequence[int]) -> list[int]:
        """The ids are those that SQLite would give: behind the highest one."""
        if not places:
            return []
        first = int(self._connection.exec_driver_sql("SELECT coalesce(max(id), 0) FROM contacts").scalar_one()) + 1
        owner, now = (repeat(self._org_id), repeat(list_id)), repeat(self._now)
        rows = zip(count(first), *owner, *batch.contact_columns(places), now, now, strict=False)
        self._many(_INSERT, list(rows))
        return list(range(first, first + len(places)))

    def update(self, changes: Sequence[tuple[str, str, str, int]]) -> None:
        """By id."""
        self._many(_UPDATE, [(language, zone, attributes, self._now, one) for language, zone, attributes, one in changes])

    def insert_addresses(self, batch: ContactBatch, ids: Sequence[int]) -> None:
        """Where nothing can be in the way."""
        org = self._org_id
        rows = [
            (org, ids[owner], name, channel, value, zones)
            for owner, name, channel, value, zones in zip(*batch.address_columns, strict=True)
            if value and ids[owner]
        ]
        self._many(_INSERT_ADDRESS, rows)

    def write_addresses(self, rows: Sequence[tuple[int, str, str, str, str]]) -> None:
        """An address that is as it was costs no write."""
        self._many(_WRITE_ADDRESS, [(self._org_id, *row) for row in rows])

    def drop_addresses(self, named: Sequence[tuple[int, str]]) -> None:
        """By contact and name."""
        self._many(_DROP_ADDRESS, named)

    def _many(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        if rows:
            self._connection.exec_driver_sql(statement, list(rows))
