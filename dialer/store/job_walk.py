"""How a job comes to the contacts of its lists: step by step along an index, each contact once, in the order asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from typing import Any

import sqlalchemy as sa

from dialer.domain.campaign import JobContactState
from dialer.domain.filter import Filter, Sort, attributes_of
from dialer.domain.history import HISTORY_ATTRIBUTES
from dialer.domain.ids import ContactId, JobId
from dialer.store.campaign_json import filter_from_json, sort_from_json
from dialer.store.contact_filter import fits, sort_key
from dialer.store.tables import contacts, job_contacts, jobs, microseconds

LOOK_MOST = 4000
"""Contacts that one claim looks at: a filter that lets nobody through must not hold the database up; the walk goes on later."""

_MINE = sa.select(jobs.c.list_ids, jobs.c.walk, jobs.c.definition, jobs.c.recycled_from, jobs.c.recycled_codes)


@dataclass(slots=True)
class _Walk:
    """How far it has come. In sorted order first, up to the newest contact of that moment; then as imported, for those who
    came later. Whoever has a row in the job is left out. Those that change or appear behind the walk are left to a look back.
    """

    lists: dict[str, int]  # list id -> the last contact that was looked at there
    passed: int  # looked at and left out by the filter
    top: int  # the newest contact when the sorted pass began; 0 = there was none
    sorted_done: bool
    key: Any = None  # the sort key and id of the last contact that was looked at in the sorted pass
    key_id: int = 0
    since: int = 0  # microseconds: whoever has not changed since then is met by the walk itself

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> _Walk:
        return cls(**{name: given[name] for name in cls.__dataclass_fields__ if name in given})

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__} | {"lists": dict(self.lists)}


class JobWalk:
    """The walk of one job. With `hold` nobody else walks or edits it until the commit."""

    def __init__(self, connection: sa.Connection, job_id: JobId, now: datetime, *, hold: bool = False) -> None:
        self._connection, self._job_id = connection, job_id
        query = _MINE.where(jobs.c.id == job_id)
        row = connection.execute(query.with_for_update() if hold else query).one()
        dialect = connection.dialect.name
        self.list_ids: Sequence[int] = row.list_ids
        self._order: Sort | None = sort_from_json(row.definition.get("sort"))
        chosen: Filter = filter_from_json(row.definition.get("filter"))
        # A call of another campaign changes a contact's history, and leaves the contact as it is.
        self._asks_history = any(one in HISTORY_ATTRIBUTES for one in attributes_of(chosen, None))
        self.fits = fits(chosen, dialect)
        if row.recycled_from is not None:
            self.fits = sa.and_(self.fits, _ended_with(row.recycled_from, row.recycled_codes))
        self._down = self._order is not None and self._order.descending
        self._key: sa.ColumnElement[Any] = sa.null() if self._order is None else sort_key(self._order, dialect)
        self._walk = _Walk.from_json(row.walk) if row.walk else self._begin(now)

    def _begin(self, now: datetime) -> _Walk:
        top = 0
        if self._order is not None:
            top = self._connection.scalar(sa.select(sa.func.max(contacts.c.id))) or 0
        return _Walk(lists={}, passed=0, top=top, sorted_done=self._order is None, since=microseconds(now))

    def take(self, limit: int) -> list[tuple[ContactId, int]]:
        """The next contacts, at most `limit`, each with its list; where the walk has come to is written in this transaction."""
        before = self._walk.to_json()
        taken: dict[ContactId, int] = {}
        left = LOOK_MOST
        if not self._walk.sorted_done:
            left = self._take_sorted(taken, limit, left)
        if self._walk.sorted_done:
            for list_id in self.list_ids:
                left = self._take_listed(taken, limit, left, list_id)
        if (after := self._walk.to_json()) != before:
            self._write(after)
        return list(taken.items())

    def _take_listed(self, taken: dict[ContactId, int], limit: int, left: int, list_id: int) -> int:
        while len(taken) < limit and left > 0:
            size = min(left, max(64, limit - len(taken)))
            query = self._rows(list_id).where(contacts.c.id > self._come_to(list_id)).order_by(contacts.c.id).limit(size)
            rows = self._connection.execute(query).all()
            for row in rows:
                self._walk.lists[str(list_id)] = row.id
                self._look(row, taken, list_id)
                left -= 1
                if len(taken) == limit:
                    break
            if len(rows) < size:
                break
        return left

    def _come_to(self, list_id: int) -> int:
        """The last contact of a list that was looked at in the order of the import."""
        return max(self._walk.lists.get(str(list_id), 0), self._walk.top)

    def _take_sorted(self, taken: dict[ContactId, int], limit: int, left: int) -> int:
        while len(taken) < limit and left > 0:
            size = min(left, max(64, limit - len(taken)))
            found = [[(row.key, row.id, row, one) for row in self._sorted_rows(one, size)] for one in self.list_ids]
            rows = list(merge(*found, key=lambda each: each[:2], reverse=self._down))[:size]
            for key, key_id, row, list_id in rows:
                self._walk.key, self._walk.key_id = key, key_id
                self._look(row, taken, list_id)
                left -= 1
                if len(taken) == limit:
                    break
            else:
                if len(rows) < size:
                    self._walk.sorted_done = True
                    break
        return left

    def _sorted_rows(self, list_id: int, size: int) -> list[sa.Row[Any]]:
        """Two questions rather than one: each is a plain range of the index, however many contacts have the same key."""
        down = self._down
        key, by_id = (self._key.desc(), contacts.c.id.desc()) if down else (self._key, contacts.c.id)
        # Reckoned, so that no database takes it for a way to the contacts and sorts all of them.
        at_its_begin = contacts.c.id + 0 <= self._walk.top
        query = self._rows(list_id).add_columns(self._key.label("key")).where(at_its_begin)
        if self._walk.key is None:
            return list(self._connection.execute(query.order_by(key, by_id).limit(size)))
        at, at_id = self._walk.key, self._walk.key_id
        # By the id alone: SQLite does not see that one key is one order, and would sort all that have it.
        same = query.where(self._key == at, contacts.c.id < at_id if down else contacts.c.id > at_id).order_by(by_id)
        rows = list(self._connection.execute(same.limit(size)))
        if len(rows) < size:
            further = query.where(self._key < at if down else self._key > at).order_by(key, by_id)
            rows += self._connection.execute(further.limit(size - len(rows)))
        return rows

    def _rows(self, list_id: int) -> sa.Select[Any]:
        seen = (self._settled().label("settled"), self.fits.label("fits"), self.known().label("known"))
        return sa.select(contacts.c.id, *seen).where(contacts.c.list_id == list_id)

    def _look(self, row: sa.Row[Any], taken: dict[ContactId, int], list_id: int) -> None:
        if row.known is not None:
            return
        if row.fits:
            taken[ContactId(row.id)] = list_id
        elif row.settled or self._walk.sorted_done:  # one that changed may come again under another key: not counted twice
            self._walk.passed += 1

    def would_take(self, contact_id: ContactId) -> int | None:
        """The list of a contact to whom the job has not come yet, and will; None for all others."""
        row = self._one(contact_id)
        return None if row is None else row.list_id

    def take_one(self, contact_id: ContactId) -> int | None:
        """Take a contact out of its turn; returns its list. None: it has a place already, or is left out."""
        row = self._one(contact_id)
        if row is None:
            return None
        if row.gone_by:  # it did not fit when it was looked at, and was counted as left out
            self.taken_behind(1)
        return int(row.list_id)

    def _one(self, contact_id: ContactId) -> sa.Row[Any] | None:
        gone_by = sa.or_(*self._gone_by_import(), sa.and_(contacts.c.id <= self._walk.top, self._behind()))
        mine = sa.select(contacts.c.list_id, gone_by.label("gone_by")).where(contacts.c.id == contact_id)
        mine = mine.where(contacts.c.list_id.in_(self.list_ids), self.fits, self.known().is_(None))
        return self._connection.execute(mine).first()

    def has_more(self) -> bool:
        """Whether the lists hold contacts that have not been looked at."""
        return not self._walk.sorted_done or any(
            self._connection.scalar(
                sa.select(contacts.c.id)
                .where(contacts.c.list_id == list_id, contacts.c.id > self._come_to(list_id))
                .order_by(contacts.c.id)
                .limit(1)
            )
            is not None
            for list_id in self.list_ids
        )

    @property
    def since(self) -> int:
        """Whoever has changed since this moment (microseconds) may have been overlooked; 0 = anybody."""
        return 0 if self._asks_history else self._walk.since

    def looked_back(self, *, since: int) -> None:
        """Up to this moment nobody is overlooked any more."""
        self._walk.since = since
        self._write(self._walk.to_json())

    def taken_behind(self, count: int) -> None:
        """So many that were left out, or never seen, have a place in the job now."""
        self._walk.passed = max(0, self._walk.passed - count)
        self._write(self._walk.to_json())

    def known(self) -> sa.ColumnElement[Any]:
        """The place of a contact in the job, or NULL.

        A scalar subquery, not EXISTS: that one PostgreSQL may turn into a hash of all contacts that the job has ever taken.
        """
        place = sa.select(job_contacts.c.contact_id)
        return place.where(job_contacts.c.job_id == self._job_id, job_contacts.c.contact_id == contacts.c.id).scalar_subquery()

    def forget(self, contact_ids: Sequence[ContactId]) -> None:
        """Count these no more as left out by the filter, as far as they were."""
        looked_at = sa.or_(*self._gone_by_import(), sa.and_(contacts.c.id <= self._walk.top, self._settled(), self._behind()))
        mine = sa.and_(contacts.c.id.in_(contact_ids), contacts.c.list_id.in_(self.list_ids), self.known().is_(None))
        self.taken_behind(self._connection.scalar(sa.select(sa.func.count()).where(mine, looked_at)) or 0)

    def _gone_by_import(self) -> list[sa.ColumnElement[bool]]:
        """Those whom the walk has gone by in the order of the import, list by list."""
        return [
            sa.and_(contacts.c.list_id == list_id, contacts.c.id > self._walk.top, contacts.c.id <= self._come_to(list_id))
            for list_id in self.list_ids
        ]

    def _behind(self) -> sa.ColumnElement[bool]:
        """Whether the sorted pass has gone by a contact."""
        if self._walk.sorted_done:
            return sa.true()
        if self._walk.key is None:
            return sa.false()
        key, key_id = self._walk.key, self._walk.key_id
        if self._down:
            return sa.or_(self._key > key, sa.and_(self._key == key, contacts.c.id >= key_id))
        return sa.or_(self._key < key, sa.and_(self._key == key, contacts.c.id <= key_id))

    def _settled(self) -> sa.ColumnElement[bool]:
        """Whether a contact has not changed since the walk began."""
        return sa.type_coerce(contacts.c.updated_at, sa.BigInteger()) < self._walk.since

    def lets(self, contact_id: ContactId) -> bool:
        """Whether a contact, as it is now, fits the job's filter and, in a recycled job, ended the earlier one as asked for."""
        return self._connection.scalar(sa.select(contacts.c.id).where(contacts.c.id == contact_id, self.fits)) is not None

    @property
    def passed(self) -> int:
        """How many were looked at and left out by the filter."""
        return self._walk.passed

    def _write(self, walk: dict[str, Any]) -> None:
        self._connection.execute(sa.update(jobs).where(jobs.c.id == self._job_id).values(walk=walk))


def _ended_with(job_id: int, codes: Sequence[str]) -> sa.ColumnElement[bool]:
    earlier = job_contacts.alias("earlier")
    place = sa.select(earlier.c.contact_id).where(
        earlier.c.job_id == job_id,
        earlier.c.contact_id == contacts.c.id,
        earlier.c.state == JobContactState.FINISHED.value,
        earlier.c.last_code.in_(codes),
    )
    return place.scalar_subquery().is_not(None)
