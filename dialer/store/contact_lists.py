"""Contact lists of an organisation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from dialer.domain.codes import name_key
from dialer.domain.contact import ContactList
from dialer.domain.ids import ContactListId, OrgId
from dialer.errors import Conflict, NotFound
from dialer.store.no_such import no_such
from dialer.store.tables import contact_lists, contacts

GONE = "(deleted contacts)"  # where the bare rows of removed contacts stay, for the sake of the ledger of attempts


def _contact_list(row: sa.Row[Any]) -> ContactList:
    return ContactList(
        id=ContactListId(row.id),
        org_id=OrgId(row.org_id),
        name=row.name,
        attributes=tuple(row.attributes),
        created_at=row.created_at,
        emptying_since=row.emptying_since,
    )


class ContactLists:
    """Lists by name; CODE and code are one name. With no organisation, those of all, for the engine to look at."""

    def __init__(self, connection: sa.Connection, org_id: OrgId | None, now: datetime) -> None:
        self._connection = connection
        self._org_id = org_id
        self._now = now

    def create(self, name: str, attributes: Sequence[str] = ()) -> ContactList:
        """A new, empty list. Raises Conflict when the name is in use."""
        values = {
            "org_id": self._org_id,
            "name": name,
            "name_key": name_key(name),
            "attributes": list(attributes),
            "created_at": self._now,
        }
        try:
            row = self._connection.execute(sa.insert(contact_lists).values(values).returning(contact_lists)).one()
        except IntegrityError as exc:
            raise Conflict(f"there is a contact list {name!r} already") from exc
        return _contact_list(row)

    def ensure(self, name: str, attributes: Sequence[str] = ()) -> ContactList:
        """The list of that name, made if it does not exist; attributes that it lacks are added behind its own."""
        found = self.find(name)
        if found is None:
            return self.create(name, attributes)
        missing = [attribute for attribute in attributes if attribute not in found.attributes]
        return self.set_attributes(found.id, (*found.attributes, *missing)) if missing else found

    def find(self, name: str) -> ContactList | None:
        """The list of that name."""
        row = self._connection.execute(self._mine().where(contact_lists.c.name_key == name_key(name))).first()
        return None if row is None else _contact_list(row)

    def by_name(self, name: str) -> ContactList:
        """The list of that name. Raises NotFound."""
        if (found := self.find(name)) is None:
            raise no_such("contact list", name, (one.name for one in self.all()))
        return found

    def get(self, list_id: ContactListId) -> ContactList:
        """The list with that id. Raises NotFound."""
        row = self._connection.execute(self._mine().where(contact_lists.c.id == list_id)).first()
        if row is None:
            raise NotFound(f"no contact list with the id {list_id}")
        return _contact_list(row)

    def all(self) -> list[ContactList]:
        """Every list of the organisation, by name."""
        return [_contact_list(row) for row in self._connection.execute(self._mine().order_by(contact_lists.c.name_key))]

    def set_attributes(self, list_id: ContactListId, attributes: Sequence[str]) -> ContactList:
        """Say which attributes its contacts may have. Raises NotFound."""
        changed = self._one(list_id).values(attributes=list(attributes)).returning(contact_lists)
        row = self._connection.execute(changed).first()
        if row is None:
            raise NotFound(f"no contact list with the id {list_id}")
        return _contact_list(row)

    def begin_emptying(self, list_id: ContactListId) -> None:
        """Whoever is on the list now is to go, in the time that it takes."""
        self._connection.execute(self._one(list_id).values(emptying_since=self._now))

    def end_emptying(self, list_id: ContactListId) -> None:
        """Nobody is left that was to go."""
        self._connection.execute(self._one(list_id).values(emptying_since=None))

    def being_emptied(self) -> list[ContactList]:
        """The lists that somebody asked to be emptied."""
        query = self._mine().where(contact_lists.c.emptying_since.is_not(None)).order_by(contact_lists.c.id)
        return [_contact_list(row) for row in self._connection.execute(query)]

    def sizes(self) -> dict[ContactListId, int]:
        """How many contacts are on each list."""
        query = (
            sa.select(contacts.c.list_id, sa.func.count()).where(contacts.c.org_id == self._org_id).group_by(contacts.c.list_id)
        )
        return {ContactListId(list_id): count for list_id, count in self._connection.execute(query)}

    def _mine(self) -> sa.Select[Any]:
        query = sa.select(contact_lists)
        return query if self._org_id is None else query.where(contact_lists.c.org_id == self._org_id)

    def _one(self, list_id: ContactListId) -> sa.Update:
        return sa.update(contact_lists).where(contact_lists.c.id == list_id, contact_lists.c.org_id == self._org_id)
