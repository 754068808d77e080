"""`dialer campaign`: define campaigns, run them, and see how far they have come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from dialer.cli.campaign_live import gates, live_edit, recycle
from dialer.cli.context import Config, Org, opened, out, plain_errors, read_settings, who
from dialer.cli.schedule import schedule_app
from dialer.domain.campaign import Job, JobState
from dialer.domain.ids import JobId, OrgId
from dialer.errors import BadInput
from dialer.services import campaigns, jobs, knobs
from dialer.services.organisations import DEFAULT
from dialer.store.store import Store

campaign_app = typer.Typer(help="Campaigns: what to do, with whom, how fast.", no_args_is_help=True)

campaign_app.command("edit")(live_edit)
campaign_app.command()(recycle)
campaign_app.command()(gates)
campaign_app.add_typer(schedule_app, name="schedule")

Name = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The campaign's name.")]


@campaign_app.command("create")
@plain_errors
def create(
    name: Name,
    strategy: Annotated[str, typer.Option(help="A strategy's name, or a YAML file, which is kept as its newest version.")],
    contact_list: Annotated[list[str], typer.Option("--list", help="A contact list; several are dialled in this order.")],
    code: Annotated[list[str], typer.Option("--code", help="A custom completion code that its attempts may end with.")] = [],  # noqa: B006  typer copies it
    pace: Annotated[str, typer.Option(help="How fast: 60/minute, 5/second, 1200/hour.")] = "60/minute",
    max_ports: Annotated[int, typer.Option(help="Never more calls at once.")] = 50,
    min_ports: Annotated[int, typer.Option(help="Dial faster than the pace while fewer calls are up.")] = 0,
    finish: Annotated[list[str], typer.Option(help='End when a code was reached so often: "Interested=50".')] = [],  # noqa: B006  typer copies it
    goal: Annotated[
        int, typer.Option(help="End after so many responses: codes flagged as a success, or those of --goal-code.")
    ] = 0,
    goal_code: Annotated[list[str], typer.Option(help="A code that counts as a response.")] = [],  # noqa: B006  typer copies it
    hours: Annotated[float, typer.Option(help="End after so many hours.")] = 0.0,
    end_at: Annotated[str, typer.Option(help='End at a time: "20:00 Europe/Istanbul", also with a day before it.')] = "",
    infinite: Annotated[bool, typer.Option("--infinite", help="Never end; call contacts that are added later.")] = False,
    where: Annotated[list[str], typer.Option(help='Only those who fit: "city like Ank*", "age # >= 18"; | is or.')] = [],  # noqa: B006  typer copies it
    sort: Annotated[str, typer.Option(help='The order: "city", "age # desc".')] = "",
    priority: Annotated[int, typer.Option(help="1 to 10: each step doubles its share of a trunk without room for all.")] = 5,
    hold: Annotated[list[str], typer.Option(help='Hold calls while: "share 30 Network Error", "time 12:00-13:30 UTC".')] = [],  # noqa: B006  typer copies it
    then: Annotated[str, typer.Option(help="The campaign that starts when this one has ended.")] = "",
    trunk: Annotated[str, typer.Option(help="The way out; the first of the settings if not given.")] = "",
    caller_id: Annotated[str, typer.Option(help="The number that the callee sees, E.164; the trunk's if not given.")] = "",
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Define a campaign. It does not call anybody until it is started."""
    settings = read_settings(config)
    trunks = [one.name for one in settings.trunk]
    with opened(org=org, settings=settings) as (store, org_id):

        async def work() -> str:
            chosen = await _strategy_name(store, org_id, strategy)
            new = campaigns.NewCampaign(
                name=name,
                strategy=chosen,
                contact_lists=tuple(contact_list),
                codes=tuple(code),
                trunk=trunk,
                caller_id=caller_id,
                pace=campaigns.parse_pace(pace, min_ports=min_ports, max_ports=max_ports),
                finish_after=campaigns.parse_finish(finish),
                responses=goal,
                response_codes=tuple(goal_code),
                after_hours=hours,
                end_at=knobs.parse_end(end_at),
                infinite=infinite,
                filter=knobs.parse_filter(where),
                sort=knobs.parse_sort(sort),
                priority=priority,
                holds=tuple(knobs.parse_hold(one) for one in hold),
                then=then,
            )
            return (await campaigns.create_campaign(store, org_id, new, trunks=trunks or None)).name

        created = asyncio.run(work())
    _say(f"campaign created: {created} (start it with: dialer campaign start {created!r})")


@campaign_app.command("start")
@plain_errors
def start(name: Name, config: Config = None, org: Org = DEFAULT) -> None:
    """Begin a run; `dialer serve` does the calling."""
    _run(config, org, "started", lambda store, org_id: jobs.start_campaign(store, org_id, name, by=who()))


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
                pace = job.pace if job else one.pace
                table.add_row(
                    one.name,
                    one.strategy,
                    ", ".join(one.contact_lists),
                    f"{pace.calls:g}/{pace.per.value}, {pace.min_ports} to {pace.max_ports} ports",
                    str(job.id) if job else "",
                    job.state.value if job else "",
                )
            return table

        shown = asyncio.run(work())
    out.print(shown)


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
    for table in status_tables(found):
        out.print(table)


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
        "pace": f"{job.pace.calls:g} per {job.pace.per.value}, {job.pace.min_ports} to {job.pace.max_ports} ports",
        "started": _moment(job.started_at),
        "ended": _moment(job.ended_at),
        "contacts": f"{totals.contacts:,}",
        "  not looked at yet": f"{totals.untouched:,}",
        "  about to be called": f"{totals.claimed:,}",
        "  wait for their time": f"{totals.scheduled:,}",
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


def _moment(at: object) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


async def _strategy_name(store: Store, org_id: OrgId, given: str) -> str:
    """The name of the strategy that was given; a file is kept as its newest version first."""
    path = Path(given)
    if path.suffix not in (".yaml", ".yml") and not path.is_file():
        return given
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise BadInput(f"cannot be read: {exc}", where=given) from exc
    return (await campaigns.save_strategy(store, org_id, text, given)).name


def _run(config: Path | None, org: str, done: str, work: Callable[[Store, OrgId], Awaitable[Job]]) -> None:
    with opened(config, org) as (store, org_id):

        async def act() -> Job:
            return await work(store, org_id)

        job = asyncio.run(act())
    _say(f"{job.campaign_name} {done}: job {job.id} is {job.state.value}")


def _say(text: str) -> None:
    out.print(text, soft_wrap=True)
