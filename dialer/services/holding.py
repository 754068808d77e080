"""Call pausing: whether a job's own conditions hold its calls back at this moment."""

from __future__ import annotations

from datetime import datetime, timedelta

from dialer.domain.campaign import Job
from dialer.domain.hold import HoldKind
from dialer.store.store import Tx

HELD = "call pausing"  # who asked for the pause: a job that an operator paused does not go on by itself


def held_because(tx: Tx, job: Job, now: datetime) -> str:
    """The first condition that holds, in words; "" when none does."""
    for hold in job.definition.holds:
        codes: dict[str, int] = {}
        if hold.kind is not HoldKind.TIME:
            codes = tx.jobs(None).recent_codes(job.id, since=now - timedelta(minutes=hold.minutes))
        if because := hold.because(now, codes):
            return f"held: {because}"
    return ""
