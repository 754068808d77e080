"""`dialer campaign`: run campaigns, and see how far they have come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from dialer.cli.campaign_define import Name, change, create, delete, show
from dialer.cli.campaign_live import gates, live_edit, recycle
from dialer.cli.context import Config, Org, opened, out, plain_errors, read_settings, who
from dialer.cli.rows import print_rows
from dialer.cli.schedule import campaign_schedule_app
from dialer.cli.watch import watch
from dialer.domain.campaign import Job, JobState, Pace
from dialer.domain.ids import JobId, OrgId
from dialer.domain.pacing_plan import Pacing
from dialer.services import campaigns, jobs
from dialer.services.organisations import DEFAULT
from dialer.store.store import Store

NOBODY = "no dialer is running: nobody is called until `dialer serve` is"

campaign_app = typer.Typer(help="Campaigns: what to do, with whom, how fast.", no_args_is_help=True)

campaign_app.command()(create)
campaign_app.command()(change)
campaign_app.command()(show)
campaign_app.command()(delete)
campaign_app.command("edit")(live_edit)
campaign_app.command()(recycle)
campaign_app.command()(gates)
campaign_app.command()(watch)
campaign_app.add_typer(campaign_schedule_app, name="schedule")


@campaign_app.command("start")
@plain_errors
def start(name: Name, config: Config = None, org: Org = DEFAULT) -> None:
    """Begin a run; `dialer serve` does the calling."""
    mode = read_settings(config).agents.mode
    _run(config, org, "started", lambda store, org_id: jobs.start_campaign(store, org_id, name, by=who(), mode=mode))
    with opened(config, org) as (store, _):
        if not asyncio.run(jobs.somebody_dials(store)):
            _say(NOBODY)


@campaign_app.command("pause")
@plain_errors
def pause(name: Name, config: Config = None, org: Org = DEFAULT) -> None:
    """Launch no more calls for now; calls that are up go on."""
    _run(config, org, "paused", lambda store, org_id: jobs.pause_campaign(store, org_id, name, by=who()))


@campaign_app.command("resume")
@plain_errors
def resume(name: Name, config: Config = None, org: Org = DEFAULT) -> None:
    """Go on with a paused run."""
    _run(config, org, "resumed", lambda store, org_id: jobs.resume_campaign(store, org_id, name, by=who()))


@campaign_app.command("stop")
@plain_errors
def stop(
    name: Name,
    force: Annotated[bool, typer.Option("--force", help="Hang up the calls that are up, too.")] = False,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """End the run; calls that are up end by themselves."""
    _run(config, org, "stopped", lambda store, org_id: jobs.stop_campaign(store, org_id, name, by=who(), force=force))


@campaign_app.command("pace")
@plain_errors
def change_pace(
    name: Name,
    pace: Annotated[str, typer.Argument(help="How fast: 60/minute, 5/second, 1200/hour.")],
    max_ports: Annotated[int | None, typer.Option(help="Never more calls at once; unchanged if not given.")] = None,
    min_ports: Annotated[int | None, typer.Option(help="Faster while fewer calls are up; unchanged if not given.")] = None,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Make a running job faster or slower."""

    async def work(store: Store, org_id: OrgId) -> Job:
        now = (await jobs.campaign_status(store, org_id, name)).job
        least = min_ports if min_ports is not None else (now.pace.min_ports if now else 0)
        most = max_ports if max_ports is not None else (now.pace.max_ports if now else 50)
        return await jobs.change_pace(store, org_id, name, campaigns.parse_pace(pace, min_ports=least, max_ports=most), by=who())

    _run(config, org, f"now dials {pace}", work)


@campaign_app.command("list")
@plain_errors
def list_campaigns(config: Config = None, org: Org = DEFAULT) -> None:
    """Show the campaigns, and the run of each that is not over."""
    with opened(config, org) as (store, org_id):

        async def work() -> Table:
            running = {job.campaign_id: job for job in await jobs.list_jobs(store, org_id) if job.state is not JobState.COMPLETED}
            table = Table("Campaign", "Strategy", "Lists", "Pace", "Job", "State")
            for one in await campaigns.list_campaigns(store, org_id):
                job = running.get(one.id)
                pace, pacing = (job.pace, job.definition.pacing) if job else (one.pace, one.pacing)
                table.add_row(
                    one.name,
                    one.strategy,
                    ", ".join(one.contact_lists),
                    _pace_of(pace, pacing),
                    str(job.id) if job else "",
                    job.state.value if job else "",
                )
            return table

        shown = asyncio.run(work())
    print_rows(shown, "no campaigns yet: `dialer campaign create NAME`")


@campaign_app.command("status")
@plain_errors
def status(
    name: Name,
    job: Annotated[int | None, typer.Option(help="An earlier run, by its number.")] = None,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Show how far the latest run has come: its contacts, and how its attempts ended."""
    chosen = None if job is None else JobId(job)
    with opened(config, org) as (store, org_id):
        found = asyncio.run(jobs.campaign_status(store, org_id, name, job_id=chosen))
        dials = asyncio.run(jobs.somebody_dials(store))
    for table in status_tables(found):
        out.print(table)
    if not dials and found.job is not None and found.job.state is not JobState.COMPLETED:
        _say(NOBODY)


def status_tables(found: jobs.CampaignStatus) -> list[Table]:
    """The status as tables: the job with its contacts, and its completion codes."""
    job, totals = found.job, found.totals
    if job is None or totals is None:
        head = Table(title=found.campaign.name, show_header=False)
        head.add_row("not started yet")
        return [head]
    head = Table(title=f"{found.campaign.name}: job {job.id}", show_header=False)
    rows = {
        "state": f"{job.state.value} ({job.because})" + (", by force" if job.force else ""),
        "pace": _pace_of(job.pace, job.definition.pacing, in_full=True),
        "started": _moment(job.started_at),
        "ended": _moment(job.ended_at),
        "contacts": f"{totals.contacts:,}",
        "  not looked at yet": f"{totals.untouched:,}",
        "  about to be called": f"{totals.claimed:,}",
        "  wait for their time": f"{totals.scheduled:,}",
        "    of these restricted": f"{totals.restricted:,} now, {totals.restrictions:,} times so far",
        "  in a call": f"{totals.in_call:,}",
        "  finished": f"{totals.finished:,}",
        "  left out by the filter": f"{totals.excluded:,}",
        "attempts": f"{totals.attempts:,} ({totals.live:,} live)",
    }
    for key, value in rows.items():
        head.add_row(key, value)
    codes = Table("Completion code", "Attempts")
    codes.columns[1].justify = "right"
    for code, count in found.codes.items():
        wanted = job.definition.finish.after_codes.get(code)
        codes.add_row(code, f"{count:,}" + (f" of {wanted:,}" if wanted else ""))
    return [head, codes]


def _pace_of(pace: Pace, pacing: Pacing, *, in_full: bool = False) -> str:
    """What decides when a contact is called: the clock, or agents."""
    ports = f"{pace.min_ports} to {pace.max_ports} ports"
    if pacing.has_agents:
        return f"{pacing if in_full else pacing.kind.value}, {ports}"
    return f"{pace.calls:g}{' per ' if in_full else '/'}{pace.per.value}, {ports}"


def _moment(at: object) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _run(config: Path | None, org: str, done: str, work: Callable[[Store, OrgId], Awaitable[Job]]) -> None:
    with opened(config, org) as (store, org_id):

        async def act() -> Job:
            return await work(store, org_id)

        job = asyncio.run(act())
    _say(f"{job.campaign_name} {done}: job {job.id} is {job.state.value}")


def _say(text: str) -> None:
    out.print(text, soft_wrap=True)
