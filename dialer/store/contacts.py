"""Contacts of an organisation and their addresses."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa

from dialer.domain.contact import Address, Contact, NewAddress
from dialer.domain.filter import Filter
from dialer.domain.history import NO_HISTORY
from dialer.domain.ids import ContactId, ContactListId, OrgId
from dialer.errors import NotFound
from dialer.store.contact_batches import ContactBatches
from dialer.store.contact_filter import fits
from dialer.store.contact_history import ContactHistory
from dialer.store.contact_lists import GONE
from dialer.store.contact_rows import contact_rows
from dialer.store.tables import addresses, attempts, contact_lists, contacts

CHUNK = 500  # ids per statement

_BY_ID = sa.select(contacts).where(contacts.c.org_id == sa.bindparam("org"), contacts.c.id == sa.bindparam("contact"))
_HELD = _BY_ID.with_for_update()
_SET_ATTRIBUTES = (
    sa.update(contacts)
    .where(contacts.c.id == sa.bindparam("contact"))
    .values(attributes=sa.bindparam("new_attributes"), updated_at=sa.bindparam("now"))
)
_ADDRESSES = (
    sa.select(addresses)
    # "+ 0": or SQLite goes through all addresses of the organisation, by its index of numbers.
    .where(addresses.c.org_id + 0 == sa.bindparam("org"), addresses.c.contact_id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(addresses.c.contact_id, addresses.c.id)
)
_ATTRIBUTES = sa.select(
    contacts.c.id, contacts.c.user_contact_id, contacts.c.language, contacts.c.time_zone, contacts.c.attributes
).where(contacts.c.org_id == sa.bindparam("org"), contacts.c.id.in_(sa.bindparam("ids", expanding=True)))
_ATTRIBUTE_NAMES = (
    sa.select(contact_lists.c.attributes)
    .join(contacts, contacts.c.list_id == contact_lists.c.id)
    .where(contacts.c.org_id == sa.bindparam("org"), contacts.c.id == sa.bindparam("contact"))
)


class Contacts(ContactBatches):
    """Contacts by id, by the user's own id, by number."""

    def get(self, contact_id: ContactId, *, with_addresses: bool = True) -> Contact:
        """One contact with its addresses, or without them where nobody will look. Raises NotFound."""
        row = self._connection.execute(_BY_ID, {"org": self._org_id, "contact": contact_id}).first()
        if row is None:
            raise NotFound(f"no contact with the id {contact_id}")
        return self._with_addresses([row])[0] if with_addresses else _contact(row, ())

    def find(self, list_id: ContactListId, user_contact_id: str) -> Contact | None:
        """The contact to which the user gave this id on this list."""
        query = self._mine().where(contacts.c.list_id == list_id, contacts.c.user_contact_id == user_contact_id)
        found = self._with_addresses(self._connection.execute(query).all())
        return found[0] if found else None

    def called(self, user_contact_id: str) -> list[Contact]:
        """The contacts to which the user gave this id, on whatever lists."""
        lists = sa.select(contact_lists.c.id).where(contact_lists.c.org_id == self._org_id)  # the id is known by its list
        query = self._mine().where(contacts.c.list_id.in_(lists), contacts.c.user_contact_id == user_contact_id)
        query = query.order_by(contacts.c.id)
        return self._with_addresses(self._connection.execute(query).all())

    def with_number(self, value: str) -> list[Contact]:
        """The contacts that have this address."""
        query = (
            self._mine()
            .where(
                contacts.c.id.in_(
                    sa.select(addresses.c.contact_id).where(addresses.c.org_id == self._org_id, addresses.c.value == value)
                )
            )
            .order_by(contacts.c.id)
        )
        return self._with_addresses(self._connection.execute(query).all())

    def page(self, list_id: ContactListId, *, after: ContactId | None = None, limit: int = 100) -> list[Contact]:
        """Contacts of a list in the order in which they are dialled, from behind `after` on."""
        query = (
            self._mine().where(contacts.c.list_id == list_id, contacts.c.id > (after or 0)).order_by(contacts.c.id).limit(limit)
        )
        return self._with_addresses(self._connection.execute(query).all())

    def ids(self, list_id: ContactListId | None = None, *, after: ContactId, limit: int) -> list[ContactId]:
        """The ids of a list's contacts, or of all that were not deleted, from behind `after` on."""
        query = sa.select(contacts.c.id).where(contacts.c.org_id == self._org_id, contacts.c.id > after)
        if list_id is not None:
            query = query.where(contacts.c.list_id == list_id)
        else:
            gone = sa.select(contact_lists.c.id).where(contact_lists.c.org_id == self._org_id, contact_lists.c.name == GONE)
            query = query.where(contacts.c.list_id.not_in(gone))
        return [ContactId(one) for one in self._connection.scalars(query.order_by(contacts.c.id).limit(limit))]

    def of_ids(self, contact_ids: Collection[ContactId]) -> list[Contact]:
        """Some contacts with their addresses, in the order in which they were imported."""
        query = self._mine().where(contacts.c.id.in_(list(contact_ids))).order_by(contacts.c.id)
        return self._with_addresses(self._connection.execute(query).all())

    def address_names(self) -> list[str]:
        """What the addresses of the organisation's contacts are called."""
        query = sa.select(addresses.c.name).where(addresses.c.org_id == self._org_id).distinct().order_by(addresses.c.name)
        return list(self._connection.scalars(query))

    def count(self, list_id: ContactListId) -> int:
        """How many contacts are on a list."""
        query = sa.select(sa.func.count()).where(contacts.c.org_id == self._org_id, contacts.c.list_id == list_id)
        return self._connection.scalar(query) or 0

    def addresses_of(self, contact_ids: Collection[ContactId]) -> dict[ContactId, tuple[Address, ...]]:
        """The addresses of many contacts, each contact's in the order in which they were imported."""
        found: dict[ContactId, list[Address]] = {one: [] for one in contact_ids}
        for ids in _chunks(list(contact_ids)):
            for row in self._connection.execute(_ADDRESSES, {"org": self._org_id, "ids": ids}):
                zones = tuple(row.zones.split(",")) if row.zones else ()
                address = Address(name=row.name, value=row.value, zones=zones, channel=row.channel)
                found[ContactId(row.contact_id)].append(address)
        return {one: tuple(of_contact) for one, of_contact in found.items()}

    def attributes_of(self, contact_ids: Collection[ContactId]) -> dict[ContactId, dict[str, str]]:
        """The attributes of many contacts, with what every contact has: contact_id (the user's), language, time_zone, history."""
        found: dict[ContactId, dict[str, str]] = {}
        for ids in _chunks(list(contact_ids)):
            history = ContactHistory(self._connection).of(ids)
            for row in self._connection.execute(_ATTRIBUTES, {"org": self._org_id, "ids": ids}):
                always = {"contact_id": row.user_contact_id, "language": row.language, "time_zone": row.time_zone}
                done = history.get(ContactId(row.id), NO_HISTORY).attributes()
                found[ContactId(row.id)] = {**always, **row.attributes, **done}
        return found

    def fitting(self, contact_ids: Collection[ContactId], chosen: Filter) -> set[ContactId]:
        """Which of these contacts a filter lets through."""
        query = sa.select(contacts.c.id).where(contacts.c.org_id == self._org_id, contacts.c.id.in_(list(contact_ids)))
        return {ContactId(one) for one in self._connection.scalars(query.where(fits(chosen, self._connection.dialect.name)))}

    def older_than(self, list_id: ContactListId, moment: datetime, *, limit: int, on_call: bool = False) -> list[ContactId]:
        """Contacts of a list that were written last before a moment: those that are not on a call now, or those that are."""
        live = sa.exists().where(attempts.c.contact_id == contacts.c.id, attempts.c.code.is_(None))
        mine = sa.and_(contacts.c.org_id == self._org_id, contacts.c.list_id == list_id, contacts.c.updated_at < moment)
        query = sa.select(contacts.c.id).where(mine, live if on_call else ~live).order_by(contacts.c.id).limit(limit)
        return [ContactId(one) for one in self._connection.scalars(query)]

    def set_address(self, contact_id: ContactId, address: NewAddress) -> None:
        """Write one address of a contact; one without a value is taken away. Raises NotFound."""
        if self._connection.execute(_BY_ID, {"org": self._org_id, "contact": contact_id}).first() is None:
            raise NotFound(f"no contact with the id {contact_id}")
        if not address.value:
            self.remove_address(contact_id, address.name)
            return
        row = (int(contact_id), address.name, address.channel, address.value, ",".join(address.zones))
        contact_rows(self._connection, self._org_id, self._now).write_addresses([row])

    def remove_address(self, contact_id: ContactId, name: str) -> bool:
        """Take an address from a contact. False when it has none of that name."""
        mine = sa.and_(addresses.c.org_id == self._org_id, addresses.c.contact_id == contact_id, addresses.c.name == name)
        return self._connection.execute(sa.delete(addresses).where(mine)).rowcount == 1

    def attribute_names(self, contact_id: ContactId) -> tuple[str, ...]:
        """Which attributes the contact may have, by its list. Raises NotFound."""
        found = self._connection.execute(_ATTRIBUTE_NAMES, {"org": self._org_id, "contact": contact_id}).first()
        if found is None:
            raise NotFound(f"no contact with the id {contact_id}")
        return tuple(found.attributes)

    def set_attribute(self, contact_id: ContactId, name: str, value: str, *, now: datetime | None = None) -> None:
        """Write one attribute; whether the list knows it, the caller decides. Raises NotFound."""
        row = self._connection.execute(_HELD, {"org": self._org_id, "contact": contact_id}).first()
        if row is None:
            raise NotFound(f"no contact with the id {contact_id}")
        values = {"new_attributes": {**row.attributes, name: value}, "now": now or self._now}
        self._connection.execute(_SET_ATTRIBUTES, {"contact": contact_id, **values})

    def _mine(self) -> sa.Select[Any]:
        return sa.select(contacts).where(contacts.c.org_id == self._org_id)

    def _with_addresses(self, rows: Sequence[sa.Row[Any]]) -> list[Contact]:
        by_contact = self.addresses_of([ContactId(row.id) for row in rows]) if rows else {}
        return [_contact(row, by_contact[ContactId(row.id)]) for row in rows]


def _contact(row: sa.Row[Any], of_contact: tuple[Address, ...]) -> Contact:
    return Contact(
        id=ContactId(row.id),
        org_id=OrgId(row.org_id),
        list_id=ContactListId(row.list_id),
        user_contact_id=row.user_contact_id,
        language=row.language,
        time_zone=row.time_zone,
        attributes=row.attributes,
        addresses=of_contact,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _chunks(ids: list[ContactId]) -> Iterator[list[ContactId]]:
    several = iter(ids)
    while chunk := list(islice(several, CHUNK)):
        yield chunk
