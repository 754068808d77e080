"""`dialer attempts`: the latest calls and how they ended."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from dialer.cli.context import Config, Org, opened, plain_errors
from dialer.cli.rows import print_rows
from dialer.domain.ids import JobId
from dialer.logs import mask
from dialer.services.organisations import DEFAULT
from dialer.store.attempt_history import AttemptRow

attempts_app = typer.Typer(help="Attempts: calls and how they ended.")


@attempts_app.command("attempts")
@plain_errors
def attempts(
    campaign: Annotated[str | None, typer.Option(help="Only those of this campaign.")] = None,
    job: Annotated[int | None, typer.Option(help="Only those of this job.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 50,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Show the latest attempts, newest first; numbers are masked (`dialer export` gives them whole)."""
    job_id = None if job is None else JobId(job)
    with opened(config, org) as (store, org_id):
        campaign_id = None if campaign is None else store.read_now(lambda tx: tx.campaigns(org_id).by_name(campaign).id)
        found = store.read_now(lambda tx: tx.history(org_id).latest(job_id=job_id, campaign_id=campaign_id, limit=limit))
    print_rows(attempts_table(found), "no attempts yet")


def attempts_table(rows: list[AttemptRow]) -> Table:
    """Attempts with masked numbers."""
    table = Table("Time (UTC)", "Campaign", "Job", "Contact", "Channel", "Address", "Code", "By", "Cause", "App or agent")
    for row in rows:
        one = row.attempt
        cause = "" if one.cause is None else f"{one.cause}" + (f"/{one.tech_cause}" if one.tech_cause else "")
        table.add_row(
            f"{one.intent_at:%m-%d %H:%M:%S}",
            row.campaign,
            str(one.job_id),
            row.user_contact_id,
            one.channel.value,
            mask(one.address) if one.address else "",
            one.code or f"({one.state.value})",
            one.code_source or "",
            cause,
            one.agent or one.app or "",
        )
    return table
