"""How a job comes to the contacts of its lists: step by step along an index, each contact once, in the order asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import merge
from typing import Any

import sqlalchemy as sa

from dialer.domain.campaign import JobContactState
from dialer.domain.filter import Filter, Sort
from dialer.domain.ids import ContactId, JobId
from dialer.store.campaign_json import filter_from_json, sort_from_json
from dialer.store.contact_filter import fits, sort_key
from dialer.store.tables import contacts, job_contacts, jobs

LOOK_MOST = 4000
"""Contacts that one claim looks at: a filter that lets nobody through must not hold the database up; the walk goes on later."""

_MINE = sa.select(jobs.c.list_ids, jobs.c.walk, jobs.c.definition, jobs.c.recycled_from, jobs.c.recycled_codes)


@dataclass(slots=True)
class _Walk:
    """How far it has come. In sorted order first, up to the newest contact of that moment; then as imported, for those who
    came later: whoever has a row in the job, or was looked at in the first pass, is left out.
    """

    lists: dict[str, int]  # list id -> the last contact that was looked at there
    passed: int  # looked at and left out by the filter
    top: int  # the newest contact when the sorted pass began; 0 = there was none
    sorted_done: bool
    key: Any = None  # the sort key and id of the last contact that was looked at in the sorted pass
    key_id: int = 0

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


class JobWalk:
    """The walk of one job. With `hold` nobody else walks or edits it until the commit."""

    def __init__(self, connection: sa.Connection, job_id: JobId, *, hold: bool = False) -> None:
        self._connection, self._job_id = connection, job_id
        query = _MINE.where(jobs.c.id == job_id)
        row = connection.execute(query.with_for_update() if hold else query).one()
        dialect = connection.dialect.name
        self._list_ids: Sequence[int] = row.list_ids
        self._order: Sort | None = sort_from_json(row.definition.get("sort"))
        chosen: Filter = filter_from_json(row.definition.get("filter"))
        self._fits = fits(chosen, dialect)
        if row.recycled_from is not None:
            self._fits = sa.and_(self._fits, _ended_with(row.recycled_from, row.recycled_codes))
        self._down = self._order is not None and self._order.descending
        self._key: sa.ColumnElement[Any] = sa.null() if self._order is None else sort_key(self._order, dialect)
        self._walk = _Walk(**row.walk) if row.walk else self._begin()

    def _begin(self) -> _Walk:
        top = 0
        if self._order is not None:
            top = self._connection.scalar(sa.select(sa.func.max(contacts.c.id))) or 0
        return _Walk(lists={}, passed=0, top=top, sorted_done=self._order is None)

    def take(self, limit: int) -> list[ContactId]:
        """The next contacts, at most `limit`; where the walk has come to is written in this transaction."""
        before = self._walk.to_json() | {"lists": dict(self._walk.lists)}
        taken: list[ContactId] = []
        left = LOOK_MOST
        if not self._walk.sorted_done:
            left = self._take_sorted(taken, limit, left)
        if self._walk.sorted_done:
            for list_id in self._list_ids:
                left = self._take_listed(taken, limit, left, list_id)
        if (after := self._walk.to_json()) != before:
            self._connection.execute(sa.update(jobs).where(jobs.c.id == self._job_id).values(walk=after))
        return taken

    def _take_listed(self, taken: list[ContactId], limit: int, left: int, list_id: int) -> int:
        while len(taken) < limit and left > 0:
            after = self._walk.lists.get(str(list_id), 0)
            size = min(left, max(64, limit - len(taken)))
            query = self._rows(list_id).where(contacts.c.id > after).order_by(contacts.c.id).limit(size)
            rows = self._connection.execute(query).all()
            for row in rows:
                self._walk.lists[str(list_id)] = row.id
                self._look(row, taken, counts=row.id > self._walk.top)
                left -= 1
                if len(taken) == limit:
                    break
            if len(rows) < size:
                break
        return left

    def _take_sorted(self, taken: list[ContactId], limit: int, left: int) -> int:
        while len(taken) < limit and left > 0:
            size = min(left, max(64, limit - len(taken)))
            found = [self._sorted_rows(list_id, size) for list_id in self._list_ids]
            rows = list(merge(*found, key=lambda row: (row.key, row.id), reverse=self._down))[:size]
            for row in rows:
                self._walk.key, self._walk.key_id = row.key, row.id
                self._look(row, taken, counts=True)
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
        by = [self._key.desc(), contacts.c.id.desc()] if down else [self._key, contacts.c.id]
        query = self._rows(list_id).add_columns(self._key.label("key")).where(contacts.c.id <= self._walk.top).order_by(*by)
        if self._walk.key is None:
            return list(self._connection.execute(query.limit(size)))
        at, at_id = self._walk.key, self._walk.key_id
        same = query.where(self._key == at, contacts.c.id < at_id if down else contacts.c.id > at_id)
        rows = list(self._connection.execute(same.limit(size)))
        if len(rows) < size:
            further = query.where(self._key < at if down else self._key > at)
            rows += self._connection.execute(further.limit(size - len(rows)))
        return rows

    def _rows(self, list_id: int) -> sa.Select[Any]:
        return sa.select(contacts.c.id, self._fits.label("fits"), self._known().label("known")).where(
            contacts.c.list_id == list_id
        )

    def _look(self, row: sa.Row[Any], taken: list[ContactId], *, counts: bool) -> None:
        if row.known or row.id in taken:  # the sorted pass may have taken it a moment ago, in this very claim
            return
        if row.fits:
            taken.append(ContactId(row.id))
        elif counts:
            self._walk.passed += 1

    def has_more(self) -> bool:
        """Whether the lists hold contacts that have not been looked at."""
        return not self._walk.sorted_done or any(
            self._connection.scalar(
                sa.select(contacts.c.id)
                .where(contacts.c.list_id == list_id, contacts.c.id > self._walk.lists.get(str(list_id), 0))
                .limit(1)
            )
            is not None
            for list_id in self._list_ids
        )

    def has_missed(self) -> bool:
        """Whether a contact that fits was overlooked: committed late behind the walk, or changed since. Looks at all of them."""
        return any(
            self._connection.scalar(
                sa.select(contacts.c.id).where(contacts.c.list_id == list_id, self._fits, ~self._known()).limit(1)
            )
            is not None
            for list_id in self._list_ids
        )

    def _known(self) -> sa.ColumnElement[bool]:
        return sa.exists().where(job_contacts.c.job_id == self._job_id, job_contacts.c.contact_id == contacts.c.id)

    def untouched(self) -> tuple[int, int]:
        """How many contacts have not been looked at, and how many were left out by the filter."""
        on_lists = sa.select(sa.func.count()).where(contacts.c.list_id.in_(self._list_ids))
        rows = sa.select(sa.func.count()).where(job_contacts.c.job_id == self._job_id)
        total, taken = self._connection.scalar(on_lists) or 0, self._connection.scalar(rows) or 0
        return max(0, total - taken - self._walk.passed), self._walk.passed


def begin_again(connection: sa.Connection, job_id: JobId) -> None:
    """Walk the lists from their beginning: after an edit of the filter or the lists, contacts left out may fit now."""
    connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(walk=sa.null()))


def _ended_with(job_id: int, codes: Sequence[str]) -> sa.ColumnElement[bool]:
    earlier = job_contacts.alias("earlier")
    return sa.exists().where(
        earlier.c.job_id == job_id,
        earlier.c.contact_id == contacts.c.id,
        earlier.c.state == JobContactState.FINISHED.value,
        earlier.c.last_code.in_(codes),
    )
