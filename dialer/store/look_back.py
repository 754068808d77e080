"""Find the contacts that a job should call and has passed: changed since, or written down late behind it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from dialer.domain.ids import ContactId
from dialer.store.job_walk import JobWalk
from dialer.store.tables import contacts

LATE = timedelta(hours=1)
"""A row bears the time at which its transaction began, and is seen from its commit on; clocks differ, too. Nothing is later."""

CHUNK = 50_000  # changed contacts that one look goes through: a fraction of a second on either database
FOUND_MOST = 500  # contacts that one look finds


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedBack:
    """How far a look back has come: through the job's lists one after the other, in the order of the changes."""

    list_number: int = 0
    updated_at: int = 0  # microseconds
    contact_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlooked:
    """Contacts that were found, each with its list, and where to go on; None = the look back has come to its end."""

    contacts: tuple[tuple[ContactId, int], ...]
    after: LookedBack | None


def look_back(connection: sa.Connection, walk: JobWalk, after: LookedBack | None) -> Overlooked:
    """The next part of a look back. What has not changed since the walk began (or the last look back) it does not read at all."""
    since = walk.since - LATE // timedelta(microseconds=1)
    at = after or LookedBack(updated_at=since)
    list_id = walk.list_ids[at.list_number]
    order = sa.tuple_(sa.type_coerce(contacts.c.updated_at, sa.BigInteger()), contacts.c.id)
    mine = sa.and_(contacts.c.list_id == list_id, order > (at.updated_at, at.contact_id))
    ends = sa.select(sa.type_coerce(contacts.c.updated_at, sa.BigInteger()), contacts.c.id).where(mine)
    end = connection.execute(ends.order_by(contacts.c.updated_at, contacts.c.id).offset(CHUNK - 1).limit(1)).first()
    if end is not None:
        mine = sa.and_(mine, order <= (end[0], end[1]))
    found = connection.scalars(sa.select(contacts.c.id).where(mine, walk.fits, walk.known().is_(None)).limit(FOUND_MOST)).all()
    if found:
        return Overlooked(contacts=tuple((ContactId(one), list_id) for one in found), after=at)
    if end is not None:
        return Overlooked(contacts=(), after=LookedBack(list_number=at.list_number, updated_at=end[0], contact_id=end[1]))
    further = LookedBack(list_number=at.list_number + 1, updated_at=since)
    return Overlooked(contacts=(), after=further if further.list_number < len(walk.list_ids) else None)
