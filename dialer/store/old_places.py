"""The places of contacts in jobs that are over; the jobs keep how many there were."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from dialer.domain.campaign import JobState
from dialer.store.old_rows import Key, OldRow, Page, line_of
from dialer.store.tables import job_contacts, jobs

_OPEN = jobs.alias("open_jobs")


class OldPlaces:
    """Job by job, for so each page is a range of the primary key."""

    def __init__(self, connection: sa.Connection, cutoff: datetime) -> None:
        self._connection = connection
        recycled = sa.exists().where(_OPEN.c.recycled_from == jobs.c.id, _OPEN.c.state != JobState.COMPLETED.value)
        over = sa.and_(jobs.c.state == JobState.COMPLETED.value, jobs.c.ended_at < cutoff, ~recycled)
        self._jobs = sa.select(jobs.c.id, jobs.c.ended_at).where(over).order_by(jobs.c.id)

    def page(self, after: Key | None, limit: int) -> Page:
        """See OldRows."""
        job_id, contact_id = after or (0, 0)
        found: list[OldRow] = []
        for job in self._connection.execute(self._jobs.where(jobs.c.id >= job_id)).all():
            behind = contact_id if job.id == job_id else 0
            mine = sa.and_(job_contacts.c.job_id == job.id, job_contacts.c.contact_id > behind)
            query = sa.select(job_contacts).where(mine).order_by(job_contacts.c.contact_id).limit(limit - len(found))
            for row in self._connection.execute(query):
                found.append(OldRow((row.job_id, row.contact_id), line_of("job_contacts", row), job.ended_at))
            if len(found) == limit:
                return Page(found, found[-1].key)
        return Page(found, None)

    def remove(self, archived: Mapping[Key, bytes]) -> int:
        """See OldRows."""
        of_job: defaultdict[int, list[int]] = defaultdict(list)
        for job_id, contact_id in archived:
            of_job[job_id].append(contact_id)
        over = {row.id for row in self._connection.execute(self._jobs.where(jobs.c.id.in_(list(of_job))))}
        return sum(self._remove_of(job_id, contacts, archived) for job_id, contacts in of_job.items() if job_id in over)

    def _remove_of(self, job_id: int, contact_ids: list[int], archived: Mapping[Key, bytes]) -> int:
        mine = sa.and_(job_contacts.c.job_id == job_id, job_contacts.c.contact_id.in_(contact_ids))
        rows = self._connection.execute(sa.select(job_contacts).where(mine)).all()
        same = [
            row for row in rows if archived[row.job_id, row.contact_id] == OldRow((), line_of("job_contacts", row), None).digest
        ]
        if not same:
            return 0
        held = self._connection.scalar(sa.select(jobs.c.archived).where(jobs.c.id == job_id).with_for_update())
        counts = Counter(held or {}) + Counter(row.state for row in same)
        counts["on_lists"] += sum(row.list_id is not None for row in same)
        self._connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(archived=dict(counts)))
        gone = [row.contact_id for row in same]
        here = sa.and_(job_contacts.c.job_id == job_id, job_contacts.c.contact_id.in_(gone))
        return self._connection.execute(sa.delete(job_contacts).where(here)).rowcount
