"""Call pausing: whether a job's own conditions hold its calls back at this moment, all of them or those to some contacts."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from dialer.domain.campaign import Job
from dialer.domain.hold import HoldKind
from dialer.domain.ids import ContactId
from dialer.store.store import Tx

HELD_CONTACT = "held: "  # how it begins, why such a contact waits
RECHECK_S = 900.0  # a held contact is looked at again so often; an edit of the holds lets all of them go at once
HELD = "call pausing"  # who asked for the pause: a job that an operator paused does not go on by itself


def held_because(tx: Tx, job: Job, now: datetime) -> str:
    """The first condition that holds, in words; "" when none does."""
    for hold in job.definition.holds:
        codes: dict[str, int] = {}
        if hold.kind in (HoldKind.SHARE, HoldKind.COUNT):
            codes = tx.jobs(None).recent_codes(job.id, since=now - timedelta(minutes=hold.minutes))
        if because := hold.because(now, codes):
            return f"held: {because}"
    return ""


def held_contacts(tx: Tx, job: Job, contact_ids: Collection[ContactId]) -> dict[ContactId, str]:
    """Which of these contacts a condition of the job holds back while it calls the others, each with the condition."""
    found: dict[ContactId, str] = {}
    for hold in job.definition.holds:
        if hold.filter is not None and contact_ids:
            because = f"{HELD_CONTACT}{hold.where}"
            found |= {one: because for one in tx.contacts(job.org_id).fitting(contact_ids, hold.filter) if one not in found}
    return found
