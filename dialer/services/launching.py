"""Take contacts that are due, ask the law once more, and write the intent to call them: the last step before dialling."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dialer import failpoints
from dialer.domain.attempt import Attempt, AttemptState
from dialer.domain.campaign import Job, JobState
from dialer.domain.codes import SystemCode
from dialer.domain.gates import Allowed, Denied, pick_address
from dialer.domain.ids import JobId, new_attempt_id
from dialer.domain.strategy import CallHandler, Strategy
from dialer.store.attempts import Closing
from dialer.store.job_contacts import JobContact
from dialer.store.store import Store, Tx

BUSY_RECHECK_S = 15.0  # a number or contact in another live call is looked at again after this long


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The way out for a job's calls."""

    trunk: str
    switch: str
    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Intents:
    """What became of a batch of claims: attempts to place now, and how many were put off or ended without a call."""

    to_place: tuple[Attempt, ...]
    waiting: int
    ended: int


async def claim_contacts(
    store: Store, job_id: JobId, *, limit: int, owner: str, lease_s: float, now: datetime
) -> list[JobContact]:
    """Lease up to `limit` contacts of a job that are due now."""

    def work(tx: Tx) -> list[JobContact]:
        claims = tx.job_contacts.claim_due(
            job_id, limit=limit, now=now, owner=owner, lease_until=now + timedelta(seconds=lease_s)
        )
        failpoints.hit("K0")
        return claims

    claims = await store.write(work)
    if claims:
        failpoints.hit("K1")
    return claims


async def commit_intents(
    store: Store, job: Job, strategy: Strategy, claims: Sequence[JobContact], route: Route, *, now: datetime
) -> Intents:
    """Write the intents of those that may be called at this instant; when it returns they are on disk.

    Compliance (DNC, window, one live call per contact and number) is decided inside the same transaction, so nothing that
    was committed before can be overlooked. Raises StoreDown: then nothing may be dialled.
    """
    intents = await store.write(lambda tx: _write_intents(tx, job, strategy, claims, route, now))
    if intents.to_place:
        failpoints.hit("K2")
    return intents


def _write_intents(tx: Tx, job: Job, strategy: Strategy, claims: Sequence[JobContact], route: Route, now: datetime) -> Intents:
    current = tx.jobs(None).get(job.id)
    if current.state is not JobState.RUNNING:
        # Paused, stopped or finished since the claim: the contacts go back, nothing is dialled.
        tx.job_contacts.release(now=now, job_id=job.id)
        return Intents(to_place=(), waiting=len(claims), ended=0)
    held = tx.job_contacts.still_claimed(job.id, [claim.contact_id for claim in claims], route.node)
    claims = [claim for claim in claims if claim.contact_id in held]
    ids = [claim.contact_id for claim in claims]
    addresses = tx.contacts(job.org_id).addresses_of(ids)
    numbers = {one.value for of_contact in addresses.values() for one in of_contact}
    on_dnc = tx.dnc(job.org_id).listed_for(addresses, campaign_id=job.campaign_id, now=now)
    busy_numbers = tx.attempts.numbers_in_call(job.org_id, numbers)
    busy_contacts = tx.attempts.contacts_in_call(ids)
    new: list[Attempt] = []
    waiting = ended = 0
    for claim in claims:
        if claim.contact_id in busy_contacts:
            until = now + timedelta(seconds=BUSY_RECHECK_S)
            tx.job_contacts.schedule(job.id, claim.contact_id, due_at=until, because="in a call of another job")
            waiting += 1
            continue
        handler = strategy.handler(claim.handler)
        blocked = on_dnc.get(claim.contact_id, frozenset())
        match pick_address(handler, claim.address_index, addresses.get(claim.contact_id, ()), blocked, busy_numbers, now):
            case Allowed(address=address, index=index):
                new.append(_intent(job, claim, handler, address.name, address.value, route, now))
                busy_numbers.add(address.value)
                if index != claim.address_index:
                    tx.job_contacts.set_address_index(job.id, claim.contact_id, index)
            case Denied(code=None, because=because, until=opens):
                due = opens or now + timedelta(seconds=BUSY_RECHECK_S)
                tx.job_contacts.schedule(job.id, claim.contact_id, due_at=due, because=because)
                waiting += 1
            case Denied(code=SystemCode() as code, because=because):
                _end_without_call(tx, job, claim, handler, code, because, route, now)
                ended += 1
    tx.attempts.begin(new)
    tx.job_contacts.enter_call(job.id, [one.contact_id for one in new])
    return Intents(to_place=tuple(new), waiting=waiting, ended=ended)


def _intent(
    job: Job, claim: JobContact, handler: CallHandler, address_name: str, number: str, route: Route, now: datetime
) -> Attempt:
    return Attempt(
        id=new_attempt_id(),
        org_id=job.org_id,
        job_id=job.id,
        contact_id=claim.contact_id,
        handler=handler.state,
        address_name=address_name,
        number=number,
        trunk=route.trunk,
        switch=route.switch,
        node=route.node,
        nonce=secrets.token_hex(16),
        state=AttemptState.INTENT,
        intent_at=now,
        system_code=SystemCode.ATTEMPT_IN_PROGRESS.value,
    )


def _end_without_call(
    tx: Tx, job: Job, claim: JobContact, handler: CallHandler, code: SystemCode, because: str, route: Route, now: datetime
) -> None:
    """Record that the contact was not called and why: an attempt that was never sent, with its code."""
    attempt = _intent(job, claim, handler, "", "", route, now)
    tx.attempts.begin([attempt])
    tx.attempts.close(attempt.id, Closing(code=code.value, source="compliance", system_code=code.value, ended_at=now))
    tx.job_contacts.finish(job.id, claim.contact_id, at=now, because=because, last_code=code.value)
