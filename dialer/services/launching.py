"""Take contacts that are due, ask the law once more, and write the intent to call them: the last step before dialling."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from dialer import failpoints
from dialer.domain.address_choice import NO_ADDRESS
from dialer.domain.attempt import COMPLIANCE, Attempt, AttemptState
from dialer.domain.callback import Callback, CallbackLimits, CallbackState
from dialer.domain.campaign import Job, JobContactState, JobState
from dialer.domain.channel import Channel
from dialer.domain.codes import SYSTEM_NAME_KEYS, SystemCode, name_key
from dialer.domain.contact import Address
from dialer.domain.gates import Allowed, Denied, pick_address
from dialer.domain.ids import AttemptId, ContactId, JobId, new_attempt_id
from dialer.domain.next_step import Done, NextStep, Outcome, step_after
from dialer.domain.progress import Progress
from dialer.domain.rules import Kind
from dialer.domain.strategy import INITIAL, WAIT, CallHandler, Handler, Strategy
from dialer.services.callback_steps import close_late, for_callback, go_on_without, limits_for, looked_for
from dialer.services.completion import Completed
from dialer.services.contact_steps import add_to_history, apply_step, result_for_processor
from dialer.services.entering import Judged, enter, known_of_claim, restriction_on
from dialer.services.finishing import finish_if_met
from dialer.services.holding import RECHECK_S, held_contacts
from dialer.services.publishing import publish
from dialer.services.rules import rules_now
from dialer.store.attempts import Closing
from dialer.store.job_contacts import JobContact
from dialer.store.store import Store, Tx

LOOKS_MOST = 10  # looks along the lists for one claim: some 40,000 contacts, a fraction of a second
NOBODY_JUDGED: Mapping[ContactId, Judged] = {}
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
    senders: Mapping[AttemptId, str] = field(default_factory=dict)  # whose caller id the strategy chose; not "" ones
    completed: tuple[Completed, ...] = ()  # attempts that compliance ended


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
    intents = await store.write(lambda tx: _write_intents(tx, job, strategy, claims, route, now, judged))
    if intents.to_place:
        failpoints.hit("K2")
    return intents


def _write_intents(
    tx: Tx,
    job: Job,
    strategy: Strategy,
    claims: Sequence[JobContact],
    route: Route,
    now: datetime,
    judged: Mapping[ContactId, Judged],
) -> Intents:
    current = tx.jobs(None).get(job.id)
    if current.state is not JobState.RUNNING:
        # Paused, stopped or finished since the claim: the contacts go back, nothing is dialled.
        tx.job_contacts.release(now=now, job_id=job.id)
        return Intents(to_place=(), waiting=len(claims), ended=0)
    held = tx.job_contacts.still_claimed(job.id, [claim.contact_id for claim in claims], route.node)
    claims = [claim for claim in claims if claim.contact_id in held]
    ids = [claim.contact_id for claim in claims]
    addresses = tx.contacts(job.org_id).addresses_of(ids)
    values = {one.value for of_contact in addresses.values() for one in of_contact}
    on_dnc = tx.dnc(job.org_id).listed_for(addresses, campaign_id=job.campaign_id, now=now)
    promised = tx.callbacks(None).pending_of(job.id, ids)
    limits = limits_for(tx, job)[0] if promised else CallbackLimits()
    promised = {contact_id: looked_for(tx, one, limits, now) for contact_id, one in promised.items()}
    rules = rules_now(tx, job.org_id, job.campaign_id, addresses, now)
    excluded = tx.contact_rules(job.org_id).excluded(ids, now=now)
    held_back = held_contacts(tx, current, ids)
    busy_addresses = tx.attempts.addresses_in_use(job.org_id, values)
    busy_contacts = tx.attempts.contacts_in_use(ids)
    attributes = tx.contacts(job.org_id).attributes_of(ids) if strategy.asks_attributes else {}
    new: list[Attempt] = []
    senders: dict[AttemptId, str] = {}
    completed: list[Completed] = []
    kept: list[tuple[Callback, AttemptId]] = []
    waiting = left = restrictions = 0
    for claim in claims:
        if claim.contact_id in excluded:
            tx.job_contacts.finish(
                job.id, claim.contact_id, at=now, because=f"excluded until {excluded[claim.contact_id]:%Y-%m-%d %H:%M} UTC"
            )
            left += 1
            continue
        callback = promised.get(claim.contact_id)
        if claim.contact_id in held_back:
            again = now + timedelta(seconds=RECHECK_S)
            if callback is not None and not callback.has_expired(now):
                again = min(again, callback.expires_at or again)
            tx.job_contacts.schedule(job.id, claim.contact_id, due_at=again, because=held_back[claim.contact_id])
            waiting += 1
            continue
        if callback is not None and callback.has_expired(now):
            close_late(tx, callback)
            del promised[claim.contact_id]
            if not go_on_without(tx, strategy, claim, callback.held_due_at, now):
                waiting += 1
                continue
            callback = None
        elif callback is not None and not callback.is_due(now):
            tx.job_contacts.schedule(job.id, claim.contact_id, due_at=callback.at, because=str(callback))
            waiting += 1
            continue
        if callback is not None and claim.handler == WAIT:  # a promise goes before waiting
            state = Progress.from_json(claim.progress).waits_in
            tx.job_contacts.start_handler(job.id, claim.contact_id, state)
            claim = replace(claim, handler=state, address_index=0, progress={})
        owned = addresses.get(claim.contact_id, ())
        known = known_of_claim(claim, attributes, owned)
        entered = enter(tx, job, strategy, claim, known, now)
        if entered is None:
            left += 1
            continue
        claim, handler = entered
        if (handler.channel, claim.contact_id) in busy_contacts:
            until = now + timedelta(seconds=BUSY_RECHECK_S)
            tx.job_contacts.schedule(job.id, claim.contact_id, due_at=until, because="in a call of another job")
            waiting += 1
            continue
        verdict = judged.get(claim.contact_id)
        if handler.custom_restrictions and (verdict is None or verdict.handler != handler.state):
            because = "its custom restrictions are to be asked first"
            tx.job_contacts.schedule(job.id, claim.contact_id, due_at=now, because=because)
            waiting += 1
            continue
        blocked = on_dnc.get(claim.contact_id, frozenset())
        barred = rules.held(claim.contact_id, handler, Kind.CAMPAIGN if callback is None else Kind.CALLBACK)
        busy = {value for channel, value in busy_addresses if channel is handler.channel}
        calling = handler if callback is None else for_callback(handler, callback, owned, limits)
        restricted = restriction_on(handler, known, verdict, now)
        match restricted or pick_address(calling, claim.address_index, owned, blocked, busy, now, barred):
            case Allowed(address=address, index=index):
                intent = _intent(job, claim, handler, address, route, now)
                new.append(intent)
                if isinstance(handler, CallHandler) and (sender := handler.sender_for(known)):
                    senders[intent.id] = sender
                busy_addresses.add((handler.channel, address.value))
                if callback is not None:
                    kept.append((callback, intent.id))
                if calling is handler and index != claim.address_index:
                    tx.job_contacts.set_address_index(job.id, claim.contact_id, index)
            case Denied(code=None, because=because, until=opens):
                again = opens or now + timedelta(seconds=BUSY_RECHECK_S)
                if callback is not None:  # when it can no more be kept, the contact goes on without it
                    again, because = min(again, callback.expires_at or again), f"callback {callback.id}: {because}"
                by_strategy = restricted is not None
                tx.job_contacts.schedule(job.id, claim.contact_id, due_at=again, because=because, restricted=by_strategy)
                waiting, restrictions = waiting + 1, restrictions + by_strategy
            case Denied(code=str() as code, because=because):
                completed.append(_end_without_call(tx, job, claim, handler, str(code), because, route, now))
    if restrictions:
        tx.jobs(None).count_restrictions(job.id, restrictions)
    tx.attempts.begin(new)
    for one, attempt_id in kept:
        tx.callbacks(None).keep(one.id, attempt_id)
    tx.job_contacts.enter_call(job.id, [one.contact_id for one in new])
    _take_back(tx, promised.values())
    return Intents(to_place=tuple(new), waiting=waiting, ended=len(completed) + left, senders=senders, completed=tuple(completed))


def _take_back(tx: Tx, promised: Iterable[Callback]) -> None:
    """No contact that has left the job is promised a call any more."""
    for one in promised:
        place = tx.job_contacts.get(one.job_id, one.contact_id)
        if place is not None and place.state is JobContactState.FINISHED:
            tx.callbacks(None).close(one.id, CallbackState.CANCELLED, place.because)


def _intent(job: Job, claim: JobContact, handler: Handler, address: Address, route: Route, now: datetime) -> Attempt:
    by_switch = handler.channel is Channel.VOICE
    return Attempt(
        id=new_attempt_id(),
        org_id=job.org_id,
        job_id=job.id,
        contact_id=claim.contact_id,
        handler=handler.state,
        channel=handler.channel,
        address_name=address.name,
        address=address.value,
        trunk=route.trunk if by_switch else "",
        switch=route.switch if by_switch else "",
        node=route.node,
        nonce=secrets.token_hex(16),
        state=AttemptState.INTENT,
        intent_at=now,
        system_code=SystemCode.ATTEMPT_IN_PROGRESS.value,
    )


def _end_without_call(
    tx: Tx, job: Job, claim: JobContact, handler: Handler, code: str, because: str, route: Route, now: datetime
) -> Completed:
    """Record that the contact was not called and why: an attempt that was never sent, with its code.

    The contact is done, unless the handler has a row for that very code: then the row says what follows.
    """
    attempt = _intent(job, claim, handler, NO_ADDRESS, route, now)
    tx.attempts.begin([attempt])
    system = code if name_key(code) in SYSTEM_NAME_KEYS else SystemCode.RESTRICTED_OTHER.value  # a rule has a code of its own
    closed = tx.attempts.close(attempt.id, Closing(code=code, source=COMPLIANCE, system_code=system, ended_at=now))
    if closed is None:
        raise AssertionError("an attempt that was begun in this transaction is open")
    add_to_history(tx, closed, None)
    step: NextStep = Done(because=because)
    if handler.result_for(code) is not None:
        outcome = Outcome(code=code, address_index=claim.address_index)
        step = step_after(handler, outcome, Progress.from_json(claim.progress), now)
    apply_step(tx, job.id, claim.contact_id, step, code=code, now=now)
    publish(tx, job, closed, handler, now)
    return Completed(
        attempt=closed,
        job_finished_because=finish_if_met(tx, job, code),
        result=result_for_processor(tx, job, closed, handler, now),
    )
