"""`dialer export schedule`: exports that the running dialer makes by itself."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.table import Table

from dialer.cli.calendar import At, Every, Interval, On, Raw, Rule, Times, Until, Zone, chosen_times, next_and_then, next_of
from dialer.cli.context import Config, Org, opened, out, plain_errors, who
from dialer.cli.export_words import Attributes, Bom, Columns, Days, Delimiter, OfList, OnlyThose, content_of
from dialer.cli.rows import print_rows
from dialer.domain.export import ExportOf, Only, Per
from dialer.domain.export_definition import ExportDefinition
from dialer.domain.ids import ExportId
from dialer.errors import BadInput
from dialer.services import recurring_exports
from dialer.services.organisations import DEFAULT
from dialer.services.recurrence_words import in_words
from dialer.services.recurring_exports import NewExport, RecurringExport

schedule_app = typer.Typer(help="Export again and again: after each job, or by the calendar.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="EXPORT", help="Its number; see `dialer export schedule list`.")]


@schedule_app.command("add")
@plain_errors
def add(
    what: Annotated[ExportOf, typer.Argument(metavar="WHAT", help="attempts, contacts, codes, dnc or inbox.")],
    campaign: Annotated[str, typer.Option(help="Of this campaign; of the whole organisation if not given.")] = "",
    after_job: Annotated[bool, typer.Option("--after-job", help="At the end of each job.")] = False,
    at: At = "",
    zone: Zone = "UTC",
    every: Every = "",
    on: On = "",
    interval: Interval = 1,
    times: Times = None,
    until: Until = "",
    rule: Rule = "",
    file: Annotated[str, typer.Option(help="The files' names: {what}-{campaign}-{job}.csv, also with {date} and {time}.")] = "",
    contact_list: OfList = "",
    only: OnlyThose = Only.ALL,
    days: Days = 0,
    per: Annotated[Per, typer.Option(help="Codes: count each run by itself, or all runs together.")] = Per.JOB,
    columns: Columns = "",
    attributes: Attributes = False,
    delimiter: Delimiter = "comma",
    bom: Bom = False,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Export from now on, into the folder of the settings; `dialer serve` does it. Masked attributes stay masked."""
    if after_job == bool(at):
        raise BadInput("when?", where="at", mend="either --after-job or --at with --every")
    if after_job and (every or rule or on or times or until or interval != 1):
        raise BadInput("an export after each job has no calendar", where="every", mend="--at instead of --after-job")
    first, chosen = (
        (None, "") if after_job else chosen_times(at, every=every, on=on, interval=interval, times=times, until=until, rule=rule)
    )
    content = content_of(
        what,
        columns=columns,
        attributes=attributes,
        only=only,
        contact_list=contact_list,
        days=days,
        per=per,
        delimiter=delimiter,
        bom=bom,
    )
    new = NewExport(content=content, campaign=campaign, file=file, first=first, zone=zone, rule=chosen)
    with opened(config, org) as (store, org_id):
        made = asyncio.run(recurring_exports.add_export(store, org_id, new, by=who()))
    one = made.definition
    out.print(f"export {one.id}: {one.content.of.value} of {_whose(one)}, {_next(made)}", soft_wrap=True)


@schedule_app.command("list")
@plain_errors
def list_exports(rules: Raw = False, config: Config = None, org: Org = DEFAULT) -> None:
    """Show the exports and when each runs next."""
    with opened(config, org) as (store, org_id):
        found = asyncio.run(recurring_exports.list_exports(store, org_id))
    table = Table("Export", "What", "Of", "When", "Next run", "File", *(["Rule"] if rules else []))
    for each in found:
        one, schedule = each.definition, each.schedule
        told = (_when(each), "" if schedule is None else next_of(schedule), one.file)
        rule = "" if schedule is None else schedule.rule or "once"
        table.add_row(str(one.id), one.content.of.value, _whose(one), *told, *([rule] if rules else []))
    print_rows(table, "no export makes itself yet: `dialer export schedule add`")


@schedule_app.command("runs")
@plain_errors
def runs(number: Number, config: Config = None, org: Org = DEFAULT) -> None:
    """Show what became of an export's runs, the latest first."""
    with opened(config, org) as (store, org_id):
        found, missed = asyncio.run(recurring_exports.export_runs(store, org_id, ExportId(number)))
    table = Table("Run", "State", "Rows", "Bytes", "Ended (UTC)", "File", "Because")
    for one in found:
        name = f"job {one.job_id}" if one.local is None else f"{one.local:%Y-%m-%d %H:%M}"
        ended = "" if one.ended_at is None else f"{one.ended_at:%Y-%m-%d %H:%M:%S}"
        rows, size = ("" if count is None else f"{count:,}" for count in (one.rows, one.size))
        table.add_row(name, one.state.value, rows, size, ended, one.file, one.because)
    for lost in missed:
        table.add_row(f"{lost.local:%Y-%m-%d %H:%M}", lost.outcome.value, "", "", "", "", lost.because)
    print_rows(table)


@schedule_app.command("remove")
@plain_errors
def remove(number: Number, config: Config = None, org: Org = DEFAULT) -> None:
    """Export it no more; files that were written stay."""
    with opened(config, org) as (store, org_id):
        asyncio.run(recurring_exports.remove_export(store, org_id, ExportId(number)))
    out.print(f"export {number} removed")


def _whose(one: ExportDefinition) -> str:
    return one.campaign_name or "all campaigns"


def _next(one: RecurringExport) -> str:
    return _when(one) if one.schedule is None else next_and_then(one.schedule)


def _when(one: RecurringExport) -> str:
    return "after each job" if one.schedule is None else in_words(one.schedule)
