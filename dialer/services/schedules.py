"""Start campaigns, data sources and exports by the calendar: once, hourly, daily, weekly, monthly; each run exactly once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from dialer.domain.export_definition import ExportDefinition
from dialer.domain.ids import CampaignId, ImportRunId, JobId, OrgId, ScheduleId, SourceId
from dialer.domain.schedule import Missed, RunOutcome, Schedule, ScheduledRun, Starts
from dialer.errors import BadInput, Conflict, NotFound
from dialer.services.import_runs import queue_in
from dialer.services.jobs import start_in
from dialer.services.recurrence import Occurrence, check_rule, due_runs, next_run
from dialer.store.store import Store, Tx

LATE = timedelta(minutes=5)
"""A run that comes this late is still on time: a dialer may be restarted at nine o'clock sharp."""


async def add_schedule(
    store: Store,
    org_id: OrgId,
    campaign: str,
    *,
    first: datetime,
    zone: str,
    rule: str = "",
    missed: Missed = Missed.SKIP,
    by: str,
    now: datetime | None = None,
) -> Schedule:
    """Start `campaign` at the local time `first` in `zone`, and again by `rule`. A campaign may have several schedules.

    Raises BadInput (also when no run lies ahead), NotFound.
    """

    await asyncio.to_thread(check_rule, first, zone, rule)  # not in the transaction: others write meanwhile

    def work(tx: Tx) -> Schedule:
        found = tx.campaigns(org_id).by_name(campaign)
        new = _new(org_id, found.name, first=first, zone=zone, rule=rule, missed=missed)
        return _add(tx, replace(new, campaign_id=found.id), by, now)

    return await store.write(work)


async def add_source_schedule(
    store: Store,
    org_id: OrgId,
    source: str,
    *,
    first: datetime,
    zone: str,
    rule: str = "",
    missed: Missed = Missed.SKIP,
    by: str,
    now: datetime | None = None,
) -> Schedule:
    """Queue a run of the data source at the local time `first` in `zone`, and again by `rule`.

    Raises BadInput (also when no run lies ahead), NotFound.
    """

    await asyncio.to_thread(check_rule, first, zone, rule)

    def work(tx: Tx) -> Schedule:
        found = tx.data_sources(org_id).by_name(source)
        new = _new(org_id, found.name, first=first, zone=zone, rule=rule, missed=missed)
        return _add(tx, replace(new, source_id=found.id), by, now)

    return await store.write(work)


def schedule_export_in(
    tx: Tx, export: ExportDefinition, *, first: datetime, rule: str, by: str, now: datetime | None = None
) -> Schedule:
    """Let an export be made at the local time `first` of its zone, and again by `rule`; what was missed is made good once.

    The rule was checked before (`check_rule`). Raises BadInput when no run lies ahead.
    """
    new = _new(export.org_id, f"export {export.id}", first=first, zone=export.zone, rule=rule, missed=Missed.RUN_ONCE)
    return _add(tx, replace(new, export_id=export.id), by, now)


async def list_schedules(store: Store, org_id: OrgId, campaign: str | None = None) -> list[Schedule]:
    """The schedules of a campaign, or of all campaigns. Raises NotFound."""

    def work(tx: Tx) -> list[Schedule]:
        of: CampaignId | None = None if campaign is None else tx.campaigns(org_id).by_name(campaign).id
        return [one for one in tx.schedules(org_id).all(campaign_id=of) if one.campaign_id is not None]

    return await store.read(work)


async def list_source_schedules(store: Store, org_id: OrgId, source: str | None = None) -> list[Schedule]:
    """The schedules of a data source, or of all data sources. Raises NotFound."""

    def work(tx: Tx) -> list[Schedule]:
        of: SourceId | None = None if source is None else tx.data_sources(org_id).by_name(source).id
        return [one for one in tx.schedules(org_id).all(source_id=of) if one.source_id is not None]

    return await store.read(work)


async def schedule_runs(store: Store, org_id: OrgId, schedule_id: ScheduleId, of: Starts = Starts.CAMPAIGN) -> list[ScheduledRun]:
    """What became of a schedule's runs, the latest first. Raises NotFound, also for one that starts something else than `of`."""

    def work(tx: Tx) -> list[ScheduledRun]:
        _known(tx, org_id, schedule_id, of)
        return tx.schedules(org_id).runs(schedule_id)

    return await store.read(work)


async def remove_schedule(store: Store, org_id: OrgId, schedule_id: ScheduleId, of: Starts = Starts.CAMPAIGN) -> None:
    """Forget a schedule; what it started goes on. Raises NotFound."""

    def work(tx: Tx) -> None:
        _known(tx, org_id, schedule_id, of)
        tx.schedules(org_id).remove(schedule_id)

    await store.write(work)


async def switch_schedule(
    store: Store, org_id: OrgId, schedule_id: ScheduleId, of: Starts = Starts.CAMPAIGN, *, on: bool
) -> Schedule:
    """Switch a schedule off, or on again from now: what fell due meanwhile is left out. Raises NotFound."""

    def work(tx: Tx) -> Schedule:
        _known(tx, org_id, schedule_id, of)
        schedules = tx.schedules(org_id)
        schedule = schedules.get(schedule_id, for_update=True)
        if on and not schedule.active:
            ahead = next_run(schedule, tx.now)
            _set_next(tx, schedule_id, ahead)
        schedules.set_active(schedule_id, on)
        return schedules.get(schedule_id)

    return await store.write(work)


async def run_due(store: Store, now: datetime) -> list[ScheduledRun]:
    """Start what is due at `now`, of all organisations; returns what became of each run. Safe to be asked by several at once."""
    done: list[ScheduledRun] = []
    for schedule_id in await store.read(lambda tx: tx.schedules(None).due(now)):
        done += await store.write(partial(_run, schedule_id, now))
    return done


async def reckon_again(store: Store, now: datetime) -> int:
    """Look every next run up in the time zones that this program knows: the law may have moved a clock since."""

    def work(tx: Tx) -> int:
        moved = 0
        for schedule in tx.schedules(None).all():
            if schedule.next_local is None or schedule.next_at is None or schedule.next_at <= now:
                continue
            ahead = next(iter(_from(schedule, schedule.next_local)), None)
            if ahead is not None and ahead.at != schedule.next_at:
                tx.schedules(None).set_next(schedule.id, ahead.local, ahead.at)
                moved += 1
        return moved

    return await store.write(work)


def _known(tx: Tx, org_id: OrgId, schedule_id: ScheduleId, of: Starts) -> None:
    """A wrong number must not switch off what somebody else has planned."""
    found = tx.schedules(org_id).get(schedule_id)
    if found.what is not of:
        raise NotFound(f"the schedule {schedule_id} starts a {found.what.value} ({found.starts}), not a {of.value}")


def _from(schedule: Schedule, local: datetime) -> list[Occurrence]:
    just_before = local.replace(tzinfo=ZoneInfo(schedule.zone)) - timedelta(days=1)
    ahead = next_run(schedule, just_before)
    while ahead is not None and ahead.local < local:
        ahead = next_run(schedule, ahead.at)
    return [] if ahead is None else [ahead]


def _run(schedule_id: ScheduleId, now: datetime, tx: Tx) -> list[ScheduledRun]:
    schedules = tx.schedules(None)
    schedule = schedules.get(schedule_id, for_update=True)
    if not schedule.active or schedule.next_at is None or schedule.next_at > now:
        return []  # another node was quicker
    due = due_runs(schedule, now)
    runs = []
    for occurrence in due:
        if schedules.ran(schedule_id, occurrence.local):
            continue
        is_last = occurrence is due[-1]
        late = now - occurrence.at > LATE
        if is_last and (not late or schedule.missed is Missed.RUN_ONCE):
            run = _start(tx, schedule, occurrence, now)
        else:
            run = _decided(schedule, occurrence, now, RunOutcome.MISSED, "no dialer was running at that time")
        schedules.record(run)
        runs.append(run)
    ahead = next_run(schedule, max(now, due[-1].at) if due else now)
    _set_next(tx, schedule_id, ahead)
    return runs


def _new(org_id: OrgId, starts: str, *, first: datetime, zone: str, rule: str, missed: Missed) -> Schedule:
    no_number = ScheduleId(0)  # given by the database
    return Schedule(id=no_number, org_id=org_id, starts=starts, first=first, zone=zone, rule=rule, missed=missed)


def _add(tx: Tx, new: Schedule, by: str, now: datetime | None) -> Schedule:
    ahead = next_run(new, now or tx.now)
    if ahead is None:
        raise BadInput("no run lies ahead: the time is past", where="at", mend="a time that is still to come")
    return tx.schedules(new.org_id).create(replace(new, next_local=ahead.local, next_at=ahead.at), by=by)


def _set_next(tx: Tx, schedule_id: ScheduleId, ahead: Occurrence | None) -> None:
    local, at = (None, None) if ahead is None else (ahead.local, ahead.at)
    tx.schedules(None).set_next(schedule_id, local, at)


def _start(tx: Tx, schedule: Schedule, occurrence: Occurrence, now: datetime) -> ScheduledRun:
    because = f"schedule {schedule.id}: {occurrence.local:%Y-%m-%d %H:%M} in {schedule.zone}"
    try:
        if schedule.source_id is not None:
            queued = queue_in(tx, schedule.org_id, schedule.starts, by="schedule", because=because)
            return _decided(schedule, occurrence, now, RunOutcome.STARTED, because, run_id=queued.id)
        if schedule.export_id is not None:
            tx.exports(None).add_run(schedule.export_id, occurrence.at, local=occurrence.local)
            return _decided(schedule, occurrence, now, RunOutcome.STARTED, because)
        today = occurrence.local.date()
        job = start_in(tx, schedule.org_id, schedule.starts, by="schedule", because=because, today=today)
        return _decided(schedule, occurrence, now, RunOutcome.STARTED, because, job_id=job.id)
    except (BadInput, Conflict, NotFound) as mistake:  # this run's misfortune is recorded, and the next run has its own chance
        return _decided(schedule, occurrence, now, RunOutcome.REFUSED, str(mistake))


def _decided(
    schedule: Schedule,
    occurrence: Occurrence,
    now: datetime,
    outcome: RunOutcome,
    because: str,
    *,
    job_id: JobId | None = None,
    run_id: ImportRunId | None = None,
) -> ScheduledRun:
    return ScheduledRun(
        schedule_id=schedule.id,
        local=occurrence.local,
        outcome=outcome,
        because=because,
        job_id=job_id,
        run_id=run_id,
        at=now,
    )
