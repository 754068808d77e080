"""Store contacts by the thousand, as an import reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from dialer.domain.contact import NewContact, Upserted
from dialer.domain.contact_batch import ContactBatch
from dialer.domain.ids import ContactId, ContactListId, OrgId
from dialer.errors import NotFound
from dialer.store.contact_rows import contact_rows
from dialer.store.tables import contact_lists


class ContactBatches:
    """The part of the contacts' repository that writes many at once."""

    def __init__(self, connection: sa.Connection, org_id: OrgId, now: datetime) -> None:
        self._connection = connection
        self._org_id = org_id
        self._now = now

    def upsert_batch(
        self,
        list_id: ContactListId,
        rows: Sequence[NewContact] | ContactBatch,
        on_duplicate: Literal["update", "ignore"] = "update",
    ) -> Upserted:
        """Put a batch on a list. A contact that is there already keeps what the row does not name.

        With "update", the row's attributes and addresses are written over those of the same name, and an empty address is
        removed; with "ignore", the contact stays as it is. Of two rows with the same id in one batch the later one wins with
        "update" (and counts as an update), the first one with "ignore". Raises NotFound when the list is not the organisation's.
        """
        self._check_list(list_id)
        batch = rows if isinstance(rows, ContactBatch) else ContactBatch.of(rows)
        update = on_duplicate == "update"
        places: dict[str, int] = {}  # which row counts for a contact; in the order in which contacts come first
        for place, user in enumerate(batch.users):
            if update or user not in places:
                places[user] = place
        store = contact_rows(self._connection, self._org_id, self._now)
        existing = store.existing(list_id, places)
        fresh = [place for user, place in places.items() if user not in existing] if existing else list(places.values())
        known = [place for user, place in places.items() if user in existing] if existing and update else []
        ids = [0] * len(batch.users)  # of the contacts to be written; 0 = another row counts, or it stays as it is
        for place, contact_id in zip(fresh, store.insert(list_id, batch, fresh), strict=True):
            ids[place] = contact_id
        store.insert_addresses(batch, ids)
        again = len(batch.users) - len(fresh)
        if known:
            self._update(batch, known, existing)
        return Upserted(inserted=len(fresh), updated=again) if update else Upserted(inserted=len(fresh), ignored=again)

    def ids_of(self, list_id: ContactListId, user_contact_ids: Sequence[str]) -> dict[str, ContactId]:
        """Our ids of the contacts to which the user gave these, as far as they are on the list. Raises NotFound."""
        self._check_list(list_id)
        found = contact_rows(self._connection, self._org_id, self._now).existing(list_id, user_contact_ids)
        return {user: ContactId(contact_id) for user, (contact_id, _) in found.items()}

    def _check_list(self, list_id: ContactListId) -> None:
        query = sa.select(contact_lists.c.id).where(contact_lists.c.id == list_id, contact_lists.c.org_id == self._org_id)
        if self._connection.scalar(query) is None:
            raise NotFound(f"no contact list with the id {list_id}")

    def _update(self, batch: ContactBatch, known: Sequence[int], existing: dict[str, tuple[int, str]]) -> None:
        store = contact_rows(self._connection, self._org_id, self._now)
        ids, changes = [0] * len(batch.users), list[tuple[str, str, str, int]]()
        for place in known:
            contact_id, attributes = existing[batch.users[place]]
            ids[place] = contact_id
            merged = json.dumps({**json.loads(attributes), **json.loads(batch.attributes[place])})
            changes.append((batch.languages[place], batch.time_zones[place], merged, contact_id))
        store.update(changes)
        written, dropped = list[tuple[int, str, str, str, str]](), list[tuple[int, str]]()
        for owner, name, channel, value, zones in zip(*batch.address_columns, strict=True):
            if ids[owner] and value:
                written.append((ids[owner], name, channel, value, zones))
            elif ids[owner]:
                dropped.append((ids[owner], name))
        store.write_addresses(written)
        store.drop_addresses(dropped)
