"""`dialer campaign edit | recycle | gates`: change a run, call some again, and see where its contacts stand."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from dialer.cli.campaign_define import Knob, Name, Pacing
from dialer.cli.context import Config, Org, opened, out, plain_errors, read_settings, who
from dialer.cli.rows import print_rows
from dialer.domain.campaign import Job
from dialer.domain.ids import JobId
from dialer.services import jobs, knobs
from dialer.services.organisations import DEFAULT
from dialer.services.pacing_words import parse_pacing


@plain_errors
def live_edit(
    name: Name,
    priority: Annotated[int | None, typer.Option(help="1 to 10.")] = None,
    contact_list: Annotated[list[str] | None, typer.Option("--list", help="All the lists that it calls from now on.")] = None,
    where: Annotated[list[str] | None, typer.Option(help='Who fits from now on; "" = everybody.')] = None,
    hold: Annotated[list[str] | None, typer.Option(help='Hold calls while ...; "" = never.')] = None,
    pacing: Annotated[str | None, Pacing] = None,
    knob: Annotated[list[str] | None, Knob] = None,
    version: Annotated[int | None, typer.Option(help="Refuse if somebody has changed it since this version.")] = None,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Change the run that is not over; in force within a second. The pace has a command of its own."""
    edit = jobs.JobEdit(
        priority=priority,
        contact_lists=tuple(contact_list) if contact_list else None,
        filter=knobs.parse_filter([one for one in where if one]) if where else None,
        holds=tuple(knobs.parse_hold(one) for one in hold if one) if hold else None,
    )
    settings = read_settings(config)
    with opened(org=org, settings=settings) as (store, org_id):

        async def work() -> Job:
            wanted, seen = edit, version
            if pacing is not None or knob:
                job = (await jobs.campaign_status(store, org_id, name)).job
                wanted = replace(edit, pacing=parse_pacing(pacing, knob or (), job.definition.pacing if job else None))
                seen = job.version if job and version is None else version
            return await jobs.edit_job(store, org_id, name, wanted, by=who(), version=seen, mode=settings.agents.mode)

        job = asyncio.run(work())
    out.print(f"{job.campaign_name}: job {job.id} is at version {job.version}", soft_wrap=True)


@plain_errors
def recycle(
    name: Name,
    code: Annotated[list[str], typer.Option("--code", help="Those who ended with this code.")],
    job: Annotated[int | None, typer.Option(help="Of an earlier run, by its number; the last one if not given.")] = None,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Begin a run with those who ended an earlier one with a code."""
    chosen = None if job is None else JobId(job)
    settings = read_settings(config)
    with opened(org=org, settings=settings) as (store, org_id):
        mode = settings.agents.mode
        made = asyncio.run(jobs.recycle_campaign(store, org_id, name, code, by=who(), job_id=chosen, mode=mode))
    out.print(f"{made.campaign_name}: job {made.id} is {made.state.value}: {made.because}", soft_wrap=True)


@plain_errors
def gates(name: Name, config: Config = None, org: Org = DEFAULT) -> None:
    """Show at which gate the contacts of the latest run stand, and how many; `dialer why` asks for one of them."""
    with opened(config, org) as (store, org_id):
        job, found = asyncio.run(jobs.gate_totals(store, org_id, name, now=datetime.now(UTC)))
    table = Table("Gate", "Contacts", "Because", "First opens", title=f"{job.campaign_name}: job {job.id} is {job.state.value}")
    table.columns[1].justify = "right"
    for one in found:
        table.add_row(one.gate, f"{one.contacts:,}", one.because, f"{one.until:%Y-%m-%d %H:%M:%S} UTC" if one.until else "")
    print_rows(table)
