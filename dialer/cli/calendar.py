"""Start things by the calendar: the options and commands that campaigns, data sources and exports have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from dialer.cli.context import Config, Org, opened, out, plain_errors
from dialer.cli.rows import print_rows
from dialer.domain.ids import ScheduleId
from dialer.domain.schedule import Missed, Schedule, Starts
from dialer.errors import BadInput
from dialer.services import schedules
from dialer.services.organisations import DEFAULT
from dialer.services.recurrence import rule_for
from dialer.services.recurrence_words import in_words

At = Annotated[str, typer.Option(help="The first run, by the clocks of the zone: 2026-03-28T09:00.")]
Zone = Annotated[str, typer.Option(help="The time zone: Europe/Istanbul.")]
Every = Annotated[str, typer.Option(help="hourly, daily, weekly or monthly; once if not given.")]
On = Annotated[str, typer.Option(help="Weekdays, joined by commas: MO,WE.")]
Interval = Annotated[int, typer.Option(help="Every so many hours, days, weeks or months.")]
Times = Annotated[int | None, typer.Option(help="So many runs, then no more.")]
Until = Annotated[str, typer.Option(help="The last day: 2026-12-31.")]
Rule = Annotated[str, typer.Option(help="An RRULE of your own instead (RFC 5545).")]
OfMissed = Annotated[Missed, typer.Option(help="What of runs whose time passed with no dialer running.")]
Raw = Annotated[bool, typer.Option("--rules", help="The rules as they are kept (RRULE), too.")]
Number = Annotated[int, typer.Argument(metavar="SCHEDULE", help="Its number, as `list` shows it.")]


def add_to(app: typer.Typer, of: Starts) -> None:
    """Give a `schedule` noun the commands that take a schedule's number; they know the schedules that start `of`."""

    @app.command("runs")
    @plain_errors
    def runs(number: Number, config: Config = None, org: Org = DEFAULT) -> None:
        """Show what became of a schedule's runs."""
        _runs(number, of, config, org)

    @app.command("off")
    @plain_errors
    def off(number: Number, config: Config = None, org: Org = DEFAULT) -> None:
        """Start nothing until it is switched on again."""
        _switch(number, of, False, config, org)

    @app.command("on")
    @plain_errors
    def on(number: Number, config: Config = None, org: Org = DEFAULT) -> None:
        """Go on from now."""
        _switch(number, of, True, config, org)

    @app.command("remove")
    @plain_errors
    def remove(number: Number, config: Config = None, org: Org = DEFAULT) -> None:
        """Forget a schedule; what it started goes on."""
        _remove(number, of, config, org)


def chosen_times(
    at: str, *, every: str, on: str, interval: int, times: int | None, until: str, rule: str
) -> tuple[datetime, str]:
    """The first run and the rule by what was written. Raises BadInput."""
    try:
        first, last = datetime.fromisoformat(at), date.fromisoformat(until) if until else None
    except ValueError as exc:
        given = at if not until else f"{at}, {until}"
        mend = "2026-03-28T09:00" if not until else "2026-03-28T09:00 and 2026-12-31"
        raise BadInput(f"{given!r} is no time", where="at" if not until else "at, until", mend=mend) from exc
    if not every and (on or times or until or interval != 1) and not rule:
        raise BadInput("a single run has no weekdays, count or end", where="every", mend="hourly, daily, weekly or monthly")
    days = [day for day in on.split(",") if day.strip()]
    chosen = rule or (rule_for(every, weekdays=days, interval=interval, count=times, until=last) if every else "")
    return first, chosen


def show_schedules(what: str, found: Sequence[Schedule], *, raw: bool) -> None:
    """A table of schedules; `what` they start. `raw`: with their rules."""
    table = Table("Schedule", what, "When", "Next run", "Missed runs", "State", *(["Rule"] if raw else []))
    for one in found:
        state = "ended" if one.next_at is None else "on" if one.active else "off"
        told = (in_words(one), next_of(one), one.missed.value, state)
        table.add_row(str(one.id), one.starts, *told, *([one.rule or "once"] if raw else []))
    print_rows(table, "no schedules yet: `add` makes one")


def next_of(one: Schedule) -> str:
    """When it runs next."""
    return "none" if one.next_local is None else f"{one.next_local:%a %Y-%m-%d %H:%M} in {one.zone}"


def next_and_then(one: Schedule) -> str:
    """When it runs next, and by which rule it goes on."""
    return next_of(one) + (f" ({in_words(one)})" if one.rule else "")


def _runs(number: int, of: Starts, config: Path | None, org: str) -> None:
    with opened(config, org) as (store, org_id):
        found = asyncio.run(schedules.schedule_runs(store, org_id, ScheduleId(number), of))
    table = Table("Local time", "Outcome", "Job or run", "Because")
    for one in found:
        table.add_row(f"{one.local:%Y-%m-%d %H:%M}", one.outcome.value, str(one.job_id or one.run_id or ""), one.because)
    print_rows(table)


def _switch(number: int, of: Starts, on: bool, config: Path | None, org: str) -> None:
    with opened(config, org) as (store, org_id):
        one = asyncio.run(schedules.switch_schedule(store, org_id, ScheduleId(number), of, on=on))
    out.print(f"schedule {one.id} is {'on' if on else 'off'}; next run: {next_of(one)}", soft_wrap=True)


def _remove(number: int, of: Starts, config: Path | None, org: str) -> None:
    with opened(config, org) as (store, org_id):
        asyncio.run(schedules.remove_schedule(store, org_id, ScheduleId(number), of))
    out.print(f"schedule {number} removed")
