"""Contacts that agents read about first: reserve them, call them when the agent says so, give them back, or record why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dialer.domain.address_choice import NO_ADDRESS
from dialer.domain.callback import Callback
from dialer.domain.campaign import Job
from dialer.domain.ids import ContactId, JobId
from dialer.domain.strategy import Strategy
from dialer.services.callback_steps import limits_for, looked_for
from dialer.services.completion import Completed, StrategyOf, close_in
from dialer.services.entering import Judged
from dialer.services.intents import AgentsWish, Intents, Route, intent_of
from dialer.services.launching import write_intents
from dialer.store.attempts import Closing
from dialer.store.store import Store, Tx

OFFER_H = 12  # an offer outlives no shift; a dead dialer's are given back when the next one starts
CALL_LEASE_S = 30.0
NOT_OURS: Mapping[ContactId, Judged] = {}


def desk_owner(node: str) -> str:
    """By this name a node holds contacts that are offered to agents, apart from those that it is about to dial."""
    return f"{node} (desks)"[:80]


@dataclass(frozen=True, slots=True, kw_only=True)
class DueCallbacks:
    """Of some claimed contacts: whose promised moment has come, and who waits for an agent who is not there."""

    due: Mapping[ContactId, Callback]
    put_off: frozenset[ContactId]


async def due_callbacks(store: Store, job: Job, contacts: Sequence[ContactId], now: datetime) -> DueCallbacks:
    """Callbacks that are to be kept now: their agent reads about them first.

    One whose agent is not there is looked for again later, or is anybody's from now on (`domain.callback_queue`).
    """
    pending = await store.read(lambda tx: tx.callbacks(None).pending_of(job.id, contacts))
    if not any(one.is_due(now) for one in pending.values()):
        return DueCallbacks(due={}, put_off=frozenset())

    def work(tx: Tx) -> DueCallbacks:
        limits, due, later = limits_for(tx, job)[0], {}, set()
        for contact_id, one in tx.callbacks(None).pending_of(job.id, contacts).items():
            found = looked_for(tx, one, limits, now)
            if one.is_due(now) and not found.is_due(now):
                tx.job_contacts.schedule(job.id, contact_id, due_at=found.at, because=f"{found}: the agent is not there")
                later.add(contact_id)
            elif found.is_due(now) and not found.has_expired(now):
                due[contact_id] = found
        return DueCallbacks(due=due, put_off=frozenset(later))

    return await store.write(work)


async def reserve(store: Store, job_id: JobId, contact_id: ContactId, *, node: str, now: datetime) -> bool:
    """Hold a claimed contact for as long as an agent looks at it; False when it is not ours any more."""
    until = now + timedelta(hours=OFFER_H)
    return await store.write(lambda tx: tx.job_contacts.reserve(job_id, contact_id, owner=desk_owner(node), until=until))


async def give_back(store: Store, job_id: JobId, contact_id: ContactId, *, now: datetime) -> None:
    """The contact is due again, as if it had not been offered."""
    await store.write(lambda tx: tx.job_contacts.give_back(job_id, contact_id, now=now))


async def put_off(store: Store, job_id: JobId, contact_id: ContactId, *, until: datetime, because: str) -> None:
    """The contact waits a little: nobody is free who may have it."""
    await store.write(lambda tx: tx.job_contacts.schedule(job_id, contact_id, due_at=until, because=because))


async def call_for_agent(
    store: Store, job: Job, strategy: Strategy, contact_id: ContactId, route: Route, wish: AgentsWish, *, now: datetime
) -> Intents:
    """Write the intent to call a contact that an agent has read about: the law is asked as for any other.

    `to_place` is empty when it may not be called now, or is in another call. Raises StoreDown.
    """

    def work(tx: Tx) -> Intents:
        until = now + timedelta(seconds=CALL_LEASE_S)
        claim = tx.job_contacts.reclaim(job.id, contact_id, owner=route.node, until=until)
        if claim is None:
            return Intents(to_place=(), waiting=1, ended=0)
        return write_intents(tx, job, strategy, [claim], route, now, NOT_OURS, wish)

    return await store.write(work)


async def record_uncalled(
    store: Store, job: Job, strategy_of: StrategyOf, contact_id: ContactId, closing: Closing, *, node: str, now: datetime
) -> Completed | None:
    """Put on record that an agent passed a contact over, with the code: an attempt that was never sent. Raises StoreDown."""
    strategy = strategy_of(job.id, job.strategy_text)

    def work(tx: Tx) -> Completed | None:
        until = now + timedelta(seconds=CALL_LEASE_S)
        claim = tx.job_contacts.reclaim(job.id, contact_id, owner=node, until=until)
        if claim is None:
            return None
        handler = next((one for one in strategy.handlers if one.state == claim.handler), strategy.handlers[0])
        intent = intent_of(job, claim, handler, NO_ADDRESS, Route(trunk="", switch="", node=node), now)
        tx.attempts.begin([intent])
        tx.job_contacts.enter_call(job.id, [contact_id])
        return close_in(tx, intent.id, closing, strategy_of)

    return await store.write(work)
