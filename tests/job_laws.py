"""The laws of a world of jobs (tests/job_world.py): what must hold of everything that is written, after every commit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from dialer.domain.callback import CallbackState
from dialer.domain.campaign import JobContactState, JobTotals
from dialer.domain.ids import JobId
from dialer.store import tables
from dialer.store.store import Tx
from dialer.store.tables_callbacks import callbacks as callback_rows
from tests.job_world import BEGINS, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everything that is written at one moment, and what the store says of it."""

    places: Sequence[Any]
    attempts: Sequence[Any]
    finals: Mapping[str, int]  # final events by attempt
    people: Sequence[Any]
    jobs: Sequence[Any]
    callbacks: Sequence[Any]
    counts: Mapping[tuple[int, str], int]
    recent: Mapping[int, Mapping[str, int]]  # codes since the world began, of jobs that are not over
    totals: Mapping[int, JobTotals]
    more: Mapping[int, bool]


def seen(tx: Tx) -> Seen:
    """Look at all of it in one transaction."""

    def rows(table: sa.Table) -> Sequence[Any]:
        return tx.connection.execute(sa.select(table)).all()

    events = tables.attempt_events.c
    finals = sa.select(events.attempt_id, sa.func.count()).where(events.kind == "final").group_by(events.attempt_id)
    all_jobs = rows(tables.jobs)
    ids = [JobId(job.id) for job in all_jobs]
    return Seen(
        places=rows(tables.job_contacts),
        attempts=rows(tables.attempts),
        finals={attempt: count for attempt, count in tx.connection.execute(finals)},
        people=rows(tables.contacts),
        jobs=all_jobs,
        callbacks=rows(callback_rows),
        counts={(row.job_id, row.code): row.count for row in rows(tables.job_code_counts)},
        recent={job.id: tx.jobs(None).recent_codes(JobId(job.id), since=BEGINS) for job in all_jobs if job.state != "completed"},
        totals={job: tx.jobs(None).totals(job) for job in ids},
        more={job: tx.job_contacts.has_untouched(job) for job in ids},
    )


def check(world: World) -> None:
    """Every law, on everything that is written at this moment."""
    now = world.store.read_now(seen)
    _attempts_have_one_code_each(world, now)
    _nobody_is_called_twice_at_once(now.attempts)
    _counts_are_those_of_the_ledger(world, now)
    _places_and_attempts_agree(now)
    for job in now.jobs:
        _every_contact_is_in_one_place(job, now)
    _promises_are_kept_by_jobs_that_go_on(now)
    for job in now.jobs:
        if job.state == "completed":
            assert not any(one.job_id == job.id and one.code is None for one in now.attempts), "a job that is over has no calls"
            mine = Counter(one.state for one in now.places if one.job_id == job.id)
            assert not mine["claimed"], "a job that is over holds nobody"
            assert not mine["in_call"], "a job that is over holds nobody"


def _attempts_have_one_code_each(world: World, now: Seen) -> None:
    for one in now.attempts:
        finals = now.finals.get(one.id, 0)
        assert finals == (one.code is not None), f"{one.id} has {finals} final events and the code {one.code}"
        assert (one.state == "final") == (one.code is not None)
        before = world.codes.get(one.id)
        if before is not None and before != one.code:
            assert one.id in world.late, f"{one.id} was {before} and is {one.code}"
        if one.code is not None:
            world.codes[one.id] = one.code
    assert set(world.codes) <= {one.id for one in now.attempts}, "an attempt is gone"


def _nobody_is_called_twice_at_once(attempts: Sequence[Any]) -> None:
    live = [one for one in attempts if one.code is None]
    for what in (lambda one: one.contact_id, lambda one: (one.org_id, one.address)):
        twice = [key for key, count in Counter(map(what, live)).items() if count > 1]
        assert not twice, f"in two calls at once: {twice}"


def _counts_are_those_of_the_ledger(world: World, now: Seen) -> None:
    assert now.counts == Counter((one.job_id, one.code) for one in now.attempts if one.code is not None)
    if world.now - BEGINS < timedelta(hours=20):  # further back nobody can ask
        for job, recent in now.recent.items():
            assert recent == {code: count for (of, code), count in now.counts.items() if of == job}, "the last hours are all"


def _places_and_attempts_agree(now: Seen) -> None:
    live = Counter((one.job_id, one.contact_id) for one in now.attempts if one.code is None)
    made = Counter((one.job_id, one.contact_id) for one in now.attempts if one.code_source != "compliance")
    for one in now.places:
        key = (one.job_id, one.contact_id)
        assert live[key] == (one.state == "in_call"), f"{key} is {one.state} with {live[key]} live attempts"
        assert one.attempts == made[key], f"{key} counts {one.attempts} attempts of {made[key]}"
        assert (one.state == "claimed") == (one.lease_owner is not None) == (one.lease_until is not None), key
        due = {"scheduled": True, "claimed": one.due_at is not None}.get(one.state, False)  # who is claimed may keep the time
        assert due == (one.due_at is not None), f"{key} is {one.state} and due at {one.due_at}"
        assert (one.state == "finished") == (one.finished_at is not None), f"{key} is {one.state}, finished {one.finished_at}"
    assert set(live) <= {(one.job_id, one.contact_id) for one in now.places}, "a call without a place in its job"


def _every_contact_is_in_one_place(job: Any, now: Seen) -> None:
    """Contacts = not looked at + left out + claimed + waiting + in a call + finished; beside them who was deleted or added."""
    mine, totals = [one for one in now.places if one.job_id == job.id], now.totals[job.id]
    counted = Counter(one.state for one in mine)
    assert (totals.claimed, totals.scheduled) == (counted["claimed"], counted["scheduled"])
    assert (totals.in_call, totals.finished) == (counted["in_call"], counted["finished"])
    listed = {one.id for one in now.people if one.list_id in job.list_ids}
    placed = {one.contact_id for one in mine}
    assert len(placed) == len(mine), "one place each"
    assert totals.untouched >= 0
    assert totals.excluded >= 0
    assert totals.untouched + totals.excluded == len(listed - placed), f"job {job.id}: {totals}"
    assert totals.contacts == len(listed | placed)
    assert now.more[job.id] or totals.untouched == 0, "at the end of the lists nobody is left to look at"
    on = {one.id: one.list_id for one in now.people}
    for one in mine:
        assert one.list_id is None or one.list_id == on[one.contact_id], "the list on which it is"


def _promises_are_kept_by_jobs_that_go_on(now: Seen) -> None:
    pending = [row for row in now.callbacks if row.state == CallbackState.PENDING.value]
    assert max(Counter((row.job_id, row.contact_id) for row in pending).values(), default=0) <= 1
    at = {(one.job_id, one.contact_id): one for one in now.places}
    over = {job.id for job in now.jobs if job.state == "completed"}
    for row in pending:
        assert row.job_id not in over, "a job that is over promises nothing"
        place = at[row.job_id, row.contact_id]
        assert place.state != JobContactState.FINISHED.value, f"callback {row.id} of a contact that has left the job"
        if row.attempt_id is not None:
            assert place.state == JobContactState.IN_CALL.value, f"callback {row.id} is being kept by a call that is over"
