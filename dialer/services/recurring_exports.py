"""Exports that are made by themselves: after each job of a campaign, or by the calendar."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from dialer.domain.export import ExportContent, ExportOf, ExportScope
from dialer.domain.export_definition import AFTER_JOB_FILE, CALENDAR_FILE, ExportDefinition, ExportRun
from dialer.domain.ids import ExportId, OrgId
from dialer.domain.schedule import RunOutcome, Schedule, ScheduledRun
from dialer.errors import BadInput, Conflict
from dialer.services.export import open_sheet
from dialer.services.export_names import check_pattern
from dialer.services.recurrence import check_rule
from dialer.services.schedules import schedule_export_in
from dialer.store.store import Store, Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class NewExport:
    """What a user wants to be exported again and again. With `first` by the calendar, without it after each job."""

    content: ExportContent
    campaign: str = ""  # "" = the whole organisation
    file: str = ""  # "" = a name that says it all
    first: datetime | None = None  # naive: what the clocks of `zone` show
    zone: str = "UTC"
    rule: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurringExport:
    """An export with its calendar, if it has one."""

    definition: ExportDefinition
    schedule: Schedule | None


async def add_export(store: Store, org_id: OrgId, new: NewExport, *, by: str, now: datetime | None = None) -> RecurringExport:
    """Export this from now on. Raises BadInput, NotFound; Conflict when another export writes files of these names."""
    first = new.first
    await asyncio.to_thread(check_rule, first or datetime.now(UTC).replace(tzinfo=None), new.zone, new.rule)
    if first is None and new.rule:
        raise BadInput("a rule without a first time", where="at", mend="2026-03-28T06:00")
    if first is None and new.content.days:
        raise BadInput("an export after a job holds the whole job", where="days", mend="leave it out")
    if new.content.of in (ExportOf.DNC, ExportOf.INBOX) and (first is None or new.campaign):
        what = "messages to us" if new.content.of is ExportOf.INBOX else "DNC entries"
        raise BadInput(f"{what} belong to no job and no campaign", where="at", mend="--at with --every, and no campaign")
    pattern = new.file or (AFTER_JOB_FILE if first is None else CALENDAR_FILE)
    check_pattern(pattern, after_jobs=first is None)
    # Columns and names that do not exist are told now, not by the runs.
    await asyncio.to_thread(open_sheet, store, org_id, new.content, ExportScope(at=datetime.now(UTC)))

    def work(tx: Tx) -> RecurringExport:
        campaign = tx.campaigns(org_id).by_name(new.campaign) if new.campaign else None
        wanted = ExportDefinition(
            id=ExportId(0),  # given by the database
            org_id=org_id,
            campaign_id=None if campaign is None else campaign.id,
            content=new.content,
            file=pattern,
            after_jobs=first is None,
            zone=new.zone,
            created_by=by,
        )
        for other in tx.exports(org_id).all():
            if _same_names(wanted, other):
                raise Conflict(f"export {other.id} writes files of these names: give this one another name")
        made = tx.exports(org_id).create(wanted)
        schedule = None if first is None else schedule_export_in(tx, made, first=first, rule=new.rule, by=by, now=now)
        return RecurringExport(definition=made, schedule=schedule)

    return await store.write(work)


async def list_exports(store: Store, org_id: OrgId) -> list[RecurringExport]:
    """The recurring exports of an organisation."""

    def work(tx: Tx) -> list[RecurringExport]:
        calendar = {one.export_id: one for one in tx.schedules(org_id).all()}
        return [RecurringExport(definition=one, schedule=calendar.get(one.id)) for one in tx.exports(org_id).all()]

    return await store.read(work)


async def remove_export(store: Store, org_id: OrgId, export_id: ExportId) -> None:
    """Export it no more; the files stay. Raises NotFound."""

    def work(tx: Tx) -> None:
        for schedule in tx.schedules(org_id).all(export_id=export_id):
            tx.schedules(org_id).remove(schedule.id)
        tx.exports(org_id).remove(export_id)

    await store.write(work)


async def export_runs(store: Store, org_id: OrgId, export_id: ExportId) -> tuple[list[ExportRun], list[ScheduledRun]]:
    """What became of an export's runs, the latest first, and those that were missed. Raises NotFound."""

    def work(tx: Tx) -> tuple[list[ExportRun], list[ScheduledRun]]:
        made = tx.exports(org_id).runs(export_id)
        calendar = [run for one in tx.schedules(org_id).all(export_id=export_id) for run in tx.schedules(org_id).runs(one.id)]
        return made, [run for run in calendar if run.outcome is not RunOutcome.STARTED]

    return await store.read(work)


def _same_names(one: ExportDefinition, other: ExportDefinition) -> bool:
    """Whether two exports would write over each other's files."""

    def pattern(export: ExportDefinition) -> str:
        return export.file.replace("{what}", export.content.of.value)

    apart = "{campaign}" in one.file and None not in (one.campaign_id, other.campaign_id) and one.campaign_id != other.campaign_id
    return pattern(one) == pattern(other) and not apart
