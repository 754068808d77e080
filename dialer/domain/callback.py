"""A callback: the promise to call a contact again at a moment, and how many such promises may be made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from dialer.domain.ids import AttemptId, CallbackId, ContactId, JobId, OrgId


class CallbackState(StrEnum):
    """Where a callback stands: PENDING ──> DONE | CANCELLED | EXPIRED."""

    PENDING = "pending"  # its time has not come, or its call is up; at most one of each contact in a job
    DONE = "done"  # the contact was called for it
    CANCELLED = "cancelled"  # taken back: by somebody, because the job is over, or because the contact may not be called
    EXPIRED = "expired"  # it could not be kept in time


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """One promise. Times are aware UTC; `zone` is how people see them."""

    id: CallbackId
    org_id: OrgId
    job_id: JobId
    contact_id: ContactId
    at: datetime
    zone: str = "UTC"
    expires_at: datetime | None = None  # from then on it is of no use any more
    number: str = ""  # E.164, one of the contact's; "" = as the strategy says
    note: str = ""
    state: CallbackState = CallbackState.PENDING
    because: str = ""  # why it is not pending any more
    created_by: str = ""
    attempt_id: AttemptId | None = None  # the call by which it is kept
    held_due_at: datetime | None = None  # when the contact would be called without it; None = its last code says what follows

    def is_due(self, now: datetime) -> bool:
        """Its time has come."""
        return self.at <= now

    def has_expired(self, now: datetime) -> bool:
        """It can no more be kept."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackLimits:
    """How many callbacks a contact is given in a job, and how far they lie apart. None and 0 = without limit."""

    most: int | None = None
    min_interval_s: float = 0.0

    def against(self, at: datetime, job_id: JobId, others: Iterable[Callback]) -> str:
        """Why one more callback at that moment is too much beside the contact's `others`; "" when it is not."""
        counted = [one for one in others if one.state is not CallbackState.CANCELLED]
        made = sum(one.job_id == job_id for one in counted)
        if self.most is not None and made >= self.most:
            return f"{made} of {self.most} callbacks made for this contact"
        apart = timedelta(seconds=self.min_interval_s)
        near = next((one for one in counted if abs(one.at - at) < apart), None)
        if near is None:
            return ""
        return f"less than {self.min_interval_s / 60:g} minutes from the callback of {near.at:%Y-%m-%d %H:%M} UTC"
