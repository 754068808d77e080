"""Which contacts of a job are to be dialled now, later, or not any more."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from dialer.domain.campaign import JobContactState, JobState
from dialer.domain.ids import ContactId, JobId
from dialer.domain.strategy import INITIAL
from dialer.store.job_walk import JobWalk
from dialer.store.known_statement import KnownStatement
from dialer.store.look_back import LookedBack, Overlooked, look_back
from dialer.store.tables import attempts, job_contacts, jobs, microseconds

_CLAIMED, _SCHEDULED = JobContactState.CLAIMED.value, JobContactState.SCHEDULED.value
_IN_CALL, _FINISHED = JobContactState.IN_CALL.value, JobContactState.FINISHED.value
# Written out: an index on those in one state serves only statements that say so themselves.
_IS_CLAIMED = job_contacts.c.state == sa.literal_column(f"'{_CLAIMED}'")
_IS_SCHEDULED = job_contacts.c.state == sa.literal_column(f"'{_SCHEDULED}'")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobContact:
    """A contact's place in a job. `progress` is the JSON of dialer.domain.progress.Progress."""

    job_id: JobId
    contact_id: ContactId
    state: JobContactState
    handler: str = "initial"
    address_index: int = 0
    progress: Mapping[str, Any]
    attempts: int = 0
    due_at: datetime | None = None
    because: str = ""
    lease_until: datetime | None = None
    last_code: str | None = None
    finished_at: datetime | None = None


_STILL_CLAIMED = sa.select(job_contacts.c.contact_id).where(
    job_contacts.c.job_id == sa.bindparam("job"),
    job_contacts.c.contact_id.in_(sa.bindparam("contacts", expanding=True)),
    job_contacts.c.state == _CLAIMED,
    job_contacts.c.lease_owner == sa.bindparam("owner"),
)
_ENTER_CALL = (
    sa.update(job_contacts)
    .where(job_contacts.c.job_id == sa.bindparam("job"), job_contacts.c.contact_id.in_(sa.bindparam("contacts", expanding=True)))
    .values(state=_IN_CALL, attempts=job_contacts.c.attempts + 1, lease_owner=None, lease_until=None, due_at=None)
)
_GET = sa.select(job_contacts).where(
    job_contacts.c.job_id == sa.bindparam("job"), job_contacts.c.contact_id == sa.bindparam("contact")
)

_HOLD = _GET.with_for_update()


@cache
def _setting(names: tuple[str, ...]) -> KnownStatement:
    """The statement that sets these columns of one place: built once, for every call ends with one."""
    return KnownStatement(
        sa.update(job_contacts)
        .where(job_contacts.c.job_id == sa.bindparam("of_job"), job_contacts.c.contact_id == sa.bindparam("of_contact"))
        .values({name: sa.bindparam(f"new_{name}") for name in names} | {"lease_owner": None, "lease_until": None})
    )


_START = (
    sa.update(job_contacts)
    .where(job_contacts.c.job_id == sa.bindparam("of_job"), job_contacts.c.contact_id == sa.bindparam("of_contact"))
    .values({name: sa.bindparam(f"new_{name}") for name in ("handler", "address_index", "progress")})
)


def _job_contact(row: sa.Row[Any]) -> JobContact:
    names = JobContact.__dataclass_fields__
    values = {name: value for name, value in row._mapping.items() if name in names}
    values["state"] = JobContactState(values["state"])
    return JobContact(**values)


def _one(job_id: JobId, contact_id: ContactId) -> sa.ColumnElement[bool]:
    return sa.and_(job_contacts.c.job_id == job_id, job_contacts.c.contact_id == contact_id)


class JobContacts:
    """The queue of a job."""

    def __init__(self, connection: sa.Connection, now: datetime) -> None:
        self._connection, self._now = connection, now

    def claim_due(
        self,
        job_id: JobId,
        *,
        limit: int,
        now: datetime,
        owner: str,
        lease_until: datetime,
        handlers: Collection[str] | None = None,
    ) -> list[JobContact]:
        """Lease up to `limit` contacts: first those whose time has come, then the next ones of the job's lists.

        `handlers`: only contacts in these states; the lists' next ones are in the state "initial". None = all.
        """
        claimed = self._claim_scheduled(job_id, limit, now, owner, lease_until, handlers)
        if len(claimed) < limit and (handlers is None or INITIAL in handlers):
            claimed += self._claim_fresh(job_id, limit - len(claimed), owner, lease_until)
        return claimed

    def _claim_scheduled(
        self, job_id: JobId, limit: int, now: datetime, owner: str, lease_until: datetime, handlers: Collection[str] | None
    ) -> list[JobContact]:
        due = (
            sa.select(job_contacts)
            .where(job_contacts.c.job_id == job_id, _IS_SCHEDULED, job_contacts.c.due_at <= now)
            .order_by(job_contacts.c.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        # State by state: contacts that wait for another channel, a million perhaps, are not gone through to find these.
        queries = [due] if handlers is None else [due.where(job_contacts.c.handler == one) for one in sorted(handlers)]
        found = [_job_contact(row) for query in queries for row in self._connection.execute(query)]
        rows = sorted(found, key=lambda one: one.due_at or now)[:limit]
        if rows:
            self._connection.execute(
                sa.update(job_contacts)
                .where(job_contacts.c.job_id == job_id, job_contacts.c.contact_id.in_([row.contact_id for row in rows]))
                .values(state=_CLAIMED, lease_owner=owner, lease_until=lease_until, because="", restricted=False)
            )
        return rows

    def _claim_fresh(self, job_id: JobId, limit: int, owner: str, lease_until: datetime) -> list[JobContact]:
        """Walk on along the lists; a contact is taken once."""
        taken = self._walk(job_id, hold=True).take(limit)
        if not taken:
            return []
        lease = {"state": _CLAIMED, "progress": {}, "lease_owner": owner, "lease_until": lease_until}
        rows = [{"job_id": job_id, "contact_id": one, "list_id": list_id, **lease} for one, list_id in taken]
        self._connection.execute(sa.insert(job_contacts), rows)
        return [JobContact(job_id=job_id, contact_id=one, state=JobContactState.CLAIMED, progress={}) for one, _ in taken]

    def get(self, job_id: JobId, contact_id: ContactId, *, hold: bool = False) -> JobContact | None:
        """A contact's place in a job; None when the job has not come to it. With `hold` nobody else moves it until the commit."""
        row = self._connection.execute(_HOLD if hold else _GET, {"job": job_id, "contact": contact_id}).first()
        return None if row is None else _job_contact(row)

    def would_take(self, job_id: JobId, contact_id: ContactId) -> bool:
        """Whether the job has not come to this contact yet, and will."""
        return self._walk(job_id).would_take(contact_id) is not None

    def take(self, job_id: JobId, contact_id: ContactId, *, now: datetime, because: str) -> JobContact | None:
        """The contact's place in the job, held; one to whom the job has not come gets it out of its turn, due at once.

        None when the job's lists or its filter leave the contact out.
        """
        found = self.get(job_id, contact_id, hold=True)
        if found is None and (list_id := self._walk(job_id, hold=True).take_one(contact_id)) is not None:
            row = {"job_id": job_id, "contact_id": contact_id, "list_id": list_id, "progress": {}}
            self._connection.execute(sa.insert(job_contacts).values(state=_SCHEDULED, due_at=now, because=because[:200], **row))
        return found or self.get(job_id, contact_id, hold=True)  # the walk may have come by while we waited for it

    def jobs_of(self, contact_id: ContactId) -> list[JobContact]:
        """The contact's places in all jobs."""
        rows = self._connection.execute(sa.select(job_contacts).where(job_contacts.c.contact_id == contact_id))
        return [_job_contact(row) for row in rows]

    def contacts_of(self, job_id: JobId, *, after: ContactId, limit: int) -> list[ContactId]:
        """The contacts that the job has come to, in the order in which they were imported, from behind `after` on."""
        query = sa.select(job_contacts.c.contact_id).where(job_contacts.c.job_id == job_id, job_contacts.c.contact_id > after)
        return [ContactId(one) for one in self._connection.scalars(query.order_by(job_contacts.c.contact_id).limit(limit))]

    def places(self, job_id: JobId, contact_ids: Collection[ContactId]) -> dict[ContactId, JobContact]:
        """Where some contacts stand in a job; those to whom it has not come are not there."""
        query = sa.select(job_contacts).where(job_contacts.c.job_id == job_id, job_contacts.c.contact_id.in_(list(contact_ids)))
        return {place.contact_id: place for place in map(_job_contact, self._connection.execute(query))}

    def still_claimed(self, job_id: JobId, contact_ids: Collection[ContactId], owner: str) -> set[ContactId]:
        """Which of these contacts we still hold: a lease may have run out meanwhile."""
        found = self._connection.scalars(_STILL_CLAIMED, {"job": job_id, "contacts": list(contact_ids), "owner": owner})
        return {ContactId(one) for one in found}

    def enter_call(self, job_id: JobId, contact_ids: Sequence[ContactId]) -> None:
        """The intents of these contacts are being written in this transaction."""
        if contact_ids:
            self._connection.execute(_ENTER_CALL, {"job": job_id, "contacts": list(contact_ids)})

    def schedule(
        self,
        job_id: JobId,
        contact_id: ContactId,
        *,
        due_at: datetime,
        because: str,
        restricted: bool = False,
        **changes: Any,
    ) -> None:
        """Not before `due_at`; `restricted`: a restriction of the strategy holds the contact back.

        `changes`: handler, address_index, progress, last_code, finished_at (None: it was done before).
        """
        why = {"because": because[:200], "restricted": restricted}
        self._set(job_id, contact_id, state=_SCHEDULED, due_at=due_at, **why, **changes)

    def finish(self, job_id: JobId, contact_id: ContactId, *, at: datetime, because: str, **changes: Any) -> None:
        """The contact is done in this job."""
        self._set(job_id, contact_id, state=_FINISHED, finished_at=at, due_at=None, because=because[:200], **changes)

    def set_address_index(self, job_id: JobId, contact_id: ContactId, index: int) -> None:
        """Remember which of the handler's addresses was chosen, so that the next try can go on from there."""
        self._connection.execute(sa.update(job_contacts).where(_one(job_id, contact_id)).values(address_index=index))

    def start_handler(self, job_id: JobId, contact_id: ContactId, state: str) -> None:
        """The contact is with this handler from now on, with a clean slate: a selector has chosen it, or a wait led to it."""
        given = {"new_handler": state, "new_address_index": 0, "new_progress": {}}
        self._connection.execute(_START, {"of_job": job_id, "of_contact": contact_id, **given})

    def _set(self, job_id: JobId, contact_id: ContactId, **values: Any) -> None:
        given = {f"new_{name}": value for name, value in values.items()}
        _setting(tuple(values)).execute(self._connection, {"of_job": job_id, "of_contact": contact_id, **given})

    def release(self, *, now: datetime, job_id: JobId | None = None, expired_only: bool = False, owner: str | None = None) -> int:
        """Give claimed contacts back, due at once: of a job that stops claiming, of a dead process, or with expired leases.

        `owner`: only what this one has; contacts that are offered to agents have another.
        """
        statement = sa.update(job_contacts).where(_IS_CLAIMED)
        if owner is not None:
            statement = statement.where(job_contacts.c.lease_owner == owner)
        if job_id is not None:
            statement = statement.where(job_contacts.c.job_id == job_id)
        if expired_only:
            statement = statement.where(job_contacts.c.lease_until < now)
        values = {"state": _SCHEDULED, "due_at": now, "lease_owner": None, "lease_until": None}
        return self._connection.execute(statement.values(**values)).rowcount

    def reserve(self, job_id: JobId, contact_id: ContactId, *, owner: str, until: datetime) -> bool:
        """A claimed contact is offered to an agent: from now on this owner has it; False when somebody else took it meanwhile."""
        statement = sa.update(job_contacts).where(_one(job_id, contact_id), _IS_CLAIMED)
        return self._connection.execute(statement.values(lease_owner=owner, lease_until=until)).rowcount == 1

    def reclaim(self, job_id: JobId, contact_id: ContactId, *, owner: str, until: datetime) -> JobContact | None:
        """An agent wants this contact, whether it was offered, waits or is done; None for one who is in a call."""
        found = self.get(job_id, contact_id, hold=True)
        if found is None or found.state is JobContactState.IN_CALL:
            return None
        values = {"state": _CLAIMED, "lease_owner": owner, "lease_until": until, "finished_at": None, "because": ""}
        self._connection.execute(sa.update(job_contacts).where(_one(job_id, contact_id)).values(**values))
        return replace(found, state=JobContactState.CLAIMED)

    def give_back(self, job_id: JobId, contact_id: ContactId, *, now: datetime) -> None:
        """A contact that was claimed and not called is due again."""
        values = {"state": _SCHEDULED, "due_at": now, "lease_owner": None, "lease_until": None}
        self._connection.execute(sa.update(job_contacts).where(_one(job_id, contact_id), _IS_CLAIMED).values(**values))

    def let_go(self, job_id: JobId, *, held: str, now: datetime, anywhere: bool = False) -> int:
        """Contacts that wait for a reason that begins so, or has it `anywhere`, are due at once; returns how many there were."""
        waiting = sa.and_(job_contacts.c.job_id == job_id, job_contacts.c.state == _SCHEDULED, job_contacts.c.due_at > now)
        because = job_contacts.c.because
        like = because.contains(held, autoescape=True) if anywhere else because.startswith(held, autoescape=True)
        statement = sa.update(job_contacts).where(waiting, like)
        return self._connection.execute(statement.values(due_at=now)).rowcount

    def mend_calls_without_attempt(self, now: datetime) -> int:
        """Contacts that are said to be in a call that does not exist: due again. Zero unless somebody edited the database."""
        live = sa.select(attempts.c.id).where(
            attempts.c.job_id == job_contacts.c.job_id,
            attempts.c.contact_id == job_contacts.c.contact_id,
            attempts.c.code.is_(None),
        )
        going_on = self._connection.scalars(sa.select(jobs.c.id).where(jobs.c.state != JobState.COMPLETED.value)).all()
        mended = 0
        for job_id in going_on:  # job by job, through its own index: not all contacts that were ever called
            statement = sa.update(job_contacts).where(
                job_contacts.c.job_id == job_id, job_contacts.c.state == _IN_CALL, ~live.exists()
            )
            mended += self._connection.execute(statement.values(state=_SCHEDULED, due_at=now, because="repaired")).rowcount
        return mended

    def has_untouched(self, job_id: JobId) -> bool:
        """Whether the lists still hold contacts that have not been looked at."""
        return self._walk(job_id).has_more()

    def overlooked(self, job_id: JobId, after: LookedBack | None = None) -> Overlooked:
        """Contacts that the job should call and has passed: see `look_back`. For a job that has come to the end of its lists."""
        return look_back(self._connection, self._walk(job_id), after)

    def take_overlooked(self, job_id: JobId, found: Sequence[tuple[ContactId, int]]) -> int:
        """Give them a place in the job, due at once; returns how many had none by now."""
        walk = self._walk(job_id, hold=True)
        have = sa.select(job_contacts.c.contact_id).where(
            job_contacts.c.job_id == job_id, job_contacts.c.contact_id.in_([one for one, _ in found])
        )
        known = set(self._connection.scalars(have))
        place = {"job_id": job_id, "state": _SCHEDULED, "due_at": self._now, "because": "overlooked", "progress": {}}
        rows = [{"contact_id": one, "list_id": list_id, **place} for one, list_id in found if one not in known]
        if rows:
            self._connection.execute(sa.insert(job_contacts), rows)
            walk.taken_behind(len(rows))
        return len(rows)

    def looked_back(self, job_id: JobId, *, began: datetime) -> None:
        """The whole look back that began at this moment is over: the next one need not go further back."""
        self._walk(job_id, hold=True).looked_back(since=microseconds(began))

    def forget_passed(self, job_id: JobId, contact_ids: Sequence[ContactId]) -> None:
        """These contacts are about to be deleted: they do not count as left out by the filter any more."""
        self._walk(job_id, hold=True).forget(contact_ids)

    def waiting_by_reason(self, job_id: JobId, *, now: datetime, limit: int = 20) -> list[tuple[str, int, datetime | None]]:
        """Why scheduled contacts wait, how many, and when the first of them comes due; the most frequent first."""
        reason = sa.case((job_contacts.c.due_at <= now, ""), else_=job_contacts.c.because)
        query = (
            sa.select(reason.label("because"), sa.func.count().label("waiting"), sa.func.min(job_contacts.c.due_at).label("due"))
            .where(job_contacts.c.job_id == job_id, job_contacts.c.state == _SCHEDULED)
            .group_by(reason)
            .order_by(sa.desc("waiting"))
            .limit(limit)
        )
        return [(row.because, row.waiting, row.due) for row in self._connection.execute(query)]

    def has_unfinished(self, job_id: JobId) -> bool:
        """Whether a contact of the job is claimed, in a call or waiting."""
        # One state at a time: for several at once SQLite may read all contacts of the job, and they are all done at its end.
        mine = sa.select(job_contacts.c.contact_id).where(job_contacts.c.job_id == job_id).limit(1)
        states = (_SCHEDULED, _IN_CALL, _CLAIMED)
        return any(self._connection.scalar(mine.where(job_contacts.c.state == state)) is not None for state in states)

    def fits(self, job_id: JobId, contact_id: ContactId) -> bool:
        """Whether the job would take a contact of its lists, as that is now."""
        return self._walk(job_id).lets(contact_id)

    def _walk(self, job_id: JobId, *, hold: bool = False) -> JobWalk:
        return JobWalk(self._connection, job_id, self._now, hold=hold)
