"""How many contacts and addresses become rows at once: each database in the way in which it is quick."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from dialer.domain.contact import NewContact
from dialer.domain.ids import ContactListId, OrgId
from dialer.store.tables import Instant, addresses, contacts

CHUNK = 1000  # ids per statement, where they are single parameters

_CONTACT = ("org_id", "list_id", "user_contact_id", "language", "time_zone", "attributes", "created_at", "updated_at")
_ADDRESS = ("org_id", "contact_id", "name", "channel", "value", "zones")


def _upsert_contacts(statement: Any) -> Any:
    # A conflict is possible here only when another import of the same list runs beside this one: the later row wins.
    changed = {name: statement.excluded[name] for name in ("language", "time_zone", "attributes", "updated_at")}
    statement = statement.on_conflict_do_update(index_elements=["list_id", "user_contact_id"], set_=changed)
    return statement.returning(contacts.c.id, contacts.c.user_contact_id)


def _upsert_addresses(statement: Any) -> Any:
    changed = {name: statement.excluded[name] for name in ("channel", "value", "zones")}
    return statement.on_conflict_do_update(index_elements=["contact_id", "name"], set_=changed)


def _given(types: Mapping[str, Any]) -> Any:
    """Rows that come as one array per column: PostgreSQL takes thousands of them in one short statement."""
    arrays = [sa.bindparam(f"all_{name}", type_=postgresql.ARRAY(kind)) for name, kind in types.items()]
    return (
        sa.func.unnest(*arrays)
        .table_valued(*(sa.column(name, kind) for name, kind in types.items()), name="given")
        .render_derived()
    )


def _contacts_from_arrays() -> Any:
    given = _given(dict.fromkeys(("user_contact_id", "language", "time_zone", "attributes"), sa.Text()))
    now = sa.bindparam("now", type_=Instant())
    rows = sa.select(
        sa.bindparam("org", type_=sa.BigInteger()),
        sa.bindparam("of_list", type_=sa.BigInteger()),
        given.c.user_contact_id,
        given.c.language,
        given.c.time_zone,
        sa.cast(given.c.attributes, sa.JSON),
        now,
        now,
    )
    return _upsert_contacts(postgresql.insert(contacts).from_select(_CONTACT, rows))


def _addresses_from_arrays() -> Any:
    given = _given({"contact_id": sa.BigInteger(), **dict.fromkeys(_ADDRESS[2:], sa.Text())})
    rows = sa.select(sa.bindparam("org", type_=sa.BigInteger()), *(given.c[name] for name in _ADDRESS[1:]))
    return _upsert_addresses(postgresql.insert(addresses).from_select(_ADDRESS, rows))


_SQLITE_CONTACTS, _POSTGRES_CONTACTS = _upsert_contacts(sqlite.insert(contacts)), _contacts_from_arrays()
_SQLITE_ADDRESSES, _POSTGRES_ADDRESSES = _upsert_addresses(sqlite.insert(addresses)), _addresses_from_arrays()


def _existing_in_array() -> Any:
    # A join, not a long IN: with many parameters and no statistics yet, PostgreSQL would compare every contact of the list
    # with every one of them.
    given = _given({"user_contact_id": sa.Text()})
    return _FOUND.join(given, contacts.c.user_contact_id == given.c.user_contact_id)


_FOUND = sa.select(contacts.c.id, contacts.c.user_contact_id, contacts.c.attributes).where(
    contacts.c.list_id == sa.bindparam("of_list")
)
_SQLITE_EXISTING = _FOUND.where(contacts.c.user_contact_id.in_(sa.bindparam("users", expanding=True)))
_POSTGRES_EXISTING = _existing_in_array()


def existing_contacts(connection: sa.Connection, list_id: ContactListId, users: Sequence[str]) -> dict[str, Any]:
    """The rows (id, user_contact_id, attributes) of those that are on the list already, by the user's own id."""
    if connection.dialect.name == "postgresql":
        rows = connection.execute(_POSTGRES_EXISTING, {"of_list": list_id, "all_user_contact_id": list(users)}).all()
        return {row.user_contact_id: row for row in rows}
    found: dict[str, Any] = {}
    for start in range(0, len(users), CHUNK):
        part = connection.execute(_SQLITE_EXISTING, {"of_list": list_id, "users": users[start : start + CHUNK]})
        found.update((row.user_contact_id, row) for row in part)
    return found


def insert_contacts(
    connection: sa.Connection, org_id: OrgId, list_id: ContactListId, now: datetime, rows: Sequence[NewContact]
) -> dict[str, int]:
    """Write contacts that are not on the list yet, each once; returns their ids by the user's own."""
    if not rows:
        return {}
    if connection.dialect.name == "postgresql":
        arrays: dict[str, Any] = {
            "all_user_contact_id": [row.user_contact_id for row in rows],
            "all_language": [row.language for row in rows],
            "all_time_zone": [row.time_zone for row in rows],
            "all_attributes": [json.dumps(dict(row.attributes)) for row in rows],
        }
        inserted = connection.execute(_POSTGRES_CONTACTS, {"org": org_id, "of_list": list_id, "now": now, **arrays})
    else:
        values = [
            {
                "org_id": org_id,
                "list_id": list_id,
                "user_contact_id": row.user_contact_id,
                "language": row.language,
                "time_zone": row.time_zone,
                "attributes": dict(row.attributes),
                "created_at": now,
                "updated_at": now,
            }
            for row in rows
        ]
        inserted = connection.execute(_SQLITE_CONTACTS, values)
    return {user: contact_id for contact_id, user in inserted}


def write_addresses(connection: sa.Connection, org_id: OrgId, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write addresses over those of the same contact and name; no two rows may be for the same."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        arrays = {f"all_{name}": [row[name] for row in rows] for name in _ADDRESS[1:]}
        connection.execute(_POSTGRES_ADDRESSES, {"org": org_id, **arrays})
    else:
        connection.execute(_SQLITE_ADDRESSES, [{"org_id": org_id, **row} for row in rows])
