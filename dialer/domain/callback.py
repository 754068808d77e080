"""A callback: the promise to call a contact again at a moment, who keeps it, and how many such promises may be made."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
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


class CallbackType(StrEnum):
    """Who keeps a callback."""

    AGENT = "agent"  # its agent if there, else any of the campaign
    STRICT_AGENT = "strict_agent"  # its agent alone, looked for several times; after that any of the campaign
    CAMPAIGN = "campaign"  # any agent of the campaign; its IVR when it has no agents
    STANDARD = "standard"  # any agent who has the skills of the job; the IVR when there are no agents

    @property
    def is_personal(self) -> bool:
        """It was promised by a certain agent."""
        return self in (CallbackType.AGENT, CallbackType.STRICT_AGENT)


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
    type: CallbackType = CallbackType.CAMPAIGN
    agent: str = ""  # who promised it, for the personal types; stays when it is reassigned
    tries: int = 0  # times that this agent was not there
    reassigned_at: datetime | None = None  # from then on it is the campaign's
    asked_at: datetime | None = None  # the moment that was wanted, where it had to be put off
    on_request: bool = False  # the contact asked for it

    def __str__(self) -> str:
        """As a person is told what a contact waits for."""
        said = f"callback {self.id}, promised by {self.created_by}"
        if self.asked_at is not None:
            said += f", asked for {self.asked_at:%Y-%m-%d %H:%M} UTC"
        if self.agent:
            said += f", for {self.agent}" + (f" (not there {self.tries} times)" if self.tries else "")
        return said

    def is_due(self, now: datetime) -> bool:
        """Its time has come."""
        return self.at <= now

    def has_expired(self, now: datetime) -> bool:
        """It can no more be kept."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackLimits:
    """How many callbacks there may be, and how they are kept. None and 0 = without limit."""

    most: int | None = None  # that a contact is given in a job
    min_interval_s: float = 0.0  # between two callbacks of a contact
    span_most: int | None = None  # at most so many callbacks ...
    span_s: float = 0.0  # ... in any time of this length, of the organisation or of the campaign
    queue_most: int = 10  # that wait in one agent's queue
    retry_s: float = 300.0  # until an agent who was not there, or whose queue was full, is looked for again
    tries_most: int = 3  # a strict agent is looked for so often
    hours: bool = True  # the strategy's hours hold for what a contact asked for, too; if not, those of the law

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

    @property
    def crowd(self) -> str:
        """How many callbacks there may be at a time, in words; "" = any number."""
        if self.span_most is None:
            return ""
        return f"at most {self.span_most} callback{'s' if self.span_most > 1 else ''} in {self.span_s / 60:g} minutes"


def free_from(at: datetime, others: Sequence[datetime], most: int, span: timedelta) -> datetime:
    """The first moment from `at` on at which one more callback makes no crowd: more than `most` in less than `span`.

    `others` are the moments of the other callbacks, in order; those up to `at - span` do not matter.
    """
    while True:
        behind = bisect_right(others, at)
        crowded = at
        for first in range(max(0, behind - most), min(behind, len(others) - most) + 1):
            begin, end = others[first], others[first + most - 1]
            if max(end, at) - min(begin, at) < span:  # with these `most` it would be one too many
                crowded = max(crowded, begin + span)
        if crowded == at:
            return at
        at = crowded
