"""Decide over contacts that were claimed, one by one, in the transaction that writes the intents to attempt them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from dialer.domain.address_choice import NO_ADDRESS
from dialer.domain.attempt import COMPLIANCE, Attempt, AttemptState
from dialer.domain.callback import Callback, CallbackLimits, CallbackState
from dialer.domain.campaign import Job, JobContactState
from dialer.domain.channel import Channel
from dialer.domain.codes import SYSTEM_NAME_KEYS, SystemCode, name_key
from dialer.domain.condition import Attributes
from dialer.domain.contact import Address
from dialer.domain.gates import Allowed, Denied, pick_address
from dialer.domain.ids import AttemptId, ContactId, new_attempt_id
from dialer.domain.next_step import Done, NextStep, Outcome, step_after
from dialer.domain.progress import Progress
from dialer.domain.rules import Kind
from dialer.domain.strategy import WAIT, Handler, SendingHandler, Strategy
from dialer.services.callback_steps import at_number, close_late, for_callback, go_on_without, limits_for, looked_for
from dialer.services.completion import Completed
from dialer.services.contact_steps import add_to_history, apply_step, result_for_processor
from dialer.services.entering import Judged, enter, known_of_claim, restriction_on
from dialer.services.finishing import finish_if_met
from dialer.services.holding import RECHECK_S, held_contacts
from dialer.services.publishing import publish
from dialer.services.rules import RulesNow, rules_now
from dialer.store.attempts import Closing
from dialer.store.job_contacts import JobContact
from dialer.store.store import Tx

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
    senders: Mapping[AttemptId, str] = field(default_factory=dict)  # whose sender the strategy chose; not "" ones
    completed: tuple[Completed, ...] = ()  # attempts that compliance ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What decides over a batch of contacts, read once, in the transaction that decides."""

    addresses: Mapping[ContactId, Sequence[Address]]
    on_dnc: Mapping[ContactId, frozenset[str]]
    promised: dict[ContactId, Callback]  # a callback that turns out to be too late is taken away
    limits: CallbackLimits
    rules: RulesNow
    excluded: Mapping[ContactId, datetime]
    held: Mapping[ContactId, str]  # by a condition of the job, and why
    busy_addresses: set[tuple[Channel, str]]  # those of this very batch are added
    busy_contacts: set[tuple[Channel, ContactId]]
    attributes: Mapping[ContactId, Mapping[str, str]]  # empty where no condition asks

    @classmethod
    def read(cls, tx: Tx, job: Job, strategy: Strategy, ids: Sequence[ContactId], now: datetime) -> Facts:
        """All of it: a few statements, however many contacts there are. `job` is as it is in this transaction."""
        addresses = tx.contacts(job.org_id).addresses_of(ids)
        values = {one.value for of_contact in addresses.values() for one in of_contact}
        pending = tx.callbacks(None).pending_of(job.id, ids)
        limits = limits_for(tx, job)[0] if pending else CallbackLimits()
        return cls(
            addresses=addresses,
            on_dnc=tx.dnc(job.org_id).listed_for(addresses, campaign_id=job.campaign_id, now=now),
            promised={contact_id: looked_for(tx, one, limits, now) for contact_id, one in pending.items()},
            limits=limits,
            rules=rules_now(tx, job.org_id, job.campaign_id, addresses, now),
            excluded=tx.contact_rules(job.org_id).excluded(ids, now=now),
            held=held_contacts(tx, job, ids),
            busy_addresses=tx.attempts.addresses_in_use(job.org_id, values),
            busy_contacts=tx.attempts.contacts_in_use(ids),
            attributes=tx.contacts(job.org_id).attributes_of(ids) if strategy.asks_attributes else {},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentsWish:
    """What an agent asks for: a contact that is not called in its turn."""

    kind: Kind
    number: str = ""  # one of the contact's, or the name of one; "" = as the strategy says
    again_after: AttemptId | None = None  # a redial: the attempt before


class IntentWriter:
    """Writes what becomes of each claim; `done` writes the intents themselves and tells what came of all."""

    def __init__(
        self,
        tx: Tx,
        job: Job,
        strategy: Strategy,
        route: Route,
        now: datetime,
        judged: Mapping[ContactId, Judged],
        facts: Facts,
        *,
        wish: AgentsWish | None = None,
    ) -> None:
        self._wish = wish
        self._tx, self._job, self._strategy, self._route, self._now = tx, job, strategy, route, now
        self._judged, self._facts = judged, facts
        self._new: list[Attempt] = []
        self._senders: dict[AttemptId, str] = {}
        self._completed: list[Completed] = []
        self._kept: list[tuple[Callback, AttemptId]] = []
        self._waiting = self._left = self._restrictions = 0

    def look(self, claim: JobContact) -> None:
        """Decide over one contact."""
        if (until := self._facts.excluded.get(claim.contact_id)) is not None:
            because = f"excluded until {until:%Y-%m-%d %H:%M} UTC"
            self._tx.job_contacts.finish(self._job.id, claim.contact_id, at=self._now, because=because)
            self._left += 1
            return
        if self._put_off(claim):
            return
        callback = self._facts.promised.get(claim.contact_id)
        if callback is not None and claim.handler == WAIT:  # a promise goes before waiting
            state = Progress.from_json(claim.progress).waits_in
            self._tx.job_contacts.start_handler(self._job.id, claim.contact_id, state)
            claim = replace(claim, handler=state, address_index=0, progress={})
        known = known_of_claim(claim, self._facts.attributes, self._facts.addresses.get(claim.contact_id, ()))
        entered = enter(self._tx, self._job, self._strategy, claim, known, self._now)
        if entered is None:
            self._left += 1
            return
        claim, handler = entered
        if (handler.channel, claim.contact_id) in self._facts.busy_contacts:
            self._wait(claim, self._now + timedelta(seconds=BUSY_RECHECK_S), "in a call of another job")
        elif handler.custom_restrictions and self._verdict(claim, handler) is None:
            self._wait(claim, self._now, "its custom restrictions are to be asked first")
        else:
            self._choose(claim, handler, callback, known)

    def done(self) -> Intents:
        """Write the intents."""
        if self._restrictions:
            self._tx.jobs(None).count_restrictions(self._job.id, self._restrictions)
        self._tx.attempts.begin(self._new)
        for one, attempt_id in self._kept:
            self._tx.callbacks(None).keep(one.id, attempt_id)
        self._tx.job_contacts.enter_call(self._job.id, [one.contact_id for one in self._new])
        for callback in self._facts.promised.values():  # no contact that has left the job is promised a call any more
            place = self._tx.job_contacts.get(callback.job_id, callback.contact_id)
            if place is not None and place.state is JobContactState.FINISHED:
                self._tx.callbacks(None).close(callback.id, CallbackState.CANCELLED, place.because)
        return Intents(
            to_place=tuple(self._new),
            waiting=self._waiting,
            ended=len(self._completed) + self._left,
            senders=self._senders,
            completed=tuple(self._completed),
        )

    def _put_off(self, claim: JobContact) -> bool:
        """Whether a condition of the job, or a promise for later, lets the contact wait."""
        callback = self._facts.promised.get(claim.contact_id)
        if (because := self._facts.held.get(claim.contact_id)) is not None:
            again = self._now + timedelta(seconds=RECHECK_S)
            if callback is not None and not callback.has_expired(self._now):
                again = min(again, callback.expires_at or again)
            self._wait(claim, again, because)
            return True
        if callback is not None and callback.has_expired(self._now):
            close_late(self._tx, callback)
            del self._facts.promised[claim.contact_id]
            if not go_on_without(self._tx, self._strategy, claim, callback.held_due_at, self._now):
                self._waiting += 1
                return True
        elif callback is not None and not callback.is_due(self._now):
            self._wait(claim, callback.at, str(callback))
            return True
        return False

    def _choose(self, claim: JobContact, handler: Handler, callback: Callback | None, known: Attributes) -> None:
        """Restrictions, then the addresses: attempt one of them now, later, or none at all."""
        facts, owned = self._facts, self._facts.addresses.get(claim.contact_id, ())
        wish = self._wish
        kind = wish.kind if wish is not None else Kind.CAMPAIGN if callback is None else Kind.CALLBACK
        barred = facts.rules.held(claim.contact_id, handler, kind)
        blocked = facts.on_dnc.get(claim.contact_id, frozenset())
        busy = {value for channel, value in facts.busy_addresses if channel is handler.channel}
        calling = handler if callback is None else for_callback(handler, callback, owned, facts.limits)
        if wish is not None and wish.number:
            calling = at_number(handler, wish.number, owned)
        restricted = restriction_on(handler, known, self._verdict(claim, handler), self._now)
        match restricted or pick_address(calling, claim.address_index, owned, blocked, busy, self._now, barred):
            case Allowed(address=address, index=index):
                intent = intent_of(self._job, claim, handler, address, self._route, self._now)
                if wish is not None:
                    intent = replace(intent, again_after=wish.again_after)
                self._new.append(intent)
                if isinstance(handler, SendingHandler) and (sender := handler.sender_for(known)):
                    self._senders[intent.id] = sender
                facts.busy_addresses.add((handler.channel, address.value))
                if callback is not None:
                    self._kept.append((callback, intent.id))
                if calling is handler and index != claim.address_index:
                    self._tx.job_contacts.set_address_index(self._job.id, claim.contact_id, index)
            case Denied(code=None, because=because, until=opens):
                again = opens or self._now + timedelta(seconds=BUSY_RECHECK_S)
                if callback is not None:  # when it can no more be kept, the contact goes on without it
                    again, because = min(again, callback.expires_at or again), f"callback {callback.id}: {because}"
                self._wait(claim, again, because, restricted=restricted is not None)
            case Denied(code=str() as code, because=because):
                self._completed.append(self._end_without_call(claim, handler, str(code), because))

    def _verdict(self, claim: JobContact, handler: Handler) -> Judged | None:
        """What this handler's custom restrictions said of the contact; None when they were not asked."""
        verdict = self._judged.get(claim.contact_id)
        return verdict if verdict is not None and verdict.handler == handler.state else None

    def _wait(self, claim: JobContact, until: datetime, because: str, *, restricted: bool = False) -> None:
        self._tx.job_contacts.schedule(self._job.id, claim.contact_id, due_at=until, because=because, restricted=restricted)
        self._waiting += 1
        self._restrictions += restricted

    def _end_without_call(self, claim: JobContact, handler: Handler, code: str, because: str) -> Completed:
        """Record that the contact was not called and why: an attempt that was never sent, with its code.

        The contact is done, unless the handler has a row for that very code: then the row says what follows.
        """
        tx, job, now = self._tx, self._job, self._now
        attempt = intent_of(job, claim, handler, NO_ADDRESS, self._route, now)
        tx.attempts.begin([attempt])
        system = code if name_key(code) in SYSTEM_NAME_KEYS else SystemCode.RESTRICTED_OTHER.value  # a rule's code is its own
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


def intent_of(job: Job, claim: JobContact, handler: Handler, address: Address, route: Route, now: datetime) -> Attempt:
    """The attempt to reach a contact at an address, before anything was sent."""
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
