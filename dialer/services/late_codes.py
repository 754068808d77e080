"""Take a code that became known after the call, for a contact that waits for it, and send the contact on."""

from __future__ import annotations

from datetime import datetime

from dialer.domain.codes import SystemCode, name_key
from dialer.domain.ids import ContactId, JobId, OrgId
from dialer.domain.next_step import Goto, NextStep, Outcome, Stay, step_after
from dialer.domain.progress import Progress
from dialer.domain.strategy import WAIT
from dialer.errors import BadInput, Conflict, NotFound
from dialer.services.codes import system_code_called
from dialer.services.completion import StrategyOf
from dialer.services.contact_steps import apply_step
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
    """Follow the result table of the handler in which the contact waits; the attempts and their codes stay as they are.

    Raises NotFound; BadInput for a code that is not final, passive or not associated with the campaign; Conflict when the
    contact does not wait (in this job, or in any).
    """

    def work(tx: Tx) -> NextStep:
        place = _waiting(tx, org_id, user_contact_id, job_id)
        job = tx.jobs(org_id).get_for_update(place.job_id)
        system = system_code_called(code)
        custom = tx.codes(org_id).find(code) if system is None else None
        if system is SystemCode.ATTEMPT_IN_PROGRESS:
            raise BadInput(f"{system.value!r} is not final", where="code")
        if system is None:
            mine = {name_key(one.name) for one in tx.codes(org_id).of_campaign(job.campaign_id) if one.active}
            if custom is None or name_key(code) not in mine:
                raise BadInput(f"{code!r} is no code of this campaign, or passive", where="code")
        name = system.value if system is not None else custom.name if custom is not None else code
        handler = strategy_of(job.id, job.strategy_text).handler(Progress.from_json(place.progress).waits_in)
        step = step_after(handler, Outcome(code=name, custom=custom, address_index=place.address_index), Progress(), now)
        if not isinstance(step, Goto | Stay):
            tx.job_contacts.start_handler(job.id, place.contact_id, handler.state)  # called again, or done, by that handler
        apply_step(tx, job.id, place.contact_id, step, code=name, now=now)
        return step

    return await store.write(work)


def _waiting(tx: Tx, org_id: OrgId, user_contact_id: str, job_id: JobId | None) -> JobContact:
    contacts = tx.contacts(org_id).called(user_contact_id)
    if not contacts:
        raise NotFound(f"no contact has the id {user_contact_id!r}")
    for contact in contacts:
        for place in tx.job_contacts.jobs_of(ContactId(contact.id)):
            if place.handler == WAIT and place.finished_at is None and job_id in (None, place.job_id):
                return place
    raise Conflict(f"the contact {user_contact_id!r} does not wait for a code")
