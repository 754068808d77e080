"""Many contacts and addresses into PostgreSQL at once: COPY for what is new, one statement over arrays for what is not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import compress, repeat
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from dialer.domain.contact_batch import ContactBatch
from dialer.domain.ids import ContactListId, OrgId
from dialer.store.tables import microseconds

# LATERAL with a limit: along the index, whatever the server believes about the size of a table that grows by the minute. The ids
# come as one JSON text, which costs us next to nothing.
_EXISTING = """
SELECT found.id, wanted.one, found.attributes FROM json_array_elements_text(%(users)s::json) AS wanted(one)
CROSS JOIN LATERAL (
    SELECT id, attributes::text FROM contacts WHERE list_id = %(list)s AND user_contact_id = wanted.one LIMIT 1
) AS found
"""
_NEXT_IDS = "SELECT array_agg(nextval(pg_get_serial_sequence('contacts', 'id'))) FROM generate_series(1, %(number)s)"
_COPY_CONTACTS = """
COPY contacts (id, org_id, list_id, user_contact_id, language, time_zone, attributes, created_at, updated_at) FROM STDIN
"""
_INSERT = """
INSERT INTO contacts (org_id, list_id, user_contact_id, language, time_zone, attributes, created_at, updated_at)
SELECT %(org)s, %(list)s, one, language, zone, attributes::json, %(now)s, %(now)s
FROM unnest(%(users)s::text[], %(languages)s::text[], %(zones)s::text[], %(attributes)s::text[])
    AS given(one, language, zone, attributes)
ON CONFLICT (list_id, user_contact_id) DO UPDATE SET language = excluded.language, time_zone = excluded.time_zone,
    attributes = excluded.attributes, updated_at = excluded.updated_at
RETURNING user_contact_id, id
"""
_UPDATE = """
UPDATE contacts SET language = given.language, time_zone = given.zone, attributes = given.attributes::json, updated_at = %(now)s
FROM unnest(%(languages)s::text[], %(zones)s::text[], %(attributes)s::text[], %(ids)s::bigint[])
    AS given(language, zone, attributes, id)
WHERE contacts.id = given.id
"""
_COPY_ADDRESSES = "COPY addresses (org_id, contact_id, name, channel, value, zones) FROM STDIN"
_WRITE_ADDRESSES = """
INSERT INTO addresses (org_id, contact_id, name, channel, value, zones) SELECT %(org)s, given.*
FROM unnest(%(ids)s::bigint[], %(names)s::text[], %(channels)s::text[], %(values)s::text[], %(zones)s::text[]) AS given
ON CONFLICT (contact_id, name) DO UPDATE SET channel = excluded.channel, value = excluded.value, zones = excluded.zones
WHERE addresses.channel <> excluded.channel OR addresses.value <> excluded.value OR addresses.zones <> excluded.zones
"""
_DROP_ADDRESSES = """
DELETE FROM addresses USING unnest(%(ids)s::bigint[], %(names)s::text[]) AS given(id, name)
WHERE addresses.contact_id = given.id AND addresses.name = given.name
"""

_SPECIAL = re.compile(r"[\\\n\r\t]")
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


class PostgresContactRows:
    """See `ContactRows`. Another import of the same list may run beside this one: then the later row wins."""

    def __init__(self, connection: sa.Connection, org_id: OrgId, now: datetime) -> None:
        self._driver: Any = connection.connection.driver_connection
        self._dbapi: Any = connection.dialect.loaded_dbapi
        self._org_id, self._now = org_id, microseconds(now)

    def existing(self, list_id: ContactListId, users: Iterable[str]) -> dict[str, tuple[int, str]]:
        """One statement, however many."""
        rows = self._run(_EXISTING, list=list_id, users=json.dumps(list(users))).fetchall()
        return {user: (contact_id, attributes) for contact_id, user, attributes in rows}

    def insert(self, list_id: ContactListId, batch: ContactBatch, places: Sequence[int]) -> list[int]:
        """Copied in; by a slower statement where another import came first."""
        if not places:
            return []
        users, languages, zones, attributes = columns = batch.contact_columns(places)
        ids: list[int] = self._run(_NEXT_IDS, number=len(places)).fetchone()[0]
        texts = map(_escaped, columns)
        owner, now = repeat(f"{self._org_id}\t{list_id}"), repeat(f"{self._now}\t{self._now}")
        if self._copied(_COPY_CONTACTS, _lines((map(str, ids), owner, *texts, now))):
            return ids
        given = {"users": users, "languages": languages, "zones": zones, "attributes": attributes}
        found = dict(self._run(_INSERT, org=self._org_id, list=list_id, now=self._now, **given).fetchall())
        return [found[user] for user in users]

    def update(self, changes: Sequence[tuple[str, str, str, int]]) -> None:
        """By id."""
        if changes:
            self._run(_UPDATE, now=self._now, **_columns(("languages", "zones", "attributes", "ids"), changes))

    def insert_addresses(self, batch: ContactBatch, ids: Sequence[int]) -> None:
        """Copied in; by a slower statement where another import came first."""
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
            self._run(_WRITE_ADDRESSES, org=self._org_id, **_columns(("ids", "names", "channels", "values", "zones"), rows))

    def drop_addresses(self, named: Sequence[tuple[int, str]]) -> None:
        """By contact and name."""
        if named:
            self._run(_DROP_ADDRESSES, **_columns(("ids", "names"), named))

    def _run(self, statement: str, **values: Any) -> Any:
        # Not prepared: a plan that was made while the tables were small would be kept while they grow.
        with self._errors(statement):
            return self._driver.execute(statement, values, prepare=False)

    def _copied(self, statement: str, text: str) -> bool:
        """Whether it went in; when a row of the same key was there first, nothing of it did."""
        with self._errors(statement):
            self._driver.execute("SAVEPOINT copied")
            try:
                with self._driver.cursor().copy(statement) as copy:
                    copy.write(text)
            except self._dbapi.IntegrityError:
                self._driver.execute("ROLLBACK TO SAVEPOINT copied")
                return False
            self._driver.execute("RELEASE SAVEPOINT copied")
        return True

    @contextmanager
    def _errors(self, statement: str) -> Iterator[None]:
        """The driver's errors as the rest of the store expects them."""
        try:
            yield
        except self._dbapi.Error as exc:
            raise DBAPIError.instance(statement, None, exc, self._dbapi.Error, hide_parameters=True) from exc


def _columns(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def _lines(columns: Iterable[Iterable[str]]) -> str:
    """The text format of COPY."""
    return "\n".join(map("\t".join, zip(*columns, strict=False))) + "\n"


def _escaped(column: Sequence[str]) -> Sequence[str]:
    if not _SPECIAL.search("".join(column)):
        return column
    return [one.translate(_ESCAPES) if _SPECIAL.search(one) else one for one in column]
