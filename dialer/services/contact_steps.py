"""Carry out what was decided for a contact: its place in the job after an attempt, and what a code does to its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dialer.domain.address_choice import has_another
from dialer.domain.attempt import COMPLIANCE, Attempt
from dialer.domain.campaign import Job
from dialer.domain.codes import BlockScope, CustomCode, NextAction, SystemCode, reached
from dialer.domain.condition import Attributes
from dialer.domain.contact import Address
from dialer.domain.dnc import DncKind
from dialer.domain.ids import ContactId, JobId
from dialer.domain.next_step import Done, Goto, Later, NextStep, RetryAt, Stay
from dialer.domain.result import AttemptResult
from dialer.domain.strategy import WAIT, Handler
from dialer.store.store import Tx


def apply_step(
    tx: Tx, job_id: JobId, contact_id: ContactId, step: NextStep, *, code: str | None, now: datetime, by: str = ""
) -> None:
    """Write where the contact stands from now on. `by`: the handler that it stays with or ends in, where it waited before."""
    last: dict[str, Any] = {} if code is None else {"last_code": code}
    match step:
        case Done(because=because):
            clean = {"handler": by, "address_index": 0, "progress": {}} if by else {}
            tx.job_contacts.finish(job_id, contact_id, at=now, because=because, **clean, **last)
        case RetryAt() | Later():
            last |= {"handler": by} if by else {}
            tx.job_contacts.schedule(
                job_id,
                contact_id,
                due_at=step.due,
                because=step.because,
                address_index=step.address_index,
                progress=step.progress.to_json(),
                **last,
            )
        case Goto() | Stay():
            tx.job_contacts.schedule(
                job_id,
                contact_id,
                due_at=step.until if isinstance(step, Stay) else now,
                because=step.because,
                handler=WAIT if isinstance(step, Stay) else step.state,
                address_index=0,
                progress=step.progress.to_json(),
                **last,
            )


def add_to_history(tx: Tx, attempt: Attempt, custom: CustomCode | None) -> None:
    """Note at the contact what has become of an attempt that was just closed; `custom` defines its code if it is custom."""
    code = attempt.code or ""
    made = attempt.code_source != COMPLIANCE and code != SystemCode.NOT_LAUNCHED  # else no telephone rang
    tx.contact_history.add(attempt, made=made, success=made and reached(code, custom))


def treat_number(tx: Tx, job: Job, attempt: Attempt, handler: Handler, custom: CustomCode | None, now: datetime) -> bool:
    """Remove or block the number that was called, if the code says so; whether the handler then has another one to call."""
    if attempt.code == SystemCode.OPTED_OUT:
        opt_out(tx, attempt, now)
    if custom is None or not attempt.address:
        return True
    removes, blocks = (custom.next_action is one for one in (NextAction.REMOVE_NUMBER, NextAction.BLOCK_NUMBER))
    if blocks or custom.add_to_dnc:
        owner = None if custom.block_scope is BlockScope.COMMON else attempt.org_id
        tx.dnc(owner).add(attempt.address, reason=f"completion code {custom.name}", now=now)
    contacts = tx.contacts(attempt.org_id)
    if removes:
        contacts.remove_address(attempt.contact_id, attempt.address_name)
    if not removes and not blocks:
        return True
    owned = contacts.addresses_of([attempt.contact_id])
    on_dnc = tx.dnc(attempt.org_id).listed_for(owned, campaign_id=job.campaign_id, now=now)[attempt.contact_id]
    return has_another(handler, owned[attempt.contact_id], attempt.address, on_dnc)


def opt_out(tx: Tx, attempt: Attempt, now: datetime) -> None:
    """The code says that the contact is on the DNC list: whoever set it, see to it that it is."""
    if attempt.address:
        tx.dnc(attempt.org_id).add(attempt.address, reason="opted out", now=now)
    else:
        user = tx.contacts(attempt.org_id).get(attempt.contact_id, with_addresses=False).user_contact_id
        tx.dnc(attempt.org_id).add(user, reason="opted out", kind=DncKind.CONTACT, now=now)


def result_for_processor(tx: Tx, job: Job, attempt: Attempt, handler: Handler, now: datetime) -> AttemptResult | None:
    """What the strategy's result processor is to be told, when it has one for this code."""
    name = handler.processor_for(attempt.code or "")
    if not name:
        return None
    contact = tx.contacts(attempt.org_id).get(attempt.contact_id)
    return AttemptResult(
        processor=name,
        campaign=job.campaign_name,
        job_id=int(job.id),
        attempt_id=attempt.id,
        contact_id=contact.user_contact_id,
        handler=attempt.handler,
        address_name=attempt.address_name,
        channel=attempt.channel,
        address=attempt.address,
        code=attempt.code or "",
        system_code=attempt.system_code,
        source=attempt.code_source or "",
        ended_at=attempt.ended_at or now,
        note=attempt.app_note or "",
        attributes=dict(contact.attributes),
    )


def known_of(
    attributes: Mapping[str, str], addresses: Sequence[Address] = (), *, last_code: str | None = None, attempts: int = 0
) -> Attributes:
    """All that conditions can ask of a contact, by names in small letters; what the list has goes before what we add."""
    numbers = {one.name.casefold(): one.value for one in addresses}
    own = {name.casefold(): value for name, value in attributes.items()}
    return {"last_code": last_code or "", "attempts": str(attempts), **numbers, **own}
