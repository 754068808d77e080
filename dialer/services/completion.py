"""Close an attempt with its one completion code, and decide in the same transaction what comes next for the contact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from dialer import failpoints
from dialer.domain.attempt import Attempt
from dialer.domain.campaign import Job, JobState
from dialer.domain.codes import SYSTEM_NAME_KEYS, CustomCode, SystemCode, name_key
from dialer.domain.ids import AttemptId, JobId
from dialer.domain.next_step import Done, Goto, RetryAt, next_step
from dialer.domain.progress import Progress
from dialer.domain.strategy import Strategy
from dialer.store.attempts import Closing
from dialer.store.job_contacts import JobContact
from dialer.store.store import Store, Tx

log = structlog.get_logger()

StrategyOf = Callable[[JobId, str], Strategy]  # a job's strategy, parsed once

RELAUNCH_AFTER_S = 5.0
RELAUNCHES_MAX = 5
"""A call that never left (we crashed, or the link broke first) is tried again this often before the contact is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """What was recorded, and whether it ended the job's dialling."""

    attempt: Attempt
    job_finished_because: str = ""


async def record_completion(store: Store, attempt_id: AttemptId, system: Closing, strategy_of: StrategyOf) -> Completed | None:
    """Close the attempt: the one function through which every completion code passes, in one transaction.

    `system` holds what the network, the detector or reconciliation found; a code that the IVR app has set is the last word
    over it. None when the attempt had its code already: a second writer changes nothing. Raises StoreDown.
    """
    failpoints.hit("K8")
    completed = await store.write(lambda tx: _close(tx, attempt_id, system, strategy_of))
    if completed is None:
        log.info("attempt already has its code", attempt=attempt_id, ignored=system.code)
    else:
        failpoints.hit("K9")
    return completed


def _close(tx: Tx, attempt_id: AttemptId, system: Closing, strategy_of: StrategyOf) -> Completed | None:
    attempt = tx.attempts.get(attempt_id)
    if attempt is None or attempt.code is not None:
        return None
    closing = replace(system, code=attempt.app_code, source="app") if attempt.app_code else system
    closed = tx.attempts.close(attempt_id, closing, seen=attempt)
    if closed is None:
        return None
    job = tx.jobs(None).as_started(closed.job_id)
    custom = None if name_key(closing.code) in SYSTEM_NAME_KEYS else tx.codes(closed.org_id).find(closing.code)
    if custom is not None and custom.add_to_dnc:
        tx.dnc(closed.org_id).add(closed.number, reason=f"completion code {custom.name}", now=closing.ended_at)
    place = tx.job_contacts.get(closed.job_id, closed.contact_id)
    if place is not None:
        _move_contact(tx, closed, place, strategy_of(job.id, job.strategy_text), custom, closing.ended_at)
    return Completed(attempt=closed, job_finished_because=_finish_if_met(tx, job, closing.code))


def _move_contact(
    tx: Tx, attempt: Attempt, place: JobContact, strategy: Strategy, custom: CustomCode | None, now: datetime
) -> None:
    code = attempt.code or ""
    progress = Progress.from_json(place.progress)
    relaunches = progress.by_code.get(name_key(SystemCode.NOT_LAUNCHED), 0)
    if code == SystemCode.NOT_LAUNCHED and relaunches < RELAUNCHES_MAX:
        counted = replace(progress, by_code={**progress.by_code, name_key(code): relaunches + 1})
        tx.job_contacts.schedule(
            place.job_id,
            place.contact_id,
            due_at=now + timedelta(seconds=RELAUNCH_AFTER_S),
            because="the last call never left; it is placed again as a new attempt",
            progress=counted.to_json(),
            last_code=code,
        )
        return
    match next_step(strategy, place.handler, code, progress, custom, now, address_index=place.address_index):
        case Done(because=because):
            tx.job_contacts.finish(place.job_id, place.contact_id, at=now, because=because, last_code=code)
        case RetryAt(due=due, address_index=index, progress=later, because=because):
            tx.job_contacts.schedule(
                place.job_id,
                place.contact_id,
                due_at=due,
                because=because,
                address_index=index,
                progress=later.to_json(),
                last_code=code,
            )
        case Goto(state=state, progress=later, because=because):
            tx.job_contacts.schedule(
                place.job_id,
                place.contact_id,
                due_at=now,
                because=because,
                handler=state,
                address_index=0,
                progress=later.to_json(),
                last_code=code,
            )


def _finish_if_met(tx: Tx, job: Job, code: str) -> str:
    """Stop the job's dialling in this very transaction when `code` fulfils its finish criterion."""
    wanted = job.definition.finish.after_codes.get(code)
    if wanted is None or tx.jobs(None).get(job.id).state not in (JobState.RUNNING, JobState.PAUSED):
        return ""
    reached = tx.attempts.code_counts(job.id).get(code, 0)
    if reached < wanted:
        return ""
    because = f"{reached} × {code}"
    tx.jobs(None).set_state(job.id, JobState.STOPPING, because=because, by="finish criterion")
    return because
