"""Run campaigns: start, pause, resume, stop, and see how far they have come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dialer.domain.campaign import Campaign, Job, JobState, JobTotals, Pace
from dialer.domain.ids import JobId, OrgId
from dialer.errors import BadInput, Conflict
from dialer.services.campaigns import check_pace
from dialer.services.strategies import load_for_campaign
from dialer.store.store import Store, Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignStatus:
    """How far a campaign has come: its latest job, if it was ever started."""

    campaign: Campaign
    job: Job | None
    totals: JobTotals | None
    codes: Mapping[str, int]  # completion code -> how often


async def start_campaign(store: Store, org_id: OrgId, name: str, *, by: str) -> Job:
    """Begin a run: a queued job that keeps the newest version of the strategy as it is now. The engine takes it from there.

    Raises NotFound; BadInput when the strategy is not fit; Conflict while an earlier job of the campaign is not over.
    """

    def work(tx: Tx) -> Job:
        campaign = tx.campaigns(org_id).by_name(name)
        stored = tx.strategies(org_id).latest(campaign.strategy)
        load_for_campaign(stored.text, f"strategy {stored.name} version {stored.version}", known_codes=campaign.codes)
        list_ids = tx.campaigns(org_id).list_ids(campaign.id)
        return tx.jobs(org_id).create(campaign, strategy_text=stored.text, list_ids=list_ids, by=by)

    return await store.write(work)


async def pause_campaign(store: Store, org_id: OrgId, name: str, *, by: str) -> Job:
    """Launch no more calls until it is resumed; calls that are up go on. Raises NotFound, Conflict."""
    return await store.write(lambda tx: _move(tx, org_id, name, JobState.PAUSED, "paused", by))


async def resume_campaign(store: Store, org_id: OrgId, name: str, *, by: str) -> Job:
    """Go on with a paused job. Raises NotFound, Conflict."""

    def work(tx: Tx) -> Job:
        job = _open_job(tx, org_id, name)
        if job.state is not JobState.PAUSED:
            raise Conflict(f"the campaign {name!r} is not paused: its job {job.id} is {job.state.value}")
        return tx.jobs(org_id).set_state(job.id, JobState.RUNNING, because="resumed", by=by)

    return await store.write(work)


async def stop_campaign(store: Store, org_id: OrgId, name: str, *, by: str, force: bool = False) -> Job:
    """End the run: no more calls; those that are up end by themselves, or are hung up with `force`. Raises NotFound, Conflict."""

    def work(tx: Tx) -> Job:
        job = _open_job(tx, org_id, name)
        if job.state is JobState.QUEUED:  # nobody has touched it: there is nothing to wait for
            return tx.jobs(org_id).set_state(job.id, JobState.COMPLETED, because="stopped before it began", by=by)
        because = "stopped by force" if force else "stopped"
        return tx.jobs(org_id).set_state(job.id, JobState.STOPPING, because=because, by=by, force=force)

    return await store.write(work)


async def force_stop_campaign(store: Store, org_id: OrgId, name: str, *, by: str) -> Job:
    """End the run and hang up the calls that are up. Raises NotFound, Conflict."""
    return await stop_campaign(store, org_id, name, by=by, force=True)


async def change_pace(store: Store, org_id: OrgId, name: str, pace: Pace) -> Job:
    """Make a running job faster or slower, from its next decision on. Raises NotFound, BadInput, Conflict."""
    check_pace(pace)
    return await store.write(lambda tx: tx.jobs(org_id).set_pace(_open_job(tx, org_id, name).id, pace))


async def campaign_status(store: Store, org_id: OrgId, name: str, *, job_id: JobId | None = None) -> CampaignStatus:
    """How far the campaign's latest job, or an earlier one, has come; all figures are of one moment. Raises NotFound."""

    def work(tx: Tx) -> CampaignStatus:
        campaign = tx.campaigns(org_id).by_name(name)
        runs = tx.jobs(org_id).by_campaign(campaign.id)
        if job_id is None:
            job = runs[0] if runs else None
        else:
            job = next((run for run in runs if run.id == job_id), None)
            if job is None:
                raise BadInput(f"the job {job_id} is not one of the campaign {campaign.name!r}", where="job")
        if job is None:
            return CampaignStatus(campaign=campaign, job=None, totals=None, codes={})
        jobs = tx.jobs(org_id)
        return CampaignStatus(campaign=campaign, job=job, totals=jobs.totals(job.id), codes=jobs.code_counts(job.id))

    return await store.read(work)


async def list_jobs(store: Store, org_id: OrgId, *, limit: int = 100) -> list[Job]:
    """The organisation's jobs, the latest first."""
    return await store.read(lambda tx: tx.jobs(org_id).all(limit=limit))


def _open_job(tx: Tx, org_id: OrgId, name: str) -> Job:
    """The campaign's one job that is not over, held until the commit."""
    campaign = tx.campaigns(org_id).by_name(name)
    for job in tx.jobs(org_id).by_campaign(campaign.id):
        if job.state is not JobState.COMPLETED:
            return tx.jobs(org_id).get_for_update(job.id)
    raise Conflict(f"the campaign {campaign.name!r} is not running")


def _move(tx: Tx, org_id: OrgId, name: str, state: JobState, because: str, by: str) -> Job:
    return tx.jobs(org_id).set_state(_open_job(tx, org_id, name).id, state, because=because, by=by)
