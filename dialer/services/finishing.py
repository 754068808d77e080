"""End jobs that have done enough, and start what is linked to them."""

from __future__ import annotations

from datetime import datetime

import structlog

from dialer.domain.campaign import Job, JobState
from dialer.domain.finish import reached, time_is_up
from dialer.domain.ids import JobId
from dialer.errors import BadInput, Conflict, NotFound
from dialer.services.jobs import start_in
from dialer.store.store import Tx

log = structlog.get_logger()

CRITERION = "finish criterion"  # who asked for the end of a job that has done enough


def may_finish(job: Job, code: str) -> bool:
    """Whether a code counts towards the end of a job."""
    finish = job.definition.finish
    return bool(finish.responses or code in finish.after_codes)


def finish_if_met(tx: Tx, job: Job, code: str) -> str:
    """Stop the job's dialling in this very transaction when `code`, the final one of an attempt, fulfils its criterion."""
    if not may_finish(job, code):
        return ""
    finish = job.definition.finish
    if tx.jobs(None).get(job.id).state not in (JobState.RUNNING, JobState.PAUSED):  # `job` may be as it was at its start
        return ""
    success: list[str] = []
    if finish.responses and not finish.response_codes:
        success = [one.name for one in tx.codes(job.org_id).all() if one.is_success]
    because = reached(finish, tx.attempts.code_counts(job.id), success)
    if because:
        tx.jobs(None).set_state(job.id, JobState.STOPPING, because=because, by=CRITERION)
    return because


def finish_if_late(tx: Tx, job_id: JobId, now: datetime) -> str:
    """Stop the dialling of a job whose time is up; returns why."""
    job = tx.jobs(None).get_for_update(job_id)
    because = time_is_up(job.definition.finish, job.started_at, now)
    if not because or job.state not in (JobState.RUNNING, JobState.PAUSED):
        return ""
    tx.jobs(None).set_state(job_id, JobState.STOPPING, because=because, by=CRITERION)
    return because


def complete(tx: Tx, job: Job, *, because: str, by: str) -> Job:
    """The job is over. Unless an operator stopped it, the campaign that is linked to it starts in the same transaction.

    Raises Conflict when the job cannot be completed from where it stands.
    """
    ended_by_itself = job.changed_by == CRITERION or job.state is JobState.RUNNING
    done = tx.jobs(None).set_state(job.id, JobState.COMPLETED, because=because, by=by)
    following = job.definition.then
    if following and ended_by_itself:
        try:
            started = start_in(tx, job.org_id, following, by="link", because=f"{job.campaign_name} has ended: {because}")
            log.info("linked campaign started", after=job.id, job=started.id)
        except (BadInput, Conflict, NotFound) as mistake:  # the ended job is not undone by what cannot begin
            log.error("linked campaign not started", after=job.id, campaign=following, reason=str(mistake))
    return done
