"""Keep callbacks: which number is rung for one, when it is done, and how its contact goes on when it is not kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from dialer.domain.agent import AgentState
from dialer.domain.attempt import Attempt
from dialer.domain.callback import Callback, CallbackLimits, CallbackState
from dialer.domain.callback_queue import without_agent
from dialer.domain.campaign import Job
from dialer.domain.channel import by_name
from dialer.domain.codes import SystemCode
from dialer.domain.contact import Address
from dialer.domain.ids import CampaignId, OrgId
from dialer.domain.next_step import NextStep, Outcome, step_after
from dialer.domain.progress import Progress
from dialer.domain.strategy import WAIT, Handler, Strategy
from dialer.domain.window import LAW_CLOSES, LAW_OPENS
from dialer.services.contact_steps import apply_step
from dialer.store.job_contacts import JobContact
from dialer.store.store import Tx


def still_promised(tx: Tx, attempt: Attempt, *, now: datetime) -> Callback | None:
    """The callback that its contact has to be given after an attempt: one that was kept by it, or is too late, is closed."""
    pending = tx.callbacks(None).pending_for(attempt.job_id, attempt.contact_id)
    if pending is None:
        return None
    if pending.attempt_id == attempt.id and attempt.code == SystemCode.NOT_LAUNCHED:
        tx.callbacks(None).close(pending.id, CallbackState.CANCELLED, "the call never left, however often it was placed")
    elif pending.attempt_id == attempt.id:
        tx.callbacks(None).close(pending.id, CallbackState.DONE, f"called: {attempt.code}")
    elif pending.has_expired(now):
        close_late(tx, pending)
    else:
        return pending
    return None


def close_late(tx: Tx, callback: Callback) -> None:
    """It was to be kept until now, and was not."""
    tx.callbacks(None).close(callback.id, CallbackState.EXPIRED, f"not kept until {callback.expires_at:%Y-%m-%d %H:%M} UTC")


def go_on_without(tx: Tx, strategy: Strategy, place: JobContact, held_due_at: datetime | None, now: datetime) -> bool:
    """Let a contact go on as if it had not been promised a call; whether it may be called right now."""
    if held_due_at is not None and held_due_at > now:
        because = "no callback any more: as it was scheduled before"
        tx.job_contacts.schedule(place.job_id, place.contact_id, due_at=held_due_at, because=because)
        return False
    if held_due_at is not None or place.last_code in (None, SystemCode.NOT_LAUNCHED.value):
        return True
    apply_step(tx, place.job_id, place.contact_id, step_without(tx, strategy, place, now), code=None, now=now)
    return False


def step_without(tx: Tx, strategy: Strategy, place: JobContact, now: datetime) -> NextStep:
    """What the last code of a contact leads to."""
    job = tx.jobs(None).get(place.job_id)
    progress = Progress.from_json(place.progress)
    handler = strategy.handler(progress.waits_in if place.handler == WAIT else place.handler)
    code = place.last_code or ""
    tried = tx.attempts.last_in_job(place.job_id, place.contact_id)
    outcome = Outcome(
        code=code,
        custom=tx.codes(job.org_id).find(code),
        address_index=place.address_index,
        next_at=tried.next_at if tried else None,
    )
    return step_after(handler, outcome, progress, now)


def looked_for(tx: Tx, callback: Callback, limits: CallbackLimits, now: datetime) -> Callback:
    """A pending callback as it is at this moment: one that is due and whose agent is not there waits, or is the campaign's."""
    if not callback.is_due(now) or callback.has_expired(now):
        return callback
    present = _present(tx, callback.org_id) if callback.type.is_personal else frozenset()
    found = without_agent(callback, present, limits, now)
    return callback if found is callback else tx.callbacks(None).change(found)


def _present(tx: Tx, org_id: OrgId) -> frozenset[str]:
    """The agents who are at work, by login, as far as it is on record."""
    last = {agent: one.state for agent, one in tx.agents(org_id).last_states().items()}
    away = (None, AgentState.LOGGED_OUT)
    return frozenset(one.login for one in tx.agents(org_id).all() if last.get(one.id) not in away)


def limits_for(tx: Tx, job: Job) -> tuple[CallbackLimits, CampaignId | None]:
    """The limits that hold in a job: the campaign's own (with its id), else the organisation's."""
    callbacks = tx.callbacks(None)
    if (own := callbacks.limits(job.org_id, job.campaign_id)) is not None:
        return own, job.campaign_id
    return callbacks.limits(job.org_id) or CallbackLimits(), None


def at_number(handler: Handler, number: str, owned: Sequence[Address]) -> Handler:
    """The handler as it calls one of the contact's numbers alone, given as it is or by its name; as it is where it has no such.

    A number that the strategy does not name has the hours of its first one.
    """
    mine = by_name(owned, handler.channel)
    named = next((one for one in mine.values() if number and number.casefold() in (one.value, one.name.casefold())), None)
    if named is None or not handler.addresses:
        return handler
    rule = next((one for one in handler.addresses if one.name.casefold() == named.name.casefold()), None)
    return replace(handler, addresses=(rule or replace(handler.addresses[0], name=named.name),))


def for_callback(handler: Handler, callback: Callback, owned: Sequence[Address], limits: CallbackLimits) -> Handler:
    """The handler as it calls for this callback: at the promised number alone, if the contact still has it.

    A number that the strategy does not name has the hours of its first one. What the contact itself asked for need not keep the
    strategy's hours where the limits say so; it keeps those of the law.
    """
    handler = at_number(handler, callback.number, owned)
    if limits.hours or not callback.on_request:
        return handler
    return replace(handler, addresses=tuple(replace(one, opens=LAW_OPENS, closes=LAW_CLOSES) for one in handler.addresses))
