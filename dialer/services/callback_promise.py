"""Make a promise: check it, hold it against the limits, find it a free moment, and put the contact to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dialer.domain.callback import Callback, CallbackLimits, CallbackState, CallbackType, free_from
from dialer.domain.campaign import Job, JobContactState, JobState
from dialer.domain.clock_change import instant_of
from dialer.domain.contact import Contact
from dialer.domain.ids import AttemptId, CallbackId, CampaignId, ContactId, JobId
from dialer.domain.next_step import Done
from dialer.domain.progress import Progress
from dialer.domain.strategy import WAIT
from dialer.errors import BadInput, CallbackRefused, NotFound
from dialer.services.callback_steps import limits_for, step_without
from dialer.services.completion import StrategyOf
from dialer.services.names import checked_text
from dialer.store.callbacks import MOMENTS
from dialer.store.job_contacts import JobContact
from dialer.store.store import Tx

NOTE_LIMIT = 1000  # characters
AGENT_LIMIT = 80
AHEAD_MOST = timedelta(days=400)
OPEN_STATES = (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A callback as somebody wants it. Moments are aware, or naive: then they are what the clocks of `zone` show."""

    at: datetime
    zone: str = ""
    expires_at: datetime | None = None
    number: str = ""  # one of the contact's; "" = as the strategy says
    note: str = ""
    type: CallbackType | None = None  # None = by its agent: preferably that one, or anybody of the campaign when there is none
    agent: str = ""  # who promises it, for the personal types
    on_request: bool = False  # the contact asked for it


def promise(
    tx: Tx,
    job_id: JobId,
    contact_id: ContactId,
    wanted: Wanted,
    *,
    strategy_of: StrategyOf,
    now: datetime,
    by: str,
    on_attempt: AttemptId | None = None,
) -> Callback:
    """Promise a contact a call; `at` of what is returned is the moment that it was given, later than wanted in a crowd.

    A contact to whom the job has not come yet gets its place in the job. `on_attempt`: it is promised on that very call.
    Raises BadInput, NotFound, CallbackRefused.
    """
    # Held: a call that ends at this moment waits, and then sees the callback.
    place = tx.job_contacts.take(job_id, contact_id, now=now, because="a callback was promised")
    if place is None:
        raise NotFound("the job's lists or its filter leave this contact out")
    job = tx.jobs(None).get(job_id)
    contact = tx.contacts(job.org_id).get(contact_id)
    bare = Callback(id=CallbackId(0), org_id=job.org_id, job_id=job_id, contact_id=contact_id, at=now, created_by=by)
    new = checked(contact, bare, wanted, now)
    if job.state not in OPEN_STATES:
        raise CallbackRefused(f"the job is {job.state.value}: it calls nobody back")
    if place.state is JobContactState.FINISHED and place.last_code:
        step = step_without(tx, strategy_of(job.id, job.strategy_text), place, now)
        if isinstance(step, Done) and step.final:
            raise CallbackRefused(f"the contact is done for good: {step.because}")
    callbacks = tx.callbacks(None)
    pending = callbacks.pending_of(job_id, [contact_id]).get(contact_id)
    if pending is not None and on_attempt is not None and pending.attempt_id == on_attempt:
        callbacks.close(pending.id, CallbackState.DONE, "called, and another callback was promised on the call")
        pending = None
    new = within_limits(tx, job, new if pending is None else replace(new, id=pending.id), now)
    if pending is None:
        kept = callbacks.add(replace(new, held_due_at=_held(place, now)))
    elif pending.attempt_id is not None:
        raise CallbackRefused("the contact is being called back at this moment")
    else:
        kept = callbacks.change(replace(new, held_due_at=pending.held_due_at))
    put_to(tx, place, kept)
    return kept


def within_limits(tx: Tx, job: Job, callback: Callback, now: datetime) -> Callback:
    """The callback at a moment at which it makes no crowd. Raises CallbackRefused where the limits leave it none."""
    limits, of = limits_for(tx, job)
    found = replace(callback, at=_free_moment(tx, job, callback, limits, of), asked_at=None)
    if found.at > callback.at:
        found = replace(found, asked_at=callback.at)
        if found.at > now + AHEAD_MOST or found.has_expired(found.at):
            raise CallbackRefused(f"{limits.crowd}: the next free moment, {found.at:%Y-%m-%d %H:%M} UTC, is too late")
    others = [one for one in tx.callbacks(None).of_contact(callback.contact_id) if one.id != callback.id]
    if against := limits.against(found.at, job.id, others):
        raise CallbackRefused(against)
    return found


def _free_moment(tx: Tx, job: Job, callback: Callback, limits: CallbackLimits, of: CampaignId | None) -> datetime:
    at, span = callback.at, timedelta(seconds=limits.span_s)
    if limits.span_most is None:
        return at
    tx.callbacks(None).limits(job.org_id, of, hold=True)  # two promises at once must not take the same free place
    while at <= callback.at + AHEAD_MOST:
        others = tx.callbacks(None).moments(at - span, org_id=job.org_id, campaign_id=of, but=callback.id)
        found = free_from(at, others, limits.span_most, span)
        if len(others) < MOMENTS or found + span <= others[-1]:
            return found
        at = found  # a crowd without an end in sight: go on from where this look came to
    return at


def checked(contact: Contact, callback: Callback, wanted: Wanted, now: datetime, *, moved: bool = True) -> Callback:
    """The callback as it is wanted. Raises BadInput."""
    try:
        ZoneInfo(wanted.zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise BadInput(f"no time zone {wanted.zone!r}", where="zone", mend="for example Europe/Istanbul") from exc
    at = moment_of(wanted.at, wanted.zone)
    expires_at = None if wanted.expires_at is None else moment_of(wanted.expires_at, wanted.zone)
    if moved and not now <= at <= now + AHEAD_MOST:
        raise BadInput(f"{at:%Y-%m-%d %H:%M} UTC", where="at", mend=f"a moment in the next {AHEAD_MOST.days} days")
    if expires_at is not None and expires_at <= max(at, now):
        raise BadInput("it would expire before its time", where="expires", mend="a later moment")
    if wanted.number and wanted.number not in {one.value for one in contact.addresses if one.channel == "voice"}:
        raise BadInput(f"{wanted.number} is no number of this contact", where="number", mend="one of the contact's numbers")
    if len(wanted.note) > NOTE_LIMIT:
        raise BadInput(f"{len(wanted.note)} characters", where="note", mend=f"at most {NOTE_LIMIT}")
    agent = checked_text(wanted.agent, "agent", AGENT_LIMIT)
    kind = wanted.type or (CallbackType.AGENT if agent else CallbackType.CAMPAIGN)
    if kind.is_personal != bool(agent):
        what = f"a callback of the type {kind.value} " + ("is for no agent in particular" if agent else "needs its agent")
        raise BadInput(what, where="agent", mend="agent and strict_agent have one, campaign and standard have none")
    return replace(
        callback,
        at=at,
        zone=wanted.zone or "UTC",
        expires_at=expires_at,
        number=wanted.number,
        note=wanted.note,
        type=kind,
        agent=agent or (callback.agent if callback.reassigned_at else ""),  # whom it was taken from stays known
        on_request=wanted.on_request,
    )


def moment_of(given: datetime, zone: str) -> datetime:
    """The instant in UTC; a naive time is what the clocks of `zone` show. Raises BadInput."""
    if given.tzinfo is not None:
        return given.astimezone(UTC)
    if not zone:
        raise BadInput("a moment without its offset needs a time zone", where="zone", mend="for example Europe/Istanbul")
    return instant_of(given, zone)


def _held(place: JobContact, now: datetime) -> datetime | None:
    """When the contact would be called without the callback, if it waits for that already."""
    if place.state is JobContactState.CLAIMED:
        return now
    return place.due_at if place.state is JobContactState.SCHEDULED and place.handler != WAIT else None


def put_to(tx: Tx, place: JobContact, callback: Callback) -> None:
    """Put the contact to the callback's moment. One in a call, or about to be in one, is met when that ends."""
    if place.state not in (JobContactState.SCHEDULED, JobContactState.FINISHED):
        return
    if place.handler == WAIT:  # a promise goes before waiting; without it the last code would lead back here
        tx.job_contacts.start_handler(place.job_id, place.contact_id, Progress.from_json(place.progress).waits_in)
    tx.job_contacts.schedule(place.job_id, place.contact_id, due_at=callback.at, because=str(callback), finished_at=None)
