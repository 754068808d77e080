"""Store contacts by the thousand, as an import reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from dialer.domain.contact import NewContact, Upserted
from dialer.domain.ids import ContactId, ContactListId, OrgId
from dialer.errors import NotFound
from dialer.store.contact_rows import existing_contacts, insert_contacts, write_addresses
from dialer.store.tables import addresses, contact_lists, contacts

_UPDATE = (
    sa.update(contacts)
    .where(contacts.c.id == sa.bindparam("contact"))
    .values({name: sa.bindparam(name) for name in ("language", "time_zone", "attributes", "updated_at")})
)
_DROP_ADDRESS = sa.delete(addresses).where(
    addresses.c.contact_id == sa.bindparam("contact"), addresses.c.name == sa.bindparam("called")
)


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
        existing = existing_contacts(self._connection, list_id, list(wanted))
        fresh = [row for row in wanted.values() if row.user_contact_id not in existing]
        ids = insert_contacts(self._connection, self._org_id, list_id, self._now, fresh)
        again = len(rows) - len(fresh)
        if on_duplicate == "ignore":
            self._write_addresses(fresh, ids)
            return Upserted(inserted=len(fresh), ignored=again)
        known = [row for row in wanted.values() if row.user_contact_id in existing]
        self._update(known, existing)
        ids.update((user, found.id) for user, found in existing.items())
        self._write_addresses(wanted.values(), ids)
        return Upserted(inserted=len(fresh), updated=again)

    def ids_of(self, list_id: ContactListId, user_contact_ids: Sequence[str]) -> dict[str, ContactId]:
        """Our ids of the contacts to which the user gave these, as far as they are on the list. Raises NotFound."""
        self._check_list(list_id)
        found = existing_contacts(self._connection, list_id, user_contact_ids)
        return {user: ContactId(row.id) for user, row in found.items()}

    def _check_list(self, list_id: ContactListId) -> None:
        query = sa.select(contact_lists.c.id).where(contact_lists.c.id == list_id, contact_lists.c.org_id == self._org_id)
        if self._connection.scalar(query) is None:
            raise NotFound(f"no contact list with the id {list_id}")

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
        wanted = {(ids[row.user_contact_id], one.name): one for row in rows for one in row.addresses}  # the later one wins
        dropped = [{"contact": contact_id, "called": name} for (contact_id, name), one in wanted.items() if not one.value]
        if dropped:
            self._connection.execute(_DROP_ADDRESS, dropped)
        kept = [
            {"contact_id": contact_id, "name": name, "channel": one.channel, "value": one.value, "zones": ",".join(one.zones)}
            for (contact_id, name), one in wanted.items()
            if one.value
        ]
        write_addresses(self._connection, self._org_id, kept)
