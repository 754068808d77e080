"""Lists of millions of contacts, made by the database itself in seconds, and what the campaigns of benchmarks ask of them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial

import psycopg
import sqlalchemy as sa

from dialer.domain.ids import ContactListId, OrgId
from dialer.services.knobs import parse_filter, parse_sort
from dialer.store.store import Store
from dialer.store.tables import microseconds
from dialer.store.tx import Tx

CHUNK = 500_000  # rows that one statement fills in

FILTER, ORDER = parse_filter(["city in c1, c3, c5, c7, c9", "age # >= 18"]), parse_sort("age # desc")
"""Half of the contacts, the oldest first: 80 ages from 18 on, all over the list."""

_SQLITE_CONTACTS = """
    WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :last)
    INSERT INTO contacts (org_id, list_id, user_contact_id, language, time_zone, attributes, created_at, updated_at)
    SELECT :org, :list, printf('p%09d', i), 'en', 'Europe/Berlin',
        '{"city": "c' || (i * 40503 / 64 % 10) || '", "age": "' || (18 + i * 2654435761 / 65536 % 80) || '"}', :now, :now FROM n
"""
_POSTGRES_CONTACTS = """
    INSERT INTO contacts (org_id, list_id, user_contact_id, language, time_zone, attributes, created_at, updated_at)
    SELECT :org, :list, 'p' || lpad(i\\:\\:text, 9, '0'), 'en', 'Europe/Berlin',
        json_build_object('city', 'c' || (i * 40503 / 64 % 10), 'age', (18 + i * 2654435761 / 65536 % 80)\\:\\:text), :now, :now
    FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS i
"""
_SQLITE_ADDRESSES = """
    INSERT INTO addresses (org_id, contact_id, name, channel, value, zones)
    SELECT :org, id, 'mobile', 'voice', '+1555' || substr(user_contact_id, 3), 'Europe/Berlin' FROM contacts
    WHERE list_id = :list AND user_contact_id BETWEEN printf('p%09d', :first) AND printf('p%09d', :last)
"""
_POSTGRES_ADDRESSES = """
    INSERT INTO addresses (org_id, contact_id, name, channel, value, zones)
    SELECT :org, id, 'mobile', 'voice', '+1555' || substr(user_contact_id, 3), 'Europe/Berlin' FROM contacts
    WHERE list_id = :list AND user_contact_id BETWEEN 'p' || lpad(CAST(CAST(:first AS bigint) AS text), 9, '0')
        AND 'p' || lpad(CAST(CAST(:last AS bigint) AS text), 9, '0')
"""


def say(text: str) -> None:
    """What is going on: the JSON line has the standard output to itself."""
    print(text, file=sys.stderr, flush=True)


async def put_people(store: Store, org: OrgId, list_id: ContactListId, size: int, *, numbers: bool = False) -> None:
    """Fill a list that is empty; with `numbers` each contact has one, +1555 and eight digits."""
    sqlite = store.url.get_backend_name() == "sqlite"
    texts = [_SQLITE_CONTACTS if sqlite else _POSTGRES_CONTACTS]
    if numbers:
        texts.append(_SQLITE_ADDRESSES if sqlite else _POSTGRES_ADDRESSES)
    for first in range(1, size + 1, CHUNK):
        values = {"org": org, "list": list_id, "first": first, "last": min(first + CHUNK - 1, size)}
        for text in texts:
            await store.write(partial(_fill_in, text, values))


def skip_row_checks(tx: Tx) -> None:
    """Let a PostgreSQL server not look row by row at the list and the organisation, which are there."""
    if tx.connection.dialect.name == "postgresql":
        tx.connection.exec_driver_sql("SET LOCAL session_replication_role = replica")


def new_database(url: str, name: str) -> str:
    """A further database on a server; returns its address."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    made = sa.make_url(url).set(drivername="postgresql+psycopg", database=name)
    return made.render_as_string(hide_password=False)


def _fill_in(text: str, values: Mapping[str, int], tx: Tx) -> None:
    skip_row_checks(tx)
    now = {"now": microseconds(tx.now)} if ":now" in text else {}
    tx.connection.execute(sa.text(text), {**values, **now})
