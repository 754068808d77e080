"""Promise contacts a call at a moment, change the promise, take it back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from dialer.domain.callback import Callback, CallbackLimits, CallbackState, CallbackType
from dialer.domain.campaign import JobContactState
from dialer.domain.ids import CallbackId, CampaignId, ContactId, JobId, OrgId
from dialer.errors import BadInput, Conflict, NotFound
from dialer.services.callback_promise import OPEN_STATES, Wanted, checked, promise, put_to, within_limits
from dialer.services.callback_steps import go_on_without
from dialer.services.completion import StrategyOf
from dialer.store.job_contacts import JobContact
from dialer.store.store import Store, Tx

MOST_OF_A_LIMIT = 100_000_000  # seconds or callbacks: three years, or any number


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

    A job that has come to the contact goes before one that still will. `at` of the answer is the moment that was given.
    Raises BadInput, NotFound; CallbackRefused when the limits or the state of the job are against it, or the contact may not be
    called any more; Conflict when several jobs have the contact and none is named.
    """

    def work(tx: Tx) -> Callback:
        found = _places(tx, org_id, user_contact_id, job_id)
        if not found:
            raise NotFound(f"no job that goes on calls a contact {user_contact_id!r}")
        if len(found) > 1:
            jobs = ", ".join(str(one) for one, _ in found)
            raise Conflict(f"several jobs have a contact {user_contact_id!r}: name one of {jobs}")
        ((job, contact),) = found
        return promise(tx, job, contact, wanted, strategy_of=strategy_of, now=now, by=by)

    return await store.write(work)


def _places(tx: Tx, org_id: OrgId, user_contact_id: str, job_id: JobId | None) -> list[tuple[JobId, ContactId]]:
    """The jobs that have such a contact, or, if there is none, those that will come to it."""
    contacts = tx.contacts(org_id).called(user_contact_id)
    jobs = [one.id for one in tx.jobs(org_id).not_completed() if one.state in OPEN_STATES and job_id in (None, one.id)]
    have = [(place.job_id, one.id) for one in contacts for place in tx.job_contacts.jobs_of(one.id) if place.job_id in jobs]
    return have or [(job, one.id) for one in contacts for job in jobs if tx.job_contacts.would_take(job, one.id)]


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
    type: CallbackType | None = None,
    agent: str | None = None,
) -> Callback:
    """Change what is given of a pending callback. Raises BadInput, NotFound, Conflict, CallbackRefused."""

    def work(tx: Tx) -> Callback:
        before, place = _held_for_edit(tx, org_id, callback_id)
        contact = tx.contacts(org_id).get(before.contact_id)
        kind: CallbackType | None = before.type
        whose = before.agent if before.type.is_personal else ""
        if type is not None or agent is not None:
            kind = type or (before.type if before.type.is_personal and agent else None)
            whose = agent if agent is not None else whose if kind is not None and kind.is_personal else ""
            before = replace(before, agent="", tries=0, reassigned_at=None)  # from now on it is somebody else's
        wanted = Wanted(
            at=before.at if at is None else at,
            zone=zone or before.zone,
            expires_at=before.expires_at if expires_at is None else expires_at,
            number=before.number if number is None else number,
            note=before.note if note is None else note,
            type=kind,
            agent=whose,
            on_request=before.on_request,
        )
        after = checked(contact, before, wanted, now, moved=at is not None)
        if at is not None:
            after = within_limits(tx, tx.jobs(None).get(before.job_id), after, now)
        return _change(tx, place, after)

    return await store.write(work)


async def call_back_now(store: Store, org_id: OrgId, callback_id: CallbackId, *, now: datetime) -> Callback:
    """Keep a pending callback as soon as the gates let it, however many others there are. Raises NotFound, Conflict."""

    def work(tx: Tx) -> Callback:
        before, place = _held_for_edit(tx, org_id, callback_id)
        return _change(tx, place, replace(before, at=now, asked_at=None))

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
        found = tx.callbacks(org_id).all(_id_of(tx, org_id, campaign), pending_only=pending_only)
        people = {one: tx.contacts(org_id).get(one, with_addresses=False) for one in {one.contact_id for one in found}}
        names = {one: tx.jobs(org_id).get(one).campaign_name for one in {one.job_id for one in found}}
        return [(one, people[one.contact_id].user_contact_id, names[one.job_id]) for one in found]

    return await store.read(work)


async def set_callback_limits(store: Store, org_id: OrgId, limits: CallbackLimits | None, *, campaign: str | None = None) -> None:
    """Limit the callbacks of the organisation, or of one campaign; None lifts the limits. Raises BadInput, NotFound."""
    if limits is not None:
        _check_limits(limits)
    await store.write(lambda tx: tx.callbacks(org_id).set_limits(org_id, limits, _id_of(tx, org_id, campaign)))


async def change_callback_limits(store: Store, org_id: OrgId, *, campaign: str | None = None, **changes: Any) -> CallbackLimits:
    """Change what is given (fields of CallbackLimits) of the limits that were set, or set it. Raises BadInput, NotFound."""

    def work(tx: Tx) -> CallbackLimits:
        of = _id_of(tx, org_id, campaign)
        after = replace(tx.callbacks(org_id).limits(org_id, of) or CallbackLimits(), **changes)
        _check_limits(after)
        tx.callbacks(org_id).set_limits(org_id, after, of)
        return after

    return await store.write(work)


async def callback_limits(store: Store, org_id: OrgId, *, campaign: str | None = None) -> CallbackLimits | None:
    """The limits that were set for the organisation, or for one campaign. Raises NotFound."""
    return await store.read(lambda tx: tx.callbacks(org_id).limits(org_id, _id_of(tx, org_id, campaign)))


def _id_of(tx: Tx, org_id: OrgId, campaign: str | None) -> CampaignId | None:
    return None if campaign is None else tx.campaigns(org_id).by_name(campaign).id


def _check_limits(limits: CallbackLimits) -> None:
    least = {"most": 0, "min_interval_s": 0, "span_most": 1, "span_s": 0, "queue_most": 1, "retry_s": 1, "tries_most": 1}
    for name, smallest in least.items():
        value = getattr(limits, name)
        if value is not None and not smallest <= value <= MOST_OF_A_LIMIT:  # also what is no number
            raise BadInput(f"{value:g}", where=name, mend=f"{smallest} to {MOST_OF_A_LIMIT}")
    if (limits.span_most is None) != (limits.span_s == 0):
        raise BadInput("so many callbacks in how many minutes?", where="limits", mend="both numbers, or none")


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
    put_to(tx, place, changed)
    return changed
