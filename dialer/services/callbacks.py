"""Promise contacts a call at a moment, change the promise, take it back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dialer.domain.callback import Callback, CallbackLimits, CallbackState
from dialer.domain.campaign import Job, JobContactState, JobState
from dialer.domain.clock_change import instant_of
from dialer.domain.contact import Contact
from dialer.domain.ids import AttemptId, CallbackId, CampaignId, ContactId, JobId, OrgId
from dialer.domain.next_step import Done
from dialer.domain.progress import Progress
from dialer.domain.strategy import WAIT
from dialer.errors import BadInput, CallbackRefused, Conflict, NotFound
from dialer.services.callback_steps import go_on_without, step_without
from dialer.services.completion import StrategyOf
from dialer.store.job_contacts import JobContact
from dialer.store.store import Store, Tx

NOTE_LIMIT = 1000  # characters
AHEAD_MOST = timedelta(days=400)
_OPEN = (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A callback as somebody wants it. Moments are aware, or naive: then they are what the clocks of `zone` show."""

    at: datetime
    zone: str = ""
    expires_at: datetime | None = None
    number: str = ""  # one of the contact's; "" = as the strategy says
    note: str = ""


async def add_callback(
    store: Store,
    org_id: OrgId,
    user_contact_id: str,
    wanted: Wanted,
    *,
    strategy_of: StrategyOf,
    now: datetime,
    by: str,
    job_id: JobId | None = None,
) -> Callback:
    """Promise a contact of a running job a call; it replaces what it was promised there before.

    Raises BadInput, NotFound; CallbackRefused when the limits or the state of the job are against it, or the contact may not be
    called any more; Conflict when several jobs have the contact and none is named.
    """

    def work(tx: Tx) -> Callback:
        found = [
            place
            for contact in tx.contacts(org_id).called(user_contact_id)
            for place in tx.job_contacts.jobs_of(contact.id)
            if job_id in (None, place.job_id) and tx.jobs(org_id).get(place.job_id).state in _OPEN
        ]
        if not found:
            raise NotFound(f"no job that goes on has come to a contact {user_contact_id!r}")
        if len(found) > 1:
            jobs = ", ".join(str(one.job_id) for one in found)
            raise Conflict(f"several jobs have a contact {user_contact_id!r}: name one of {jobs}")
        return promise(tx, found[0].job_id, found[0].contact_id, wanted, strategy_of=strategy_of, now=now, by=by)

    return await store.write(work)


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
    """`add_callback` inside a transaction. `on_attempt`: it is promised on that very call."""
    place = tx.job_contacts.get(job_id, contact_id, hold=True)  # a call that ends at this moment waits, and then sees it
    if place is None:
        raise NotFound("the job has not come to this contact")
    job = tx.jobs(None).get(job_id)
    contact = tx.contacts(job.org_id).get(contact_id)
    new = _checked(contact, Callback(id=CallbackId(0), org_id=job.org_id, job_id=job_id, contact_id=contact_id, at=now,
                                     created_by=by), wanted, now)  # fmt: skip
    if job.state not in _OPEN:
        raise CallbackRefused(f"the job is {job.state.value}: it calls nobody back")
    strategy = strategy_of(job.id, job.strategy_text)
    if place.state is JobContactState.FINISHED and place.last_code:
        step = step_without(tx, strategy, place, now)
        if isinstance(step, Done) and step.final:
            raise CallbackRefused(f"the contact is done for good: {step.because}")
    callbacks = tx.callbacks(None)
    pending = callbacks.pending_of(job_id, [contact_id]).get(contact_id)
    if pending is not None and on_attempt is not None and pending.attempt_id == on_attempt:
        callbacks.close(pending.id, CallbackState.DONE, "called, and another callback was promised on the call")
        pending = None
    others = [one for one in callbacks.of_contact(contact_id) if pending is None or one.id != pending.id]
    if against := _limits(tx, job).against(new.at, job_id, others):
        raise CallbackRefused(against)
    if pending is None:
        kept = callbacks.add(replace(new, held_due_at=_held(place, now)))
    else:
        if pending.attempt_id is not None:
            raise CallbackRefused("the contact is being called back at this moment")
        kept = callbacks.change(replace(new, id=pending.id, held_due_at=pending.held_due_at))
    _move(tx, place, kept)
    return kept


async def edit_callback(
    store: Store,
    org_id: OrgId,
    callback_id: CallbackId,
    *,
    now: datetime,
    at: datetime | None = None,
    zone: str = "",
    expires_at: datetime | None = None,
    number: str | None = None,
    note: str | None = None,
) -> Callback:
    """Change what is given of a pending callback. Raises BadInput, NotFound, Conflict, CallbackRefused."""

    def work(tx: Tx) -> Callback:
        before, place = _held_for_edit(tx, org_id, callback_id)
        contact = tx.contacts(org_id).get(before.contact_id)
        wanted = Wanted(
            at=before.at if at is None else at,
            zone=zone or before.zone,
            expires_at=before.expires_at if expires_at is None else expires_at,
            number=before.number if number is None else number,
            note=before.note if note is None else note,
        )
        after = _checked(contact, before, wanted, now, moved=at is not None)
        if at is not None:
            others = [one for one in tx.callbacks(None).of_contact(before.contact_id) if one.id != before.id]
            job = tx.jobs(None).get(before.job_id)
            if against := _limits(tx, job).against(after.at, before.job_id, others):
                raise CallbackRefused(against)
        return _change(tx, place, after)

    return await store.write(work)


async def call_back_now(store: Store, org_id: OrgId, callback_id: CallbackId, *, now: datetime) -> Callback:
    """Keep a pending callback as soon as the gates let it. Raises NotFound, Conflict."""

    def work(tx: Tx) -> Callback:
        before, place = _held_for_edit(tx, org_id, callback_id)
        return _change(tx, place, replace(before, at=now))

    return await store.write(work)


async def cancel_callback(
    store: Store, org_id: OrgId, callback_id: CallbackId, *, strategy_of: StrategyOf, now: datetime, by: str
) -> Callback:
    """Take a pending callback back; the contact goes on as without it. Raises NotFound, Conflict."""

    def work(tx: Tx) -> Callback:
        before, place = _held_for_edit(tx, org_id, callback_id)
        closed = tx.callbacks(org_id).close(before.id, CallbackState.CANCELLED, f"by {by}")
        job = tx.jobs(None).get(before.job_id)
        if place.state in (JobContactState.SCHEDULED, JobContactState.CLAIMED) and go_on_without(
            tx, strategy_of(job.id, job.strategy_text), place, before.held_due_at, now
        ):
            tx.job_contacts.schedule(place.job_id, place.contact_id, due_at=now, because="its callback was cancelled")
        return closed

    return await store.write(work)


def take_back(tx: Tx, job_id: JobId, contact_id: ContactId, *, by: str) -> None:
    """Cancel what a contact that is on a call was promised in its job, if anything; a callback that is this call stays kept."""
    tx.job_contacts.get(job_id, contact_id, hold=True)  # what comes next is decided when the call ends
    pending = tx.callbacks(None).pending_of(job_id, [contact_id]).get(contact_id)
    if pending is not None and pending.attempt_id is None:
        tx.callbacks(None).close(pending.id, CallbackState.CANCELLED, f"by {by}")


async def list_callbacks(
    store: Store, org_id: OrgId, *, campaign: str | None = None, pending_only: bool = True
) -> list[tuple[Callback, str, str]]:
    """Callbacks in the order of their moments, each with its contact's id and its campaign. Raises NotFound."""

    def work(tx: Tx) -> list[tuple[Callback, str, str]]:
        of: CampaignId | None = None if campaign is None else tx.campaigns(org_id).by_name(campaign).id
        found = tx.callbacks(org_id).all(of, pending_only=pending_only)
        people = {one: tx.contacts(org_id).get(one, with_addresses=False) for one in {one.contact_id for one in found}}
        names = {one: tx.jobs(org_id).get(one).campaign_name for one in {one.job_id for one in found}}
        return [(one, people[one.contact_id].user_contact_id, names[one.job_id]) for one in found]

    return await store.read(work)


async def set_callback_limits(store: Store, org_id: OrgId, limits: CallbackLimits | None, *, campaign: str | None = None) -> None:
    """Limit the callbacks of the organisation, or of one campaign; None lifts the limits. Raises BadInput, NotFound."""
    if limits is not None and ((limits.most is not None and limits.most < 0) or limits.min_interval_s < 0):
        raise BadInput("less than nothing", where="limits", mend="0 or more")

    def work(tx: Tx) -> None:
        of = None if campaign is None else tx.campaigns(org_id).by_name(campaign).id
        tx.callbacks(org_id).set_limits(org_id, limits, of)

    await store.write(work)


async def callback_limits(store: Store, org_id: OrgId, *, campaign: str | None = None) -> CallbackLimits | None:
    """The limits that were set for the organisation, or for one campaign. Raises NotFound."""

    def work(tx: Tx) -> CallbackLimits | None:
        of = None if campaign is None else tx.campaigns(org_id).by_name(campaign).id
        return tx.callbacks(org_id).limits(org_id, of)

    return await store.read(work)


def moment_of(given: datetime, zone: str) -> datetime:
    """The instant in UTC; a naive time is what the clocks of `zone` show. Raises BadInput."""
    if given.tzinfo is not None:
        return given.astimezone(UTC)
    if not zone:
        raise BadInput("a moment without its offset needs a time zone", where="zone", mend="for example Europe/Istanbul")
    return instant_of(given, zone)


def _checked(contact: Contact, callback: Callback, wanted: Wanted, now: datetime, *, moved: bool = True) -> Callback:
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
    return replace(callback, at=at, zone=wanted.zone or "UTC", expires_at=expires_at, number=wanted.number, note=wanted.note)


def _limits(tx: Tx, job: Job) -> CallbackLimits:
    callbacks = tx.callbacks(None)
    return callbacks.limits(job.org_id, job.campaign_id) or callbacks.limits(job.org_id) or CallbackLimits()


def _held(place: JobContact, now: datetime) -> datetime | None:
    """When the contact would be called without the callback, if it waits for that already."""
    if place.state is JobContactState.CLAIMED:
        return now
    return place.due_at if place.state is JobContactState.SCHEDULED and place.handler != WAIT else None


def _held_for_edit(tx: Tx, org_id: OrgId, callback_id: CallbackId) -> tuple[Callback, JobContact]:
    before = tx.callbacks(org_id).get(callback_id)
    place = tx.job_contacts.get(before.job_id, before.contact_id, hold=True)
    before = tx.callbacks(org_id).get(callback_id)  # as it is now that nobody else can touch it
    if before.state is not CallbackState.PENDING or place is None:
        raise Conflict(f"the callback {callback_id} is {before.state.value} ({before.because})")
    if before.attempt_id is not None:
        raise Conflict(f"the callback {callback_id} is being kept: the call is up")
    return before, place


def _change(tx: Tx, place: JobContact, after: Callback) -> Callback:
    changed = tx.callbacks(None).change(after)
    _move(tx, place, changed)
    return changed


def _move(tx: Tx, place: JobContact, callback: Callback) -> None:
    """Put the contact to the callback's moment. One in a call, or about to be in one, is met when that ends."""
    if place.state not in (JobContactState.SCHEDULED, JobContactState.FINISHED):
        return
    if place.handler == WAIT:  # a promise goes before waiting; without it the last code would lead back here
        tx.job_contacts.start_handler(place.job_id, place.contact_id, Progress.from_json(place.progress).waits_in)
    because = f"callback {callback.id}, promised by {callback.created_by}"
    tx.job_contacts.schedule(place.job_id, place.contact_id, due_at=callback.at, because=because, finished_at=None)
