"""`dialer campaign watch NAME`: a running job, live, until it is over."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from dialer.cli.context import Config, Org, opened, out, plain_errors
from dialer.cli.job_progress import JobBar
from dialer.domain.campaign import JobState
from dialer.domain.ids import OrgId
from dialer.errors import NotFound
from dialer.services.jobs import CampaignStatus, campaign_status
from dialer.services.organisations import DEFAULT
from dialer.store.store import Store

LOOK_S = 0.5


@plain_errors
def watch(
    name: Annotated[str, typer.Argument(help="The campaign.")],
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Follow the campaign's latest job until it is over; Ctrl-C stops watching, not the job."""
    with opened(config, org) as (store, org_id):
        try:
            last = asyncio.run(_watch(store, org_id, name))
        except KeyboardInterrupt:
            return
    if last.job is not None:
        out.print(f"{last.job.state.value}: {last.job.because}", markup=False, highlight=False)


async def _watch(store: Store, org_id: OrgId, name: str) -> CampaignStatus:
    with JobBar(out) as bar:
        while True:
            status = await campaign_status(store, org_id, name)
            if status.job is None or status.totals is None:
                raise NotFound(f"the campaign {name!r} has never been started (`dialer campaign start`)")
            nodes = await store.read(lambda tx: tx.node_statuses.all())
            fresh = [node for node in nodes if node.fresh(datetime.now(UTC))]
            seen = [node.jobs[status.job.id].because for node in fresh if status.job.id in node.jobs]
            because = seen[0] if seen else "" if fresh else "no dialer is running (`dialer serve`)"
            bar.show(status.totals, dict(status.codes), because=because)
            if status.job.state is JobState.COMPLETED:
                return status
            await asyncio.sleep(LOOK_S)
