"""`dialer campaign schedule`: start campaigns by the calendar."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from dialer.cli.calendar import (
    At,
    Every,
    Interval,
    OfMissed,
    On,
    Raw,
    Rule,
    Times,
    Until,
    Zone,
    add_to,
    chosen_times,
    next_and_then,
    show_schedules,
)
from dialer.cli.context import Config, Org, opened, out, plain_errors, who
from dialer.domain.schedule import Missed, Starts
from dialer.services import schedules
from dialer.services.organisations import DEFAULT

schedule_app = typer.Typer(help="Start a campaign at a time, once or again and again.", no_args_is_help=True)
add_to(schedule_app, Starts.CAMPAIGN)


@schedule_app.command("add")
@plain_errors
def add(
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The campaign's name.")],
    at: At,
    zone: Zone = "UTC",
    every: Every = "",
    on: On = "",
    interval: Interval = 1,
    times: Times = None,
    until: Until = "",
    rule: Rule = "",
    missed: OfMissed = Missed.SKIP,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Start a campaign by the calendar; `dialer serve` looks at it."""
    first, chosen = chosen_times(at, every=every, on=on, interval=interval, times=times, until=until, rule=rule)
    with opened(config, org) as (store, org_id):
        made = asyncio.run(
            schedules.add_schedule(store, org_id, campaign, first=first, zone=zone, rule=chosen, missed=missed, by=who())
        )
    out.print(f"schedule {made.id}: {made.starts} starts next at {next_and_then(made)}", soft_wrap=True)


@schedule_app.command("list")
@plain_errors
def list_schedules(
    campaign: Annotated[str | None, typer.Argument(metavar="[CAMPAIGN]", help="Of one campaign only.")] = None,
    rules: Raw = False,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Show the schedules and when each runs next."""
    with opened(config, org) as (store, org_id):
        show_schedules("Campaign", asyncio.run(schedules.list_schedules(store, org_id, campaign)), raw=rules)
