"""Start campaigns by the calendar: once, daily, weekly, monthly; each run exactly once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dialer.domain.ids import CampaignId, JobId, OrgId, ScheduleId
from dialer.domain.schedule import Missed, RunOutcome, Schedule, ScheduledRun
from dialer.errors import BadInput, Conflict, NotFound
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
    check_rule(first, zone, rule)

    def work(tx: Tx) -> Schedule:
        found = tx.campaigns(org_id).by_name(campaign)
        new = Schedule(
            id=ScheduleId(0),  # given by the database
            org_id=org_id,
            campaign_id=found.id,
            campaign_name=found.name,
            first=first,
            zone=zone,
            rule=rule,
            missed=missed,
        )
        ahead = next_run(new, now or tx.now)
        if ahead is None:
            raise BadInput("no run lies ahead: the time is past", where="at", mend="a time that is still to come")
        return tx.schedules(org_id).create(replace(new, next_local=ahead.local, next_at=ahead.at), by=by)

    return await store.write(work)


async def list_schedules(store: Store, org_id: OrgId, campaign: str | None = None) -> list[Schedule]:
    """The schedules of a campaign, or of all. Raises NotFound."""

    def work(tx: Tx) -> list[Schedule]:
        of: CampaignId | None = None if campaign is None else tx.campaigns(org_id).by_name(campaign).id
        return tx.schedules(org_id).all(of)

    return await store.read(work)


async def schedule_runs(store: Store, org_id: OrgId, schedule_id: ScheduleId) -> list[ScheduledRun]:
    """What became of a schedule's runs, the latest first. Raises NotFound."""
    return await store.read(lambda tx: tx.schedules(org_id).runs(schedule_id))


async def remove_schedule(store: Store, org_id: OrgId, schedule_id: ScheduleId) -> None:
    """Forget a schedule; jobs that it started go on. Raises NotFound."""
    await store.write(lambda tx: tx.schedules(org_id).remove(schedule_id))


async def switch_schedule(store: Store, org_id: OrgId, schedule_id: ScheduleId, *, on: bool) -> Schedule:
    """Switch a schedule off, or on again from now: what fell due meanwhile is left out. Raises NotFound."""

    def work(tx: Tx) -> Schedule:
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
        done += await store.write(lambda tx, one=schedule_id: _run(tx, one, now))  # type: ignore[misc]  # a default binds the loop's value
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


def _from(schedule: Schedule, local: datetime) -> list[Occurrence]:
    just_before = local.replace(tzinfo=ZoneInfo(schedule.zone)) - timedelta(days=1)
    ahead = next_run(schedule, just_before)
    while ahead is not None and ahead.local < local:
        ahead = next_run(schedule, ahead.at)
    return [] if ahead is None else [ahead]


def _run(tx: Tx, schedule_id: ScheduleId, now: datetime) -> list[ScheduledRun]:
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
            outcome, because, job_id = _start(tx, schedule, occurrence)
        else:
            outcome, because, job_id = RunOutcome.MISSED, "no dialer was running at that time", None
        schedules.record(schedule_id, occurrence.local, outcome, because, job_id)
        runs.append(
            ScheduledRun(schedule_id=schedule_id, local=occurrence.local, outcome=outcome, because=because, job_id=job_id, at=now)
        )
    ahead = next_run(schedule, max(now, due[-1].at) if due else now)
    _set_next(tx, schedule_id, ahead)
    return runs


def _set_next(tx: Tx, schedule_id: ScheduleId, ahead: Occurrence | None) -> None:
    local, at = (None, None) if ahead is None else (ahead.local, ahead.at)
    tx.schedules(None).set_next(schedule_id, local, at)


def _start(tx: Tx, schedule: Schedule, occurrence: Occurrence) -> tuple[RunOutcome, str, JobId | None]:
    because = f"schedule {schedule.id}: {occurrence.local:%Y-%m-%d %H:%M} in {schedule.zone}"
    try:
        today = occurrence.local.date()
        job = start_in(tx, schedule.org_id, schedule.campaign_name, by="schedule", because=because, today=today)
    except (BadInput, Conflict, NotFound) as mistake:  # this run's misfortune is recorded, and the next run has its own chance
        return RunOutcome.REFUSED, str(mistake), None
    return RunOutcome.STARTED, because, job.id
