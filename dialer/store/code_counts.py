"""How often the attempts of a job ended with which code: in all, and in the last minutes; counted when a code is written."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from dialer.domain.attempt import Attempt
from dialer.domain.hold import MINUTES_MOST
from dialer.domain.ids import JobId
from dialer.store.known_statement import KnownStatement
from dialer.store.tables import job_code_counts, job_code_marks, microseconds

SLOT = timedelta(seconds=5)
"""The last minutes are counted to so much: the slot in which they begin is in them as a whole."""

KEPT = timedelta(minutes=MINUTES_MOST) + SLOT

_COUNT = job_code_counts.c
_OF = sa.and_(_COUNT.job_id == sa.bindparam("job"), _COUNT.code == sa.bindparam("of_code"))
_COUNT_UP = KnownStatement(
    sa.update(job_code_counts).where(_OF, _COUNT.slot >= sa.bindparam("this")).values(count=_COUNT.count + 1)
)
_OPEN_SLOT = sa.update(job_code_counts).where(_OF).values(count=_COUNT.count + 1, slot=sa.bindparam("this"))
_COUNT_DOWN = sa.update(job_code_counts).where(_OF).values(count=_COUNT.count - 1).returning(_COUNT.count)
_MARK = job_code_marks.c
_MARKS_OF = sa.and_(_MARK.job_id == sa.bindparam("job"), _MARK.code == sa.bindparam("of_code"))
_MARK_DOWN = sa.update(job_code_marks).where(_MARKS_OF, _MARK.slot > sa.bindparam("since"))
_MARK_DOWN = _MARK_DOWN.values(count_before=_MARK.count_before - 1)
_OLD_MARKS = sa.delete(job_code_marks).where(_MARKS_OF, _MARK.slot < sa.bindparam("before"))
_NEW_COUNT, _NEW_MARK = sa.insert(job_code_counts), sa.insert(job_code_marks)
_COUNTED = sa.select(_COUNT.count).where(_OF).with_for_update()


class CodeCounts:
    """The counts of all jobs.

    Beside each count stands what it was when each slot of time began in which the code came up. The codes of the last minutes
    are the difference: their number makes no difference to what it costs to know it, and all but the first code of a slot
    cost one statement to count.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, job_id: JobId, code: str, at: datetime) -> None:
        """One more attempt of this job ended with this code."""
        this = slot_of(at)
        given = {"job": job_id, "of_code": code}
        if _COUNT_UP.execute(self._connection, {**given, "this": this}):
            return
        before = self._connection.scalar(_COUNTED, given)
        if before is None:
            row = {"job_id": job_id, "code": code, "count": 1, "slot": this}
            self._connection.execute(_NEW_COUNT, row)
        else:
            self._connection.execute(_OPEN_SLOT, {**given, "this": this})
        mark = {"job_id": job_id, "code": code, "slot": this, "count_before": before or 0}
        self._connection.execute(_NEW_MARK, mark)
        self._connection.execute(_OLD_MARKS, {**given, "before": slot_of(at - KEPT)})

    def move(self, attempt: Attempt, code: str, at: datetime) -> None:
        """An attempt has ended with another code than was thought: that one came up now, and the earlier one never did."""
        was = {"job": attempt.job_id, "of_code": attempt.code}
        left = self._connection.scalar(_COUNT_DOWN, was)
        if left:
            self._connection.execute(_MARK_DOWN, {**was, "since": slot_of(attempt.ended_at or at)})
        else:
            self._connection.execute(sa.delete(job_code_counts).where(_OF), was)
            self._connection.execute(sa.delete(job_code_marks).where(_MARKS_OF), was)
        self.add(attempt.job_id, code, at)

    def all(self, job_id: JobId) -> dict[str, int]:
        """How often each code was reached in a job, the most frequent first."""
        query = sa.select(_COUNT.code, _COUNT.count).where(_COUNT.job_id == job_id).order_by(_COUNT.count.desc(), _COUNT.code)
        return {code: count for code, count in self._connection.execute(query)}

    def recent(self, job_id: JobId, *, since: datetime) -> dict[str, int]:
        """How often each code came up at or after `since`, to the slot; `since` at most MINUTES_MOST back."""
        first = slot_of(since)
        marks = job_code_marks.c
        mine = sa.and_(marks.job_id == _COUNT.job_id, marks.code == _COUNT.code, marks.slot >= first)
        before = sa.select(marks.count_before).where(mine).order_by(marks.slot).limit(1).scalar_subquery()
        query = sa.select(_COUNT.code, _COUNT.count - before).where(_COUNT.job_id == job_id, _COUNT.slot >= first)
        return {code: count for code, count in self._connection.execute(query) if count}

    def forget_recent(self, job_id: JobId) -> None:
        """The job is over: nobody asks any more what came up when."""
        self._connection.execute(sa.delete(job_code_marks).where(job_code_marks.c.job_id == job_id))


def slot_of(at: datetime) -> int:
    """The number of the slot of time in which a moment lies."""
    return microseconds(at) // (SLOT // timedelta(microseconds=1))
