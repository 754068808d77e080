"""`dialer campaign schedule` and `dialer contacts source schedule`: start a campaign, or fetch a data source, by the calendar."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Annotated, Any, Protocol

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
from dialer.domain.ids import OrgId
from dialer.domain.schedule import Missed, Schedule, Starts
from dialer.services import schedules
from dialer.services.organisations import DEFAULT
from dialer.store.store import Store

# Without `from __future__ import annotations`: typer could not read annotations that name what a function was given.


class Adds(Protocol):
    """How a service makes a schedule of what has the name."""

    def __call__(
        self, store: Store, org_id: OrgId, name: str, /, *, first: datetime, zone: str, rule: str, missed: Missed, by: str
    ) -> Coroutine[Any, Any, Schedule]: ...


def schedule_noun(
    starts: Starts,
    *,
    verb: str,
    word: str,
    add_to_store: Adds,
    find: Callable[[Store, OrgId, str | None], Coroutine[Any, Any, list[Schedule]]],
) -> typer.Typer:
    """The commands `add`, `list`, `runs`, `off`, `on` and `remove`. `word`: for a column and, in capitals, for the argument."""
    app = typer.Typer(help=f"{verb} a {starts} at a time, once or again and again.", no_args_is_help=True)
    add_to(app, starts)
    argument = word.upper()

    @app.command("add", help=f"{verb} a {starts} by the calendar; `dialer serve` looks at it.")
    @plain_errors
    def add(
        name: Annotated[str, typer.Argument(metavar=argument, help=f"The {starts}'s name.")],
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
        first, chosen = chosen_times(at, every=every, on=on, interval=interval, times=times, until=until, rule=rule)
        with opened(config, org) as (store, org_id):
            made = asyncio.run(add_to_store(store, org_id, name, first=first, zone=zone, rule=chosen, missed=missed, by=who()))
        out.print(f"schedule {made.id}: {made.starts} starts next at {next_and_then(made)}", soft_wrap=True)

    @app.command("list")
    @plain_errors
    def list_schedules(
        name: Annotated[str | None, typer.Argument(metavar=f"[{argument}]", help=f"Of one {starts} only.")] = None,
        rules: Raw = False,
        config: Config = None,
        org: Org = DEFAULT,
    ) -> None:
        """Show the schedules and when each runs next."""
        with opened(config, org) as (store, org_id):
            show_schedules(word, asyncio.run(find(store, org_id, name)), raw=rules)

    return app


campaign_schedule_app = schedule_noun(
    Starts.CAMPAIGN, verb="Start", word="Campaign", add_to_store=schedules.add_schedule, find=schedules.list_schedules
)
source_schedule_app = schedule_noun(
    Starts.SOURCE,
    verb="Fetch",
    word="Source",
    add_to_store=schedules.add_source_schedule,
    find=schedules.list_source_schedules,
)
