"""Take a code that became known after the call, for a contact that waits for it, and send the contact on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from dialer.domain.attempt import Attempt
from dialer.domain.callback import CallbackState
from dialer.domain.campaign import Job
from dialer.domain.codes import CustomCode, SystemCode, name_key
from dialer.domain.ids import ContactId, JobId, OrgId
from dialer.domain.next_step import Done, NextStep, Outcome, step_after
from dialer.domain.progress import Progress
from dialer.domain.strategy import WAIT, Handler
from dialer.errors import BadInput, Conflict, NotFound
from dialer.services.codes import system_code_called
from dialer.services.completion import StrategyOf
from dialer.services.contact_steps import apply_step, opt_out, treat_number
from dialer.services.finishing import finish_if_met
from dialer.services.publishing import publish
from dialer.store.job_contacts import JobContact
from dialer.store.store import Store, Tx


async def record_late_code(
    store: Store,
    org_id: OrgId,
    user_contact_id: str,
    code: str,
    *,
    strategy_of: StrategyOf,
    now: datetime,
    job_id: JobId | None = None,
) -> NextStep:
    """Give the contact's last attempt its late code, and follow the result table of the handler in which the contact waits.

    The late code is final from now on: it counts in place of the one before, also towards the job's finish criterion. The
    ledger keeps both (the system's view of the call, and the event of the change).

    Raises NotFound; BadInput for a code that is not final, passive or not associated with the campaign; Conflict when the
    contact does not wait (in this job, or in any).
    """

    def work(tx: Tx) -> NextStep:
        place = _waiting(tx, org_id, user_contact_id, job_id)
        job = tx.jobs(org_id).get_for_update(place.job_id)
        name, custom = _checked(tx, job, code)
        attempt = tx.attempts.last_in_job(job.id, place.contact_id)
        return go_on_with(tx, job, place, attempt, name, custom, source="operator", strategy_of=strategy_of, now=now)

    return await store.write(work)


def go_on_with(
    tx: Tx,
    job: Job,
    place: JobContact,
    attempt: Attempt | None,
    name: str,
    custom: CustomCode | None,
    *,
    source: str,
    strategy_of: StrategyOf,
    now: datetime,
) -> NextStep:
    """Give a contact that waits a code. `place` is held by the caller, `attempt` the contact's last one in this job."""
    handler, others = strategy_of(job.id, job.strategy_text).handler(Progress.from_json(place.progress).waits_in), True
    if attempt is not None:
        others = replace_code(tx, job, attempt, handler, name, custom, source=source, now=now)
    # Promised while a node had taken the contact out of its wait, and had not dialled yet.
    callback = tx.callbacks(None).pending_of(job.id, [place.contact_id]).get(place.contact_id)
    outcome = Outcome(
        code=name,
        custom=custom,
        address_index=place.address_index,
        other_numbers=others,
        callback_at=None if callback is None else max(callback.at, now),
    )
    step = step_after(handler, outcome, Progress(), now)
    if callback is not None and isinstance(step, Done):
        tx.callbacks(None).close(callback.id, CallbackState.CANCELLED, step.because)
    apply_step(tx, job.id, place.contact_id, step, code=name, now=now, by=handler.state)  # called again, or done, by that handler
    finish_if_met(tx, job, name)
    return step


def replace_code(
    tx: Tx,
    job: Job,
    attempt: Attempt,
    handler: Handler,
    name: str,
    custom: CustomCode | None,
    *,
    source: str,
    now: datetime,
    barred: bool = False,
) -> bool:
    """Put a late code in the place of the one that an attempt has; whether its contact has another number to be called at.

    `barred`: the caller has put the address on the DNC list in this transaction.
    """
    tx.attempts.replace_code(attempt, name, source=source, at=now)
    tx.contact_history.replace_code(attempt.contact_id, name, of_attempt_at=attempt.intent_at)
    others = treat_number(tx, job, attempt, handler, custom, now)
    if name == SystemCode.OPTED_OUT and not barred:
        opt_out(tx, attempt, now)
    if name != attempt.code:
        late = replace(attempt, code=name, code_source=source)
        publish(tx, job, late, handler, now, before=attempt.code or "")
    return others


def _checked(tx: Tx, job: Job, code: str) -> tuple[str, CustomCode | None]:
    """The code's name in the ledger, and its definition when it is a custom one. Raises BadInput."""
    system = system_code_called(code)
    if system is SystemCode.ATTEMPT_IN_PROGRESS:
        raise BadInput(f"{system.value!r} is not final", where="code")
    if system is not None:
        return system.value, None
    for one in tx.codes(job.org_id).of_campaign(job.campaign_id):
        if one.active and name_key(one.name) == name_key(code):
            return one.name, one
    raise BadInput(f"{code!r} is no code of this campaign, or passive", where="code")


def _waiting(tx: Tx, org_id: OrgId, user_contact_id: str, job_id: JobId | None) -> JobContact:
    """The place in which the contact waits, the latest job's first; held until the commit."""
    contacts = tx.contacts(org_id).called(user_contact_id)
    if not contacts:
        raise NotFound(f"no contact has the id {user_contact_id!r}")
    places = [place for contact in contacts for place in tx.job_contacts.jobs_of(ContactId(contact.id))]
    for found in sorted(places, key=lambda one: -one.job_id):
        if job_id not in (None, found.job_id) or found.handler != WAIT:
            continue
        place = tx.job_contacts.get(found.job_id, found.contact_id, hold=True)
        if place is not None and place.handler == WAIT and place.finished_at is None:
            return place
    raise Conflict(f"the contact {user_contact_id!r} does not wait for a code")
