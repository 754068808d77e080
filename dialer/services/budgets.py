"""The budget of abandoned calls of a job: whose calls count towards it, and how they stand in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dialer.domain.campaign import Job
from dialer.domain.ids import CampaignId, JobId, OrgId
from dialer.domain.live_answer import LiveAnswer, window_begins
from dialer.errors import NotFound
from dialer.pacing.abandonment import AbandonLedger
from dialer.store.store import Store, Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetAnswers:
    """The live answers of a budget, and how many machines a detector told apart in its window."""

    answers: Sequence[LiveAnswer]
    machines: int = 0


async def read_budget(store: Store, job: Job, *, since: datetime | None) -> BudgetAnswers:
    """The live answers from a moment on (None = all) of every job that shares this one's budget. Raises StoreDown."""
    return await store.read(lambda tx: _read(tx, job, since))


async def evidence(store: Store, org_id: OrgId, job_id: JobId, *, now: datetime) -> tuple[Job, list[LiveAnswer], AbandonLedger]:
    """A job, each of its live answers in their order, and the ledger of its budget as it stands. Raises NotFound."""

    def work(tx: Tx) -> tuple[Job, list[LiveAnswer], AbandonLedger]:
        job = tx.jobs(org_id).get(job_id)
        if not job.definition.pacing.has_agents:
            raise NotFound(f"job {job_id} of {job.campaign_name!r} has no agents: nobody can be abandoned")
        ledger = AbandonLedger(job.definition.pacing.budget)
        found = _read(tx, job, window_begins(ledger.budget, now))
        for one in found.answers:
            ledger.note(one)
        ledger.note_machines(found.machines)
        return job, live_answers_of(tx, job), ledger

    return await store.read(work)


def live_answers_of(tx: Tx, job: Job) -> list[LiveAnswer]:
    """The live answers of one job, in their order."""
    return tx.live_answers(job.org_id).since([job.id], None)


def _read(tx: Tx, job: Job, since: datetime | None) -> BudgetAnswers:
    budget, live = job.definition.pacing.budget, tx.live_answers(job.org_id)
    runs = live.jobs_of(_campaigns(tx, job))
    machines = live.machines(runs, window_begins(budget, tx.now)) if budget.mistaken_share else 0
    return BudgetAnswers(answers=live.since(runs, since), machines=machines)


def _campaigns(tx: Tx, job: Job) -> list[CampaignId]:
    """Those that share the budget: of the same group, or this one alone."""
    group = job.definition.pacing.budget.group.casefold()
    if not group:
        return [job.campaign_id]
    same = [one.id for one in tx.campaigns(job.org_id).all() if one.pacing.budget.group.casefold() == group]
    return sorted({*same, job.campaign_id})
