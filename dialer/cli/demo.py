"""`dialer demo`: the whole road on this machine, from a CSV file to completion codes, with real calls."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from dialer.cli.context import plain_errors
from dialer.cli.job_progress import JobBar
from dialer.demo import Demo, Verdict
from dialer.demo_appointment import APPOINTMENT, AppointmentDemo
from dialer.logs import configure, mask

console = Console() if sys.stdout.isatty() else Console(width=110)  # a pipe or a log has room


@plain_errors
def demo(
    stay: Annotated[bool, typer.Option("--stay", help="Leave lab and dialer running until Ctrl-C.")] = False,
    folder: Annotated[Path | None, typer.Option(help="Where to work; a temporary folder by default.")] = None,
    lab: Annotated[Path | None, typer.Option(help="Use the lab of containers whose volume is mounted here.")] = None,
) -> None:
    """Start a telephone lab and a dialer, run the blood-donation campaign on 60 synthetic donors, check every code."""
    _run(lambda work: Demo.beside(lab, _say) if lab else Demo.ready(work, _say), folder, stay=stay)


Stay = Annotated[bool, typer.Option("--stay", help="Leave lab and dialer running until Ctrl-C.")]
Folder = Annotated[Path | None, typer.Option(help="Where to work; a temporary folder by default.")]


@plain_errors
def demo_donors(stay: Stay = False, folder: Folder = None) -> None:
    """Calls to 60 donors, as `dialer demo`: every code against the carrier's own log."""
    _run(lambda work: Demo.ready(work, _say), folder, stay=stay)


@plain_errors
def demo_appointment(stay: Stay = False, folder: Folder = None) -> None:
    """Calls, text messages and mails in one campaign: every code against the own logs of the networks."""
    _run(lambda work: AppointmentDemo.ready(work, _say, APPOINTMENT), folder, stay=stay)


def _run(ready: Callable[[Path], AbstractAsyncContextManager[Demo]], folder: Path | None, *, stay: bool) -> None:
    """Exits with 1 where a code is not what it should be."""
    work = folder or Path(tempfile.mkdtemp(prefix="outdial-demo-"))
    try:
        configure(level="warning")
        verdict = asyncio.run(_demo(ready(work), stay=stay))
    finally:
        if folder is None:
            shutil.rmtree(work, ignore_errors=True)
    sys.exit(1 if verdict.mismatches else 0)


async def _demo(ready: AbstractAsyncContextManager[Demo], *, stay: bool) -> Verdict:
    async with ready as demo:
        report = await demo.prepare()
        _say(f"{report.inserted + report.updated} contacts imported, {report.rejected} rows refused")
        job_id = await demo.start()
        with JobBar(console) as bar:
            await demo.finished(job_id, bar.show)
        verdict = await demo.verdict(job_id)
        _show(verdict)
        if stay:
            await _stay(demo)
    console.print(verdict.as_json(), markup=False, highlight=False, soft_wrap=True)
    return verdict


async def _stay(demo: Demo) -> None:
    config = demo.write_config()
    _say(f"Lab and dialer stay up. Settings for the `dialer` command: --config {config}")
    _say("Ctrl-C ends both.")
    await demo.until_interrupted()


def _say(text: str) -> None:
    console.print(f"[dim]··[/] {text}", highlight=False)


def _show(verdict: Verdict) -> None:
    table = Table("completion code", "attempts", title="How the attempts ended")
    for code, count in sorted(verdict.codes.items(), key=lambda item: -item[1]):
        table.add_row(code, str(count))
    console.print(table)
    first = Table("attempt", "channel", "address", "code", "answered after", "lasted", title="The first ten attempts")
    for one in verdict.attempts[:10]:
        ring = f"{(one.answered_at - one.intent_at).total_seconds():.1f} s" if one.answered_at else "–"
        lasted = f"{(one.ended_at - one.intent_at).total_seconds():.1f} s" if one.ended_at else "–"
        first.add_row(one.id, one.channel.value, mask(one.address), one.code or "", ring, lasted)
    console.print(first)
    for mismatch in verdict.mismatches:
        console.print(f"[red]mismatch[/] {mismatch}", highlight=False)
