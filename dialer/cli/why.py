"""`dialer why CONTACT`: why is this contact not being called now, and when will it be?"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from dialer.cli.context import Config, Org, opened, out, plain_errors
from dialer.cli.rows import print_rows
from dialer.domain.ids import JobId
from dialer.logs import mask
from dialer.services.strategy_shelf import StrategyShelf
from dialer.services.why import Why, why_not_called

SIGN = {"pass": Text("open", "green"), "wait": Text("wait", "yellow"), "block": Text("shut", "red")}


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
    for answer in answers:
        _show(answer)


def _show(answer: Why) -> None:
    contact, campaign = Text(answer.contact.user_contact_id, "bold"), Text(answer.job.campaign_name, "bold")
    out.print(Text.assemble("\n", contact, f" in job {answer.job.id} of ", campaign), soft_wrap=True)
    out.print(answer.because, soft_wrap=True)
    table = Table("gate", "", "because", "opens (UTC)", box=None, pad_edge=False)
    for gate in answer.gates:
        table.add_row(gate.name, SIGN[gate.verdict], gate.because, f"{gate.until:%Y-%m-%d %H:%M:%S}" if gate.until else "")
    print_rows(table)
    if answer.attempts:
        tried = Table("at (UTC)", "channel", "to", "address", "code", "attempt", box=None, pad_edge=False)
        for one in answer.attempts:
            code = one.code or f"({one.state.value})"
            tried.add_row(f"{one.intent_at:%m-%d %H:%M:%S}", one.channel.value, one.address_name, mask(one.address), code, one.id)
        print_rows(tried)
