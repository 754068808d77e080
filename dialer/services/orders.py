"""Put together what a channel needs to make an attempt that no switch makes."""

from __future__ import annotations

from dialer.domain.attempt import Attempt
from dialer.ports import AttemptOrder
from dialer.services.completion import StrategyOf
from dialer.store.store import Tx


def order_for(tx: Tx, attempt: Attempt, strategy_of: StrategyOf, *, sender: str = "") -> AttemptOrder:
    """The order of an attempt whose intent is on disk. Raises NotFound when its contact is gone meanwhile."""
    job = tx.jobs(None).as_started(attempt.job_id)
    contact = tx.contacts(attempt.org_id).get(attempt.contact_id, with_addresses=False)
    return AttemptOrder(
        attempt_id=attempt.id,
        org_id=attempt.org_id,
        campaign=job.campaign_name,
        job_id=int(job.id),
        handler=strategy_of(job.id, job.strategy_text).handler(attempt.handler),
        contact_id=contact.user_contact_id,
        address_name=attempt.address_name,
        address=attempt.address,
        language=contact.language,
        time_zone=contact.time_zone,
        attributes=dict(contact.attributes),
        sender=sender,
    )
