"""The do-not-call lists that bind an organisation: its own, and those common to all."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dialer.domain.contact import Address
from dialer.domain.dnc import ALWAYS, CUSTOMER_ATTRIBUTE, DncEntry, DncKind
from dialer.domain.ids import CampaignId, ContactId
from dialer.store.dnc_lists import DncLists
from dialer.store.tables import Instant, contacts, microseconds
from dialer.store.tables_dnc import campaign_dnc_groups, dnc_entries, dnc_group_lists, dnc_lists

CHUNK = 5000  # ids per statement

_BINDING_LISTS = sa.union(
    sa.select(dnc_lists.c.id).where(
        dnc_lists.c.name_key == ALWAYS, sa.or_(dnc_lists.c.org_id == sa.bindparam("org"), dnc_lists.c.org_id.is_(None))
    ),
    sa.select(dnc_group_lists.c.list_id)
    .join(campaign_dnc_groups, campaign_dnc_groups.c.group_id == dnc_group_lists.c.group_id)
    .where(campaign_dnc_groups.c.campaign_id == sa.bindparam("campaign")),
)
# What is asked for comes as one JSON text, and each database goes through it once, along the index, whatever it
# believes about the size of the table: hence CROSS JOIN, and LATERAL with a limit (there are three kinds).
_FOUND = {
    "sqlite": """
        SELECT e.id, e.kind, e.value, e.ends_at
        FROM json_each(:wanted) AS wanted CROSS JOIN json_each(:lists) AS lists
        CROSS JOIN dnc_entries AS e ON e.list_id = lists.value AND e.value = wanted.value
    """,
    "postgresql": """
        SELECT e.id, e.kind, e.value, e.ends_at
        FROM json_array_elements_text(CAST(:wanted AS json)) AS wanted(one)
        CROSS JOIN json_array_elements_text(CAST(:lists AS json)) AS lists(one)
        CROSS JOIN LATERAL (
            SELECT id, kind, value, ends_at FROM dnc_entries
            WHERE list_id = CAST(lists.one AS bigint) AND value = wanted.one LIMIT 3
        ) AS e
    """,
}
_INSERT = """
    INSERT INTO dnc_entries (list_id, kind, value, reason, created_at, ends_at)
    SELECT CAST(:list AS BIGINT), :kind, value, reason, CAST(:now AS BIGINT), CAST(:ends_at AS BIGINT)
    FROM ({given}) AS given WHERE true
    ON CONFLICT (list_id, value, kind) DO NOTHING
"""
_GIVEN = {
    "sqlite": "SELECT json_extract(value, '$[0]') AS value, json_extract(value, '$[1]') AS reason FROM json_each(:entries)",
    "postgresql": "SELECT one->>0 AS value, one->>1 AS reason FROM json_array_elements(CAST(:entries AS json)) AS entries(one)",
}
_STATEMENTS = {name: (sa.text(_FOUND[name]), sa.text(_INSERT.format(given=_GIVEN[name]))) for name in _FOUND}
_PEOPLE = sa.select(contacts.c.id, contacts.c.user_contact_id, contacts.c.attributes).where(
    contacts.c.org_id == sa.bindparam("org"), contacts.c.id.in_(sa.bindparam("ids", expanding=True))
)


class Dnc(DncLists):
    """Entries of one list: the organisation's own that always applies, or the one chosen with `on`."""

    def add(
        self, value: str, *, reason: str = "", kind: DncKind = DncKind.ADDRESS, ends_at: datetime | None = None,
        now: datetime | None = None,
    ) -> bool:  # fmt: skip
        """From the commit on, no call to it is launched. False when it was listed already (its reason stays).

        An entry that is there lasts at least until `ends_at` afterwards: adding again never makes one shorter.
        """
        return self.add_many([(value, reason)], kind=kind, ends_at=ends_at, now=now) == 1

    def add_many(
        self, entries: Iterable[tuple[str, str]], *, kind: DncKind = DncKind.ADDRESS, ends_at: datetime | None = None,
        now: datetime | None = None,
    ) -> int:  # fmt: skip
        """List many, each with its reason; returns how many are new."""
        at = now or self._now
        unique: dict[str, str] = {}
        for value, reason in entries:
            unique.setdefault(value, reason)
        if not unique:
            return 0
        list_id = self._ensure_list()
        added = self._insert(list_id, unique, kind, ends_at, at)
        if added < len(unique):
            before = [row for row in self._mine_among(list_id, unique, kind) if row.ends_at is not None]
            over = {row.value: row.id for row in before if row.ends_at <= at} if ends_at is None or ends_at > at else {}
            if over:  # they stand in the way of new ones
                self._execute_for(sa.delete(dnc_entries), list(over.values()))
                added += self._insert(list_id, {value: unique[value] for value in over}, kind, ends_at, at)
            shorter = [row.id for row in before if row.value not in over and (ends_at is None or row.ends_at < ends_at)]
            self._execute_for(sa.update(dnc_entries).values(ends_at=ends_at), shorter)
        return added

    def _insert(self, list_id: int, wanted: Mapping[str, str], kind: DncKind, ends_at: datetime | None, at: datetime) -> int:
        """Those that are not there, not even as an entry whose time is over; how many they are."""
        values = {
            "list": list_id,
            "kind": kind.value,
            "entries": json.dumps(list(wanted.items())),
            "now": microseconds(at),
            "ends_at": None if ends_at is None else microseconds(ends_at),
        }
        return self._connection.execute(_STATEMENTS[self._connection.dialect.name][1], values).rowcount

    def _mine_among(self, list_id: int, wanted: Iterable[str], kind: DncKind) -> list[sa.Row[Any]]:
        return [row for row in self._entries([list_id], wanted) if row.kind == kind]

    def _execute_for(self, statement: sa.Delete | sa.Update, ids: Sequence[int]) -> None:
        for start in range(0, len(ids), CHUNK):
            self._connection.execute(statement.where(dnc_entries.c.id.in_(ids[start : start + CHUNK])))

    def holds(self, values: Collection[str], *, now: datetime) -> set[str]:
        """Which of these addresses stand on this very list, and their time is not over."""
        found = self._mine_among(self._list_id(), values, DncKind.ADDRESS)
        return {row.value for row in found if row.ends_at is None or row.ends_at > now}

    def remove(self, value: str, *, kind: DncKind = DncKind.ADDRESS) -> bool:
        """Allow calls again. False when it was not listed."""
        statement = sa.delete(dnc_entries).where(
            dnc_entries.c.list_id == self._list_id(), dnc_entries.c.value == value, dnc_entries.c.kind == kind.value
        )
        return self._connection.execute(statement).rowcount == 1

    def listed(self, numbers: Collection[str], *, campaign_id: CampaignId | None = None, now: datetime | None = None) -> set[str]:
        """Which of these addresses stand on a list that binds the organisation (and the campaign, if one is given) now."""
        found = self._found(list(numbers), campaign_id, now or self._now)
        return {value for kind, value in found if kind == DncKind.ADDRESS}

    def listed_for(
        self, owned: Mapping[ContactId, Sequence[Address]], *, campaign_id: CampaignId, now: datetime
    ) -> dict[ContactId, frozenset[str]]:
        """Which of each contact's addresses may not be used for this campaign now, by whatever kind of entry.

        "" is among them when the person itself is listed, who may then not be reached without an address either.

        Asked in the transaction that writes the intents, for a whole batch: three statements, each through an index.
        """
        lists = self._binding(campaign_id)
        people: dict[ContactId, tuple[str, str]] = {}
        if lists:
            rows = self._connection.execute(_PEOPLE, {"org": self._org_id, "ids": list(owned)})
            people = {ContactId(row.id): (row.user_contact_id, _customer_of(row.attributes)) for row in rows}
        wanted = {one.value for addresses in owned.values() for one in addresses}
        wanted.update(word for names in people.values() for word in names if word)
        found = self._on(lists, list(wanted), now)
        blocked: dict[ContactId, frozenset[str]] = {}
        for contact_id, addresses in owned.items():
            user_id, customer = people.get(contact_id, ("", ""))
            whole = (DncKind.CONTACT, user_id) in found or (DncKind.CUSTOMER, customer) in found
            mine = {one.value for one in addresses if whole or (DncKind.ADDRESS, one.value) in found}
            blocked[contact_id] = frozenset(mine | {""} if whole else mine)
        return blocked

    def get(self, value: str, *, kind: DncKind = DncKind.ADDRESS) -> DncEntry | None:
        """The entry of an address, a contact or a customer."""
        row = self._connection.execute(self._mine().where(dnc_entries.c.value == value, dnc_entries.c.kind == kind.value)).first()
        return None if row is None else _entry(row)

    def page(self, *, after: str = "", limit: int = 100) -> list[DncEntry]:
        """Entries in the order of their values, from behind `after` on."""
        query = self._mine().where(dnc_entries.c.value > after).order_by(dnc_entries.c.value).limit(limit)
        return [_entry(row) for row in self._connection.execute(query)]

    def entries(self, list_id: int, *, after: tuple[str, str], limit: int) -> list[DncEntry]:
        """Entries of any list that `lists` tells, in the order of value and kind, from behind `after` on."""
        query = sa.select(dnc_entries).where(
            dnc_entries.c.list_id == list_id, sa.tuple_(dnc_entries.c.value, dnc_entries.c.kind) > after
        )
        rows = self._connection.execute(query.order_by(dnc_entries.c.value, dnc_entries.c.kind).limit(limit))
        return [_entry(row) for row in rows]

    def count(self) -> int:
        """How many entries the list has."""
        query = sa.select(sa.func.count()).select_from(dnc_entries).where(dnc_entries.c.list_id == self._list_id())
        return self._connection.scalar(query) or 0

    def _binding(self, campaign_id: CampaignId | None) -> list[int]:
        return list(self._connection.scalars(_BINDING_LISTS, {"org": self._org_id, "campaign": campaign_id}))

    def _found(self, wanted: list[str], campaign_id: CampaignId | None, now: datetime) -> set[tuple[str, str]]:
        return self._on(self._binding(campaign_id), wanted, now)

    def _on(self, lists: list[int], wanted: Iterable[str], now: datetime) -> set[tuple[str, str]]:
        found = self._entries(lists, wanted)
        return {(row.kind, row.value) for row in found if row.ends_at is None or row.ends_at > now}

    def _entries(self, lists: list[int], wanted: Iterable[str]) -> list[sa.Row[Any]]:
        """What stands on these lists of these values, whether its time is over or not."""
        values = list(wanted)
        if not lists or not values:
            return []
        find = _STATEMENTS[self._connection.dialect.name][0].columns(ends_at=Instant())
        return list(self._connection.execute(find, {"lists": json.dumps(lists), "wanted": json.dumps(values)}))

    def _mine(self) -> sa.Select[Any]:
        return sa.select(dnc_entries).where(dnc_entries.c.list_id == self._list_id())


def _customer_of(attributes: Mapping[str, Any]) -> str:
    return str(attributes.get(CUSTOMER_ATTRIBUTE) or "")


def _entry(row: sa.Row[Any]) -> DncEntry:
    return DncEntry(value=row.value, reason=row.reason, created_at=row.created_at, kind=DncKind(row.kind), ends_at=row.ends_at)
