"""`dialer campaign schedule`: start campaigns by the calendar."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from typing import Annotated

import typer
from rich.table import Table

from dialer.cli.context import Config, Org, opened, out, plain_errors, who
from dialer.domain.ids import ScheduleId
from dialer.domain.schedule import Missed, Schedule
from dialer.errors import BadInput
from dialer.services import schedules
from dialer.services.organisations import DEFAULT
from dialer.services.recurrence import rule_for

schedule_app = typer.Typer(help="Start a campaign at a time, once or again and again.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="SCHEDULE", help="Its number; see `dialer campaign schedule list`.")]


@schedule_app.command("add")
@plain_errors
def add(
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The campaign's name.")],
    at: Annotated[str, typer.Option(help="The first run, by the clocks of the zone: 2026-03-28T09:00.")],
    zone: Annotated[str, typer.Option(help="The time zone: Europe/Istanbul.")] = "UTC",
    every: Annotated[str, typer.Option(help="daily, weekly or monthly; once if not given.")] = "",
    on: Annotated[str, typer.Option(help="Weekdays, joined by commas: MO,WE.")] = "",
    interval: Annotated[int, typer.Option(help="Every so many days, weeks or months.")] = 1,
    times: Annotated[int | None, typer.Option(help="So many runs, then no more.")] = None,
    until: Annotated[str, typer.Option(help="The last day: 2026-12-31.")] = "",
    rule: Annotated[str, typer.Option(help="An RRULE of your own instead (RFC 5545).")] = "",
    missed: Annotated[Missed, typer.Option(help="What of runs whose time passed with no dialer running.")] = Missed.SKIP,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Start a campaign by the calendar; `dialer serve` looks at it."""
    try:
        first, last = datetime.fromisoformat(at), date.fromisoformat(until) if until else None
    except ValueError as exc:
        raise BadInput(str(exc), where="at" if not until else "at, until", mend="2026-03-28T09:00 and 2026-12-31") from exc
    if not every and (on or times or until or interval != 1) and not rule:
        raise BadInput("a single run has no weekdays, count or end", where="every", mend="daily, weekly or monthly")
    days = [day for day in on.split(",") if day.strip()]
    chosen = rule or (rule_for(every, weekdays=days, interval=interval, count=times, until=last) if every else "")
    with opened(config, org) as (store, org_id):
        made = asyncio.run(
            schedules.add_schedule(store, org_id, campaign, first=first, zone=zone, rule=chosen, missed=missed, by=who())
        )
    out.print(f"schedule {made.id}: {made.campaign_name} starts next at {_next(made)}", soft_wrap=True)


@schedule_app.command("list")
@plain_errors
def list_schedules(
    campaign: Annotated[str | None, typer.Argument(metavar="[CAMPAIGN]", help="Of one campaign only.")] = None,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Show the schedules and when each runs next."""
    with opened(config, org) as (store, org_id):
        found = asyncio.run(schedules.list_schedules(store, org_id, campaign))
    table = Table("Schedule", "Campaign", "Rule", "Next run", "Missed runs", "State")
    for one in found:
        state = "ended" if one.next_at is None else "on" if one.active else "off"
        table.add_row(str(one.id), one.campaign_name, one.rule or "once", _next(one), one.missed.value, state)
    out.print(table)


@schedule_app.command("runs")
@plain_errors
def runs(number: Number, config: Config = None, org: Org = DEFAULT) -> None:
    """Show what became of a schedule's runs."""
    with opened(config, org) as (store, org_id):
        found = asyncio.run(schedules.schedule_runs(store, org_id, ScheduleId(number)))
    table = Table("Local time", "Outcome", "Job", "Because")
    for one in found:
        table.add_row(f"{one.local:%Y-%m-%d %H:%M}", one.outcome.value, str(one.job_id or ""), one.because)
    out.print(table)


@schedule_app.command("off")
@plain_errors
def switch_off(number: Number, config: Config = None, org: Org = DEFAULT) -> None:
    """Start nothing until it is switched on again."""
    _switch(number, False, config, org)


@schedule_app.command("on")
@plain_errors
def switch_on(number: Number, config: Config = None, org: Org = DEFAULT) -> None:
    """Go on from now."""
    _switch(number, True, config, org)


@schedule_app.command("remove")
@plain_errors
def remove(number: Number, config: Config = None, org: Org = DEFAULT) -> None:
    """Forget a schedule; jobs that it started go on."""
    with opened(config, org) as (store, org_id):
        asyncio.run(schedules.remove_schedule(store, org_id, ScheduleId(number)))
    out.print(f"schedule {number} removed")


def _switch(number: int, on: bool, config: Config, org: str) -> None:
    with opened(config, org) as (store, org_id):
        one = asyncio.run(schedules.switch_schedule(store, org_id, ScheduleId(number), on=on))
    out.print(f"schedule {one.id} is {'on' if on else 'off'}; next run: {_next(one)}", soft_wrap=True)


def _next(one: Schedule) -> str:
    return "none" if one.next_local is None else f"{one.next_local:%a %Y-%m-%d %H:%M} in {one.zone}"
