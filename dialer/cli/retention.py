"""`dialer retention`: archive and purge what is older than the settings keep it."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import typer
from rich.table import Table

from dialer.app import retention_plan
from dialer.cli.context import FAILED, Config, err, opened, out, plain_errors, read_settings, who
from dialer.cli.rows import print_rows
from dialer.domain.retention import ClassReport, RetentionState
from dialer.services.retention import retention_report, run_retention
from dialer.settings import Settings
from dialer.store.store import Store

retention_app = typer.Typer(
    help="Archive and purge what is old enough; see the section retention of the settings.", no_args_is_help=True
)


@retention_app.command("report")
@plain_errors
def report(config: Config = None) -> None:
    """Show what would go, and change nothing. It reads all of it, which takes a while."""
    settings = read_settings(config)
    plan = retention_plan(settings)
    if not plan.anything:
        out.print("everything is kept for ever: [retention] of the settings names no days")
        return
    with opened(settings=settings) as (store, _):
        table = _table("Would go")
        for one in retention_report(store, plan):
            _row(table, one, one.found)
    print_rows(table)


@retention_app.command("run")
@plain_errors
def run(config: Config = None) -> None:
    """Do it now, beside a running dialer or without one. It can be stopped at any moment: what is not archived stays."""
    settings = read_settings(config)
    table = _table("Purged")
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(FAILED))  # an exception: the run is on record as stopped
    try:
        with opened(settings=settings) as (store, _):
            done = run_retention(store, retention_plan(settings), by=who(), told=lambda one: _row(table, one, one.purged))
    finally:
        signal.signal(signal.SIGTERM, before)
    print_rows(table)
    if done is not None and done.state is not RetentionState.DONE:
        err.print(f"{done.because} (nothing was purged that is not in the archive)", style="red", soft_wrap=True)
        raise typer.Exit(FAILED)


@retention_app.command("runs")
@plain_errors
def runs(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 30,
    config: Config = None,
) -> None:
    """Show the runs, the latest first."""
    with opened(config) as (store, _):
        found = store.read_now(lambda tx: tx.retention_runs.latest(limit=limit))
    table = Table("Began (UTC)", "By", "State", "Purged", "Because")
    for one in found:
        purged = ", ".join(f"{each.purged:,} {each.of.value}" for each in one.report if each.purged)
        table.add_row(f"{one.started_at:%Y-%m-%d %H:%M:%S}", one.by, one.state.value, purged, one.because)
    print_rows(table)


@retention_app.command("compact")
@plain_errors
def compact(config: Config = None) -> None:
    """Give the room of purged rows back to the disk, while no dialer runs. Only an SQLite file needs it, and seldom."""
    settings: Settings = read_settings(config)
    store = Store(settings.database_url)
    try:
        store.hold_engine_lock()
        before, after = store.compact()
    finally:
        store.close_now()
    out.print(f"{before / 1e6:,.1f} MB before, {after / 1e6:,.1f} MB now", soft_wrap=True)


def _table(what: str) -> Table:
    table = Table("Class", "Kept days", what, "Bytes", "Oldest", "Notes")
    for column in table.columns[1:4]:
        column.justify = "right"
    return table


def _row(table: Table, one: ClassReport, count: int) -> None:
    oldest = "" if one.oldest is None else f"{one.oldest:%Y-%m-%d}"
    kept = (f"{one.found - one.purged:,} changed meanwhile",) if 0 < one.purged < one.found else ()
    table.add_row(one.of.value, f"{one.days:,}", f"{count:,}", f"{one.size:,}", oldest, "; ".join((*one.notes, *kept)))
