"""Store contacts by the thousand, as an import reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from dialer.domain.contact import NewContact, Upserted
from dialer.domain.ids import ContactListId, OrgId
from dialer.errors import NotFound
from dialer.store.tables import addresses, contact_lists, contacts

CHUNK = 1000  # ids per statement

_EXISTING = sa.select(contacts.c.id, contacts.c.user_contact_id, contacts.c.attributes).where(
    contacts.c.list_id == sa.bindparam("of_list"), contacts.c.user_contact_id.in_(sa.bindparam("users", expanding=True))
)
_UPDATE = (
    sa.update(contacts)
    .where(contacts.c.id == sa.bindparam("contact"))
    .values({name: sa.bindparam(name) for name in ("language", "time_zone", "attributes", "updated_at")})
)
_DROP_ADDRESS = sa.delete(addresses).where(
    addresses.c.contact_id == sa.bindparam("contact"), addresses.c.name == sa.bindparam("called")
)

# Each database has its own spelling of INSERT .. ON CONFLICT in SQLAlchemy, with one meaning.
_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def _insert_contacts(dialect: str) -> Any:
    statement = _INSERT[dialect](contacts)
    # A conflict is possible here only when another import of the same list runs beside this one: the later row wins.
    changed = {name: statement.excluded[name] for name in ("language", "time_zone", "attributes", "updated_at")}
    statement = statement.on_conflict_do_update(index_elements=["list_id", "user_contact_id"], set_=changed)
    return statement.returning(contacts.c.id, contacts.c.user_contact_id)


def _insert_addresses(dialect: str) -> Any:
    statement = _INSERT[dialect](addresses)
    changed = {name: statement.excluded[name] for name in ("channel", "value", "zones")}
    return statement.on_conflict_do_update(index_elements=["contact_id", "name"], set_=changed)


_INSERT_CONTACTS = {dialect: _insert_contacts(dialect) for dialect in _INSERT}
_INSERT_ADDRESSES = {dialect: _insert_addresses(dialect) for dialect in _INSERT}


class ContactBatches:
    """The part of the contacts' repository that writes many at once."""

    def __init__(self, connection: sa.Connection, org_id: OrgId, now: datetime) -> None:
        self._connection = connection
        self._org_id = org_id
        self._now = now

    def upsert_batch(
        self, list_id: ContactListId, rows: Sequence[NewContact], on_duplicate: Literal["update", "ignore"] = "update"
    ) -> Upserted:
        """Put a batch on a list. A contact that is there already keeps what the row does not name.

        With "update", the row's attributes and addresses are written over those of the same name, and an empty address is
        removed; with "ignore", the contact stays as it is. Of two rows with the same id in one batch the later one wins with
        "update" (and counts as an update), the first one with "ignore". Raises NotFound when the list is not the organisation's.
        """
        self._check_list(list_id)
        wanted: dict[str, NewContact] = {}
        for row in rows:
            if row.user_contact_id not in wanted or on_duplicate == "update":
                wanted[row.user_contact_id] = row
        existing = self._existing(list_id, list(wanted))
        fresh = [row for row in wanted.values() if row.user_contact_id not in existing]
        ids = self._insert(list_id, fresh)
        again = len(rows) - len(fresh)
        if on_duplicate == "ignore":
            self._write_addresses(fresh, ids)
            return Upserted(inserted=len(fresh), ignored=again)
        known = [row for row in wanted.values() if row.user_contact_id in existing]
        self._update(known, existing)
        ids.update((user, found.id) for user, found in existing.items())
        self._write_addresses(wanted.values(), ids)
        return Upserted(inserted=len(fresh), updated=again)

    def _check_list(self, list_id: ContactListId) -> None:
        query = sa.select(contact_lists.c.id).where(contact_lists.c.id == list_id, contact_lists.c.org_id == self._org_id)
        if self._connection.scalar(query) is None:
            raise NotFound(f"no contact list with the id {list_id}")

    def _existing(self, list_id: ContactListId, users: list[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for start in range(0, len(users), CHUNK):
            rows = self._connection.execute(_EXISTING, {"of_list": list_id, "users": users[start : start + CHUNK]})
            found.update((row.user_contact_id, row) for row in rows)
        return found

    def _insert(self, list_id: ContactListId, rows: Sequence[NewContact]) -> dict[str, int]:
        if not rows:
            return {}
        values = [
            {
                "org_id": self._org_id,
                "list_id": list_id,
                "user_contact_id": row.user_contact_id,
                "language": row.language,
                "time_zone": row.time_zone,
                "attributes": dict(row.attributes),
                "created_at": self._now,
                "updated_at": self._now,
            }
            for row in rows
        ]
        inserted = self._connection.execute(_INSERT_CONTACTS[self._connection.dialect.name], values)
        return {user: contact_id for contact_id, user in inserted}

    def _update(self, rows: Sequence[NewContact], existing: Mapping[str, Any]) -> None:
        values = [
            {
                "contact": existing[row.user_contact_id].id,
                "language": row.language,
                "time_zone": row.time_zone,
                "attributes": {**existing[row.user_contact_id].attributes, **row.attributes},
                "updated_at": self._now,
            }
            for row in rows
        ]
        if values:
            self._connection.execute(_UPDATE, values)

    def _write_addresses(self, rows: Iterable[NewContact], ids: Mapping[str, int]) -> None:
        kept, dropped = [], []
        for row in rows:
            contact_id = ids[row.user_contact_id]
            for one in row.addresses:
                if one.value:
                    kept.append(
                        {
                            "org_id": self._org_id,
                            "contact_id": contact_id,
                            "name": one.name,
                            "channel": one.channel,
                            "value": one.value,
                            "zones": ",".join(one.zones),
                        }
                    )
                else:
                    dropped.append({"contact": contact_id, "called": one.name})
        if dropped:
            self._connection.execute(_DROP_ADDRESS, dropped)
        if kept:
            self._connection.execute(_INSERT_ADDRESSES[self._connection.dialect.name], kept)
