"""`dialer why CONTACT`: why is this contact not being called now, and when will it be?"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dialer.cli.context import Config, Org, opened, plain_errors
from dialer.domain.ids import JobId
from dialer.logs import mask
from dialer.services.strategy_shelf import StrategyShelf
from dialer.services.why import Why, why_not_called

SIGN = {"pass": "[green]open[/]", "wait": "[yellow]wait[/]", "block": "[red]shut[/]"}


@plain_errors
def why(
    contact: Annotated[str, typer.Argument(help="The contact's id, or a number in E.164 (+15550100123).")],
    job: Annotated[int | None, typer.Option(help="A job; by default those that are not over, or the latest.")] = None,
    config: Config = None,
    org: Org = "default",
) -> None:
    """Show every gate between a contact and its next call, in order."""
    with opened(config, org) as (store, org_id):
        answers = asyncio.run(
            why_not_called(
                store,
                org_id,
                contact,
                strategy_of=StrategyShelf(),
                now=datetime.now(UTC),
                job_id=JobId(job) if job is not None else None,
            )
        )
    console = Console()
    for answer in answers:
        _show(console, answer)


def _show(console: Console, answer: Why) -> None:
    contact, campaign = escape(answer.contact.user_contact_id), escape(answer.job.campaign_name)
    console.print(f"\n[bold]{contact}[/] in job {answer.job.id} of [bold]{campaign}[/]")
    console.print(answer.because, markup=False, highlight=False)
    table = Table("gate", "", "because", "opens (UTC)", box=None, pad_edge=False)
    for gate in answer.gates:
        table.add_row(
            gate.name, SIGN[gate.verdict], escape(gate.because), f"{gate.until:%Y-%m-%d %H:%M:%S}" if gate.until else ""
        )
    console.print(table)
    if answer.attempts:
        tried = Table(box=None, pad_edge=False)
        for name in ("at (UTC)", "channel", "to", "address", "code"):
            tried.add_column(name, no_wrap=True)
        tried.add_column("attempt", overflow="fold")  # whole, on whatever terminal: it is what logs and exports call it
        for one in answer.attempts:
            code = one.code or f"({one.state.value})"
            tried.add_row(f"{one.intent_at:%m-%d %H:%M:%S}", one.channel.value, one.address_name, mask(one.address), code, one.id)
        console.print(tried)
