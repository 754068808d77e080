"""`dialer contacts source run | runs | pause | resume | cancel`: fetch the rows of a data source."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from dialer.cli.context import FAILED, Config, Org, opened, out, plain_errors, read_settings, who
from dialer.cli.import_progress import ImportBar, tell_report
from dialer.cli.rows import print_rows
from dialer.domain.data_source import OVER, ImportRun, RunState
from dialer.errors import Conflict
from dialer.services import import_runs
from dialer.services.organisations import DEFAULT
from dialer.settings import Settings
from dialer.store.store import Store

LOOK_S = 0.5

Name = Annotated[str, typer.Argument(metavar="SOURCE", help="The data source's name.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Leave it to the running dialer, and do not watch.")]


def add_to(app: typer.Typer) -> None:
    """Give the `source` commands these too."""
    for command in (run, runs, pause, resume, cancel):
        app.command()(command)


@plain_errors
def run(name: Name, no_wait: NoWait = False, config: Config = None, org: Org = DEFAULT) -> None:
    """Fetch the rows now: by the running dialer, or in this process when none runs."""
    settings = read_settings(config)
    with opened(settings=settings, org=org) as (store, org_id):
        queued = asyncio.run(import_runs.queue_run(store, org_id, name, by=who()))
        _see_through(settings, store, queued, no_wait)


@plain_errors
def resume(name: Name, no_wait: NoWait = False, config: Config = None, org: Org = DEFAULT) -> None:
    """Go on where a paused or failed run was, or one whose process was killed while no dialer ran."""
    settings = read_settings(config)
    with opened(settings=settings, org=org) as (store, org_id):
        queued = asyncio.run(import_runs.resume_run(store, org_id, name, by=who()))
        _see_through(settings, store, queued, no_wait)


@plain_errors
def pause(name: Name, config: Config = None, org: Org = DEFAULT) -> None:
    """Stop reading at the last batch that is on disk; `resume` goes on there."""
    with opened(config, org) as (store, org_id):
        found = asyncio.run(import_runs.pause_run(store, org_id, name, by=who()))
    out.print(f"run {found.id} of {found.source_name}: {said_of(found)}", soft_wrap=True)


@plain_errors
def cancel(name: Name, config: Config = None, org: Org = DEFAULT) -> None:
    """End the run where it is; what was stored stays."""
    with opened(config, org) as (store, org_id):
        found = asyncio.run(import_runs.cancel_run(store, org_id, name, by=who()))
    out.print(f"run {found.id} of {found.source_name}: {said_of(found)}", soft_wrap=True)


@plain_errors
def runs(
    name: Annotated[str | None, typer.Argument(metavar="[SOURCE]", help="Of one data source only.")] = None,
    config: Config = None,
    org: Org = DEFAULT,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many to show.")] = 20,
) -> None:
    """Show the latest runs; `show` has all the counters of one source's last."""
    with opened(config, org) as (store, org_id):
        found = asyncio.run(import_runs.list_runs(store, org_id, name, limit=limit))
    table = Table("Run", "Source", "Begun (UTC)", "State", "Rows", "Refused", "Because")
    for one in found:
        begun = f"{one.started_at:%Y-%m-%d %H:%M}" if one.started_at else ""
        counts = (f"{one.report.processed:,}", f"{one.report.rejected:,}")
        table.add_row(str(one.id), one.source_name, begun, one.state.value, *counts, one.because)
    print_rows(table, "no run yet: `dialer contacts source run NAME`")


def said_of(run: ImportRun) -> str:
    """A run in one line."""
    done = run.report
    return f"{run.state.value} ({run.because}); {done.processed:,} rows, {done.rejected:,} refused"


def _see_through(settings: Settings, store: Store, queued: ImportRun, no_wait: bool) -> None:
    if no_wait:
        out.print(f"run {queued.id} of {queued.source_name} is queued")
        return
    try:
        over = asyncio.run(_watch(settings, store, queued))
    except KeyboardInterrupt:
        now = asyncio.run(import_runs.get_run(store, queued.id))
        out.print(f"run {now.id} of {now.source_name}: {said_of(now)}", soft_wrap=True)
        return
    out.print(f"run {over.id} of {over.source_name}: {said_of(over)}", soft_wrap=True)
    took_s = (over.ended_at - over.started_at).total_seconds() if over.ended_at and over.started_at else 0.0
    tell_report(over.report, took_s)
    if over.state is RunState.FAILED:
        raise typer.Exit(FAILED)


async def _watch(settings: Settings, store: Store, queued: ImportRun) -> ImportRun:
    """Until the run is over or paused. Interrupted: a dialer goes on with it; one that runs here is paused."""
    nodes = await store.read(lambda tx: tx.node_statuses.all())
    here = None
    if not any(node.fresh(datetime.now(UTC)) for node in nodes):
        from dialer.app_sources import make_importer  # slow to load, and only needed where no dialer runs
        from dialer.logs import configure

        configure(level="warning")
        here = asyncio.create_task(
            make_importer(settings, store, who=who(), log_level="warning").carry_out(queued.id), name="run here"
        )
    try:
        with ImportBar() as bar:
            while True:
                now = await import_runs.get_run(store, queued.id)
                bar.show(now.report, "" if now.state is RunState.RUNNING else now.state.value)
                if here is not None and here.done():
                    here.result()  # raises what went wrong
                if now.state in (*OVER, RunState.PAUSED):
                    return now
                await asyncio.sleep(LOOK_S)
    finally:
        if here is not None and not here.done():
            here.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await here
            await _pause_here(store, queued)


async def _pause_here(store: Store, queued: ImportRun) -> None:
    with contextlib.suppress(Conflict):  # it is over
        await import_runs.pause_run(store, queued.org_id, queued.source_name, by=who())
