"""Run campaigns: start, pause, resume, stop, and see how far they have come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from dialer.domain.campaign import Campaign, Job, JobState, JobTotals, Pace
from dialer.domain.codes import name_key
from dialer.domain.filter import Filter
from dialer.domain.hold import Hold
from dialer.domain.ids import JobId, OrgId
from dialer.domain.installation import InstallationMode
from dialer.domain.pacing_plan import Pacing
from dialer.errors import BadInput, Conflict
from dialer.services.campaign_edits import check_version, differences
from dialer.services.campaigns import check_pace
from dialer.services.holding import HELD_CONTACT
from dialer.services.installation import check_mode
from dialer.services.knobs import check_knobs
from dialer.services.pacing_plans import check_pacing, check_turn, fitted
from dialer.services.strategies import load_for_campaign
from dialer.store.store import Store, Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignStatus:
    """How far a campaign has come: its latest job, if it was ever started."""

    campaign: Campaign
    job: Job | None
    totals: JobTotals | None
    codes: Mapping[str, int]  # completion code -> how often


async def start_campaign(
    store: Store, org_id: OrgId, name: str, *, by: str, mode: InstallationMode = InstallationMode.TELEPHONY
) -> Job:
    """Begin a run: a queued job that keeps the newest version of the strategy as it is now. The engine takes it from there.

    Raises NotFound; BadInput when the strategy is not fit, or this installation not made for it; Conflict while an earlier job
    of the campaign is not over.
    """
    return await store.write(lambda tx: start_in(tx, org_id, name, by=by, mode=mode))


def start_in(
    tx: Tx,
    org_id: OrgId,
    name: str,
    *,
    by: str,
    because: str = "started",
    today: date | None = None,
    recycle: Recycle | None = None,
    mode: InstallationMode = InstallationMode.TELEPHONY,
) -> Job:
    """`start_campaign` inside a transaction. {today} and {month_day} of the filter become `today`, or the date in UTC."""
    campaign = tx.campaigns(org_id).by_name(name)
    stored = tx.strategies(org_id).latest(campaign.strategy)
    strategy = load_for_campaign(stored.text, f"strategy {stored.name} version {stored.version}", known_codes=campaign.codes)
    check_mode(mode, campaign.pacing, strategy)
    if any(job.state is not JobState.COMPLETED for job in tx.jobs(org_id).by_campaign(campaign.id)):
        raise Conflict(f"a job of the campaign {campaign.name!r} is not over yet")
    return tx.jobs(org_id).create(
        replace(campaign, filter=campaign.filter.on(today or tx.now.date())),
        strategy_text=stored.text,
        list_ids=tx.campaigns(org_id).list_ids(campaign.id),
        by=by,
        because=because,
        recycled_from=recycle.job_id if recycle else None,
        recycled_codes=recycle.codes if recycle else (),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recycle:
    """Whom a job calls again: those contacts of an earlier job that ended with one of these codes."""

    job_id: JobId
    codes: tuple[str, ...]


async def recycle_campaign(
    store: Store,
    org_id: OrgId,
    name: str,
    codes: Sequence[str],
    *,
    by: str,
    job_id: JobId | None = None,
    mode: InstallationMode = InstallationMode.TELEPHONY,
) -> Job:
    """Begin a run with those contacts of the last job (or of `job_id`) that ended with one of `codes`, each of them once.

    Raises NotFound; BadInput; Conflict while a job of the campaign is not over, and for one whose contacts were archived.
    """

    def work(tx: Tx) -> Job:
        campaign = tx.campaigns(org_id).by_name(name)
        runs = [job for job in tx.jobs(org_id).by_campaign(campaign.id) if job_id in (None, job.id)]
        if not runs:
            raise BadInput(f"{campaign.name!r} has no such job", where="job", mend="see: dialer campaign status")
        if tx.jobs(org_id).is_archived(runs[0].id):
            raise Conflict(f"the contacts of job {runs[0].id} are in the archive: it is too old to be recycled")
        reached = {name_key(code): code for code in tx.jobs(org_id).code_counts(runs[0].id)}
        missing = [code for code in codes if name_key(code) not in reached]
        if missing or not codes:
            mend = f"one of: {', '.join(reached.values())}" if reached else "it has ended nowhere yet"
            raise BadInput(
                f"no attempt of job {runs[0].id} ended with {', '.join(missing) or 'no code'}", where="codes", mend=mend
            )
        chosen = tuple(dict.fromkeys(reached[name_key(code)] for code in codes))
        because = f"recycled from job {runs[0].id}: {', '.join(chosen)}"
        again = Recycle(job_id=runs[0].id, codes=chosen)
        return start_in(tx, org_id, name, by=by, because=because, recycle=again, mode=mode)

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


async def change_pace(store: Store, org_id: OrgId, name: str, pace: Pace, *, by: str = "operator") -> Job:
    """Make a running job faster or slower, from its next decision on. Raises NotFound, BadInput, Conflict."""
    return await edit_job(store, org_id, name, JobEdit(pace=pace), by=by)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEdit:
    """What an operator changes of a running job; None leaves a thing as it is."""

    pace: Pace | None = None
    priority: int | None = None
    contact_lists: tuple[str, ...] | None = None
    filter: Filter | None = None
    holds: tuple[Hold, ...] | None = None
    pacing: Pacing | None = None


async def edit_job(
    store: Store,
    org_id: OrgId,
    name: str,
    edit: JobEdit,
    *,
    by: str,
    version: int | None = None,
    mode: InstallationMode = InstallationMode.TELEPHONY,
) -> Job:
    """Change a campaign's running job, in force within a second. `version` is the one that the operator has seen.

    Raises NotFound, BadInput; Conflict when the job is over, or when somebody changed it since that version: with the difference.
    """

    def work(tx: Tx) -> Job:
        job = _open_job(tx, org_id, name, mend="`dialer campaign change` changes its next runs")
        check_version(tx, "job", job.id, f"the job {job.id} of {job.campaign_name!r}", job.version, version)
        if edit.pacing is not None:
            check_mode(mode, edit.pacing, load_for_campaign(job.strategy_text, f"strategy of job {job.id}"))
        return change_job(tx, job, edit, by=by)

    return await store.write(work)


def change_job(tx: Tx, job: Job, edit: JobEdit, *, by: str) -> Job:
    """`edit_job` inside a transaction that holds the job. Raises NotFound, BadInput, Conflict."""
    before = job.definition
    lists = before.contact_lists if edit.contact_lists is None else edit.contact_lists
    found = [tx.contact_lists(job.org_id).by_name(one) for one in dict.fromkeys(lists)]
    after = replace(
        before,
        contact_lists=tuple(one.name for one in found),
        priority=before.priority if edit.priority is None else edit.priority,
        filter=before.filter if edit.filter is None else edit.filter.on(tx.now.date()),
        holds=before.holds if edit.holds is None else edit.holds,
    )
    if edit.pacing is not None:
        check_pacing(edit.pacing)
        check_turn(before.pacing, edit.pacing)
        after = replace(after, pacing=fitted(tx, job.org_id, edit.pacing, before.codes))
    pace = edit.pace or job.pace
    check_pace(pace)
    check_knobs(after)
    changes = differences(replace(before, pace=job.pace), replace(after, pace=pace))
    if not changes:
        return job
    again = after.contact_lists != before.contact_lists or after.filter != before.filter
    ids = [one.id for one in found] if again else None
    changed = tx.jobs(job.org_id).edit(job.id, pace=pace, definition=after, list_ids=ids)
    tx.edits.add("job", job.id, changed.version, changes, by=by)
    if after.holds != before.holds:
        tx.job_contacts.let_go(job.id, held=HELD_CONTACT, now=tx.now)
    return changed


@dataclass(frozen=True, slots=True, kw_only=True)
class GateTotal:
    """How many contacts of a job stand at one gate, and when the first of them gets through, where that is known."""

    gate: str
    contacts: int
    because: str
    until: datetime | None = None


async def gate_totals(store: Store, org_id: OrgId, name: str, *, now: datetime) -> tuple[Job, list[GateTotal]]:
    """Where the contacts of a campaign's latest job stand: each is counted once. Raises NotFound, Conflict."""

    def work(tx: Tx) -> tuple[Job, list[GateTotal]]:
        runs = tx.jobs(org_id).by_campaign(tx.campaigns(org_id).by_name(name).id)
        if not runs:
            raise Conflict(f"the campaign {name!r} was never started")
        job, totals = runs[0], tx.jobs(org_id).totals(runs[0].id)
        found = [
            GateTotal(gate="finished", contacts=totals.finished, because="done in this job"),
            GateTotal(gate="filter", contacts=totals.excluded, because=f"left out by: {job.calls_whom}"),
            GateTotal(gate="in call", contacts=totals.in_call, because="in a call at this moment"),
            GateTotal(gate="claimed", contacts=totals.claimed, because="about to be called"),
        ]
        waiting = tx.job_contacts.waiting_by_reason(job.id, now=now)
        for because, count, due in waiting:
            later = due is not None and due > now
            said = because or ("scheduled for later" if later else "its time has come")
            found.append(GateTotal(gate="due" if later else "pace", contacts=count, because=said, until=due if later else None))
        rest = totals.scheduled - sum(count for _, count, _ in waiting)
        found.append(GateTotal(gate="due", contacts=rest, because="other reasons"))
        found.append(GateTotal(gate="list", contacts=totals.untouched, because="the job has not come to them yet"))
        return job, [one for one in found if one.contacts]

    return await store.read(work)


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


async def somebody_dials(store: Store) -> bool:
    """Whether a dialer is running on this database, by its own word of the last seconds."""
    return await store.read(lambda tx: any(node.fresh(tx.now) for node in tx.node_statuses.all()))


async def list_jobs(store: Store, org_id: OrgId, *, limit: int = 100) -> list[Job]:
    """The organisation's jobs, the latest first."""
    return await store.read(lambda tx: tx.jobs(org_id).all(limit=limit))


def _open_job(tx: Tx, org_id: OrgId, name: str, *, mend: str = "") -> Job:
    """The campaign's one job that is not over, held until the commit."""
    campaign = tx.campaigns(org_id).by_name(name)
    for job in tx.jobs(org_id).by_campaign(campaign.id):
        if job.state is not JobState.COMPLETED:
            return tx.jobs(org_id).get_for_update(job.id)
    raise Conflict(f"the campaign {campaign.name!r} is not running" + (f" ({mend})" if mend else ""))


def _move(tx: Tx, org_id: OrgId, name: str, state: JobState, because: str, by: str) -> Job:
    return tx.jobs(org_id).set_state(_open_job(tx, org_id, name).id, state, because=because, by=by)
