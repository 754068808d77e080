"""Take contacts that are due, ask the law once more, and write the intent to call them: the last step before dialling."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from dialer import failpoints
from dialer.domain.campaign import Job, JobState
from dialer.domain.ids import ContactId, JobId
from dialer.domain.strategy import INITIAL, Strategy
from dialer.services.entering import Judged
from dialer.services.intents import AgentsWish, Facts, Intents, IntentWriter, Route
from dialer.store.job_contacts import JobContact
from dialer.store.store import Store, Tx

__all__ = ["Intents", "Route", "claim_contacts", "commit_intents"]

LOOKS_MOST = 10  # looks along the lists for one claim: some 40,000 contacts, a fraction of a second
NOBODY_JUDGED: Mapping[ContactId, Judged] = {}


async def claim_contacts(
    store: Store,
    job_id: JobId,
    *,
    limit: int,
    owner: str,
    lease_s: float,
    now: datetime,
    handlers: Collection[str] | None = None,
) -> list[JobContact]:
    """Lease up to `limit` contacts of a job that are due now; `handlers`: only those in these states.

    Where a filter lets few through, several looks in a row go along the list, each a transaction of its own.
    """
    claims: list[JobContact] = []
    walks = handlers is None or INITIAL in handlers

    def work(tx: Tx) -> tuple[list[JobContact], bool]:
        lease_until = now + timedelta(seconds=lease_s)
        found = tx.job_contacts.claim_due(
            job_id, limit=limit - len(claims), now=now, owner=owner, lease_until=lease_until, handlers=handlers
        )
        failpoints.hit("K0")
        return found, walks and len(claims) + len(found) < limit and tx.job_contacts.has_untouched(job_id)

    for _ in range(LOOKS_MOST):
        found, more = await store.write(work)
        claims += found
        if not more:
            break
    if claims:
        failpoints.hit("K1")
    return claims


async def commit_intents(
    store: Store,
    job: Job,
    strategy: Strategy,
    claims: Sequence[JobContact],
    route: Route,
    *,
    now: datetime,
    judged: Mapping[ContactId, Judged] = NOBODY_JUDGED,
) -> Intents:
    """Write the intents of those that may be called at this instant; when it returns they are on disk.

    Compliance (DNC, window, one live call per contact and number) is decided inside the same transaction, so nothing that
    was committed before can be overlooked. `judged`: what custom restrictions said before; a contact of whom they were not
    asked is due again, to be asked first. Raises StoreDown: then nothing may be dialled.
    """
    intents = await store.write(lambda tx: write_intents(tx, job, strategy, claims, route, now, judged))
    if intents.to_place:
        failpoints.hit("K2")
    return intents


def write_intents(
    tx: Tx,
    job: Job,
    strategy: Strategy,
    claims: Sequence[JobContact],
    route: Route,
    now: datetime,
    judged: Mapping[ContactId, Judged],
    wish: AgentsWish | None = None,
) -> Intents:
    """`commit_intents` inside a transaction; `wish`: an agent asks for it, out of its turn."""
    current = tx.jobs(None).get(job.id)
    if current.state is not JobState.RUNNING:
        # Paused, stopped or finished since the claim: the contacts go back, nothing is dialled.
        tx.job_contacts.release(now=now, job_id=job.id)
        return Intents(to_place=(), waiting=len(claims), ended=0)
    ours = tx.job_contacts.still_claimed(job.id, [claim.contact_id for claim in claims], route.node)
    facts = Facts.read(tx, current, strategy, list(ours), now)
    writer = IntentWriter(tx, job, strategy, route, now, judged, facts, wish=wish)
    # Each once: a node that lost a lease and claimed the contact again may hold both claims.
    for claim in {claim.contact_id: claim for claim in claims if claim.contact_id in ours}.values():
        writer.look(claim)
    return writer.done()
