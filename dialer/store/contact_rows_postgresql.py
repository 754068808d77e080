"""Many contacts and addresses into PostgreSQL at once: COPY for what is new, one statement over arrays for what is not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import compress, repeat
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

from dialer.domain.contact_batch import ContactBatch
from dialer.domain.ids import ContactListId, OrgId
from dialer.store.tables import Instant, addresses, contacts, microseconds

_CONTACT = ("org_id", "list_id", "user_contact_id", "language", "time_zone", "attributes", "created_at", "updated_at")
_ADDRESS = ("org_id", "contact_id", "name", "channel", "value", "zones")
_COPY_CONTACTS = f"COPY contacts (id, {', '.join(_CONTACT)}) FROM STDIN"
_COPY_ADDRESSES = f"COPY addresses ({', '.join(_ADDRESS)}) FROM STDIN"

_SPECIAL = re.compile(r"[\\\n\r\t]")
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def _given(types: Mapping[str, Any]) -> Any:
    """Rows that come as one array per column: PostgreSQL takes thousands of them in one short statement."""
    arrays = [sa.bindparam(f"all_{name}", type_=postgresql.ARRAY(kind)) for name, kind in types.items()]
    return (
        sa.func.unnest(*arrays)
        .table_valued(*(sa.column(name, kind) for name, kind in types.items()), name="given")
        .render_derived()
    )


def _insert_contacts() -> Any:
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
    statement = postgresql.insert(contacts).from_select(_CONTACT, rows)
    changed = {name: statement.excluded[name] for name in ("language", "time_zone", "attributes", "updated_at")}
    statement = statement.on_conflict_do_update(index_elements=["list_id", "user_contact_id"], set_=changed)
    return statement.returning(contacts.c.id, contacts.c.user_contact_id)


def _update_contacts() -> Any:
    given = _given({"id": sa.BigInteger(), **dict.fromkeys(("language", "time_zone", "attributes"), sa.Text())})
    return (
        sa.update(contacts)
        .where(contacts.c.id == given.c.id)
        .values(
            language=given.c.language,
            time_zone=given.c.time_zone,
            attributes=sa.cast(given.c.attributes, sa.JSON),
            updated_at=sa.bindparam("now", type_=Instant()),
        )
    )


def _write_addresses() -> Any:
    given = _given({"contact_id": sa.BigInteger(), **dict.fromkeys(_ADDRESS[2:], sa.Text())})
    rows = sa.select(sa.bindparam("org", type_=sa.BigInteger()), *(given.c[name] for name in _ADDRESS[1:]))
    statement = postgresql.insert(addresses).from_select(_ADDRESS, rows)
    names = ("channel", "value", "zones")
    return statement.on_conflict_do_update(
        index_elements=["contact_id", "name"],
        set_={name: statement.excluded[name] for name in names},
        # An address that is as it was leaves no dead row behind.
        where=sa.or_(*(addresses.c[name] != statement.excluded[name] for name in names)),
    )


def _existing_contacts() -> Any:
    # A join with a set, not a long IN: with many parameters and no statistics yet, PostgreSQL would compare every contact of
    # the list with every one of them. The set comes as one JSON text, which costs the client next to nothing.
    wanted = sa.func.json_array_elements_text(sa.cast(sa.bindparam("users", type_=sa.Text()), postgresql.JSON))
    given = wanted.table_valued("user_contact_id", name="given").render_derived()
    found = sa.select(contacts.c.id, contacts.c.user_contact_id, sa.cast(contacts.c.attributes, sa.Text))
    return found.join(given, contacts.c.user_contact_id == given.c.user_contact_id).where(
        contacts.c.list_id == sa.bindparam("of_list")
    )


def _drop_addresses() -> Any:
    given = _given({"contact_id": sa.BigInteger(), "name": sa.Text()})
    return sa.delete(addresses).where(addresses.c.contact_id == given.c.contact_id, addresses.c.name == given.c.name)


_EXISTING, _INSERT, _UPDATE = _existing_contacts(), _insert_contacts(), _update_contacts()
_WRITE_ADDRESSES, _DROP_ADDRESSES = _write_addresses(), _drop_addresses()
_NEXT_IDS = sa.text("SELECT array_agg(nextval(pg_get_serial_sequence('contacts', 'id'))) FROM generate_series(1, :number)")


class PostgresContactRows:
    """See `ContactRows`. Another import of the same list may run beside this one: then the later row wins."""

    def __init__(self, connection: sa.Connection, org_id: OrgId, now: datetime) -> None:
        self._connection, self._org_id, self._now = connection, org_id, now

    def existing(self, list_id: ContactListId, users: Iterable[str]) -> dict[str, tuple[int, str]]:
        """One statement, however many."""
        rows = self._connection.execute(_EXISTING, {"of_list": list_id, "users": json.dumps(list(users))})
        return {user: (contact_id, attributes) for contact_id, user, attributes in rows}

    def insert(self, list_id: ContactListId, batch: ContactBatch, places: Sequence[int]) -> list[int]:
        """Copied in; one by one where another import came first."""
        if not places:
            return []
        chosen = batch if len(places) == len(batch.users) else batch.only(places)
        ids = list(self._connection.scalar(_NEXT_IDS, {"number": len(places)}) or ())
        texts = (chosen.users, chosen.languages, chosen.time_zones, chosen.attributes)
        now = str(microseconds(self._now))
        columns = (map(str, ids), repeat(f"{self._org_id}\t{list_id}"), *map(_escaped, texts), repeat(f"{now}\t{now}"))
        if self._copied(_COPY_CONTACTS, _lines(columns)):
            return ids
        arrays = {f"all_{name}": column for name, column in zip(_CONTACT[2:6], texts, strict=True)}
        rows = self._connection.execute(_INSERT, {"org": self._org_id, "of_list": list_id, "now": self._now, **arrays})
        found = {user: int(contact_id) for contact_id, user in rows}
        return [found[user] for user in chosen.users]

    def update(self, changes: Sequence[tuple[str, str, str, int]]) -> None:
        """By id."""
        if changes:
            arrays = _arrays(("language", "time_zone", "attributes", "id"), changes)
            self._connection.execute(_UPDATE, {"now": self._now, **arrays})

    def insert_addresses(self, batch: ContactBatch, ids: Sequence[int]) -> None:
        """Copied in; one by one where another import came first."""
        wanted = [bool(value and ids[owner]) for owner, value in zip(batch.owners, batch.values, strict=True)]
        contact_ids = [ids[owner] for owner in compress(batch.owners, wanted)]
        if not contact_ids:
            return
        names, channels = list(compress(batch.names, wanted)), list(compress(batch.channels, wanted))
        values, zones = list(compress(batch.values, wanted)), list(compress(batch.zones, wanted))
        texts = map(_escaped, (names, channels, values, zones))
        if not self._copied(_COPY_ADDRESSES, _lines((repeat(str(self._org_id)), map(str, contact_ids), *texts))):
            self.write_addresses(list(zip(contact_ids, names, channels, values, zones, strict=True)))

    def write_addresses(self, rows: Sequence[tuple[int, str, str, str, str]]) -> None:
        """An address that is as it was costs no write."""
        if rows:
            self._connection.execute(_WRITE_ADDRESSES, {"org": self._org_id, **_arrays(_ADDRESS[1:], rows)})

    def drop_addresses(self, named: Sequence[tuple[int, str]]) -> None:
        """By contact and name."""
        if named:
            self._connection.execute(_DROP_ADDRESSES, _arrays(("contact_id", "name"), named))

    def _copied(self, statement: str, text: str) -> bool:
        """Whether it went in; when a row of the same key was there first, nothing of it did."""
        driver: Any = self._connection.connection.driver_connection
        dbapi: Any = self._connection.dialect.loaded_dbapi
        try:
            driver.execute("SAVEPOINT copied")
            try:
                with driver.cursor().copy(statement) as copy:
                    copy.write(text)
            except dbapi.IntegrityError:
                driver.execute("ROLLBACK TO SAVEPOINT copied")
                return False
            driver.execute("RELEASE SAVEPOINT copied")
        except dbapi.Error as exc:  # as the rest of the store expects it
            raise DBAPIError.instance(statement, None, exc, dbapi.Error) from exc
        return True


def _arrays(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    return {f"all_{name}": list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def _lines(columns: Iterable[Iterable[str]]) -> str:
    """The text format of COPY."""
    return "\n".join(map("\t".join, zip(*columns, strict=False))) + "\n"


def _escaped(column: Sequence[str]) -> Sequence[str]:
    if not _SPECIAL.search("".join(column)):
        return column
    return [one.translate(_ESCAPES) if _SPECIAL.search(one) else one for one in column]
