"""How many contacts and addresses become rows at once: each database in the way in which it is quick."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

import sqlalchemy as sa

from dialer.domain.contact_batch import ContactBatch
from dialer.domain.ids import ContactListId, OrgId
from dialer.store.contact_rows_postgresql import PostgresContactRows
from dialer.store.contact_rows_sqlite import SqliteContactRows

AddressRow = tuple[int, str, str, str, str]
"""The contact's id, name, channel, value, zones joined by commas."""

ContactChange = tuple[str, str, str, int]
"""Language, time zone, attributes as JSON, and the contact's id."""


class ContactRows(Protocol):
    """The rows of one organisation's contacts, by the thousand."""

    def existing(self, list_id: ContactListId, users: Iterable[str]) -> dict[str, tuple[int, str]]:
        """Those that are on the list already, by the user's own id: their ids, and their attributes as JSON."""
        ...

    def insert(self, list_id: ContactListId, batch: ContactBatch, places: Sequence[int]) -> list[int]:
        """Write the contacts at these places of a batch, which are not on the list yet, each once; returns their ids."""
        ...

    def update(self, changes: Sequence[ContactChange]) -> None:
        """Write over contacts that are there."""
        ...

    def insert_addresses(self, batch: ContactBatch, ids: Sequence[int]) -> None:
        """Write the addresses of contacts that have none yet. `ids` has an id for each contact of the batch; 0 = not this one."""
        ...

    def write_addresses(self, rows: Sequence[AddressRow]) -> None:
        """Write addresses over those of the same contact and name; no two may be for the same."""
        ...

    def drop_addresses(self, named: Sequence[tuple[int, str]]) -> None:
        """Remove addresses by their contact's id and their name."""
        ...


def contact_rows(connection: sa.Connection, org_id: OrgId, now: datetime) -> ContactRows:
    """The rows in the database of this connection."""
    if connection.dialect.name == "postgresql":
        return PostgresContactRows(connection, org_id, now)
    return SqliteContactRows(connection, org_id, now)
