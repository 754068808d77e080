"""A campaign is what to do with whom; a job is one run of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from dialer.domain.filter import Filter, Sort
from dialer.domain.finish import Finish as Finish
from dialer.domain.hold import Hold
from dialer.domain.ids import CampaignId, JobId, OrgId
from dialer.domain.pacing_plan import Pacing


class PaceUnit(StrEnum):
    """The unit of time of a pace."""

    SECOND = "second"
    MINUTE = "minute"
    HOUR = "hour"


UNIT_S = {PaceUnit.SECOND: 1.0, PaceUnit.MINUTE: 60.0, PaceUnit.HOUR: 3600.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast an agentless job dials, and on how many lines: `calls` per `per`; between `min_ports` and `max_ports` calls up.

    Ports are calls in flight, from the order to dial until the hang-up. While fewer than `min_ports` are in flight the
    job may dial faster than its pace (the trunk's own limit still holds).
    """

    calls: float = 60.0
    per: PaceUnit = PaceUnit.MINUTE
    min_ports: int = 0
    max_ports: int = 50

    @property
    def calls_per_s(self) -> float:
        """The pace in calls per second."""
        return self.calls / UNIT_S[self.per]


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """The definition; a running job keeps the one it started with, except for the knobs that its operators turn (`JobKnobs`)."""

    id: CampaignId
    org_id: OrgId
    name: str
    strategy: str  # the strategy's name
    contact_lists: tuple[str, ...]  # names, in the order in which they are dialled
    codes: tuple[str, ...] = ()  # custom codes associated with the campaign
    trunk: str = ""  # "" = the first of the settings
    caller_id: str = ""  # E.164; "" = the trunk's
    pace: Pace = Pace()
    finish: Finish = field(default_factory=Finish)
    infinite: bool = False  # never runs out of contacts: those that are added later are called, until an operator stops it
    filter: Filter = field(default_factory=Filter)
    sort: Sort | None = None
    priority: int = 5  # PRIORITY_LEAST to PRIORITY_MOST: each step up doubles the share of a trunk that is short of room
    holds: tuple[Hold, ...] = ()  # at most HOLDS_MOST
    then: str = ""  # the campaign that starts when a job of this one has ended by itself
    pacing: Pacing = field(default_factory=Pacing)  # who decides when a contact is called: the clock, or agents
    version: int = 1  # counts its edits: who edits an old one is told of the newer


PRIORITY_LEAST, PRIORITY_MOST = 1, 10


class JobState(StrEnum):
    """Where a job stands.

    QUEUED ──> RUNNING <──> PAUSED
                 │  └────────┤
                 v           v
              STOPPING ──> COMPLETED      (ended by exhaustion, by its finish criterion or by the operator)

    STOPPING: no new calls; the calls in flight end by themselves (stop, finish) or are hung up (force stop).
    """

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    COMPLETED = "completed"


NEXT_JOB_STATES: Mapping[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.STOPPING, JobState.COMPLETED}),
    JobState.RUNNING: frozenset({JobState.PAUSED, JobState.STOPPING, JobState.COMPLETED}),
    JobState.PAUSED: frozenset({JobState.RUNNING, JobState.STOPPING, JobState.COMPLETED}),
    JobState.STOPPING: frozenset({JobState.STOPPING, JobState.COMPLETED}),  # stopping again: now by force
    JobState.COMPLETED: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run of a campaign."""

    id: JobId
    org_id: OrgId
    campaign_id: CampaignId
    campaign_name: str
    state: JobState
    because: str  # why it is in this state: "operator", "no contacts left", "50 × Interested in Blood Donation"
    strategy_text: str  # the YAML with which it started
    definition: Campaign  # as it was at the start, with the operators' edits of lists, filter and priority
    pace: Pace  # as it is now
    force: bool  # STOPPING hangs up the calls in flight
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    version: int = 1  # counts the operators' edits
    changed_by: str = ""  # who asked for the present state
    recycled_from: JobId | None = None  # it calls only contacts of that earlier job whose last code is one of these
    recycled_codes: tuple[str, ...] = ()

    @property
    def calls_whom(self) -> str:
        """Whom of its lists it calls, in words."""
        if self.recycled_from is None:
            return str(self.definition.filter)
        ended = f"ended job {self.recycled_from} with {', '.join(self.recycled_codes)}"
        return f"{ended}, {self.definition.filter}" if self.definition.filter.any_of else ended

    restrictions: int = 0  # how often a temporary restriction has held a contact back


class JobContactState(StrEnum):
    """Where a contact stands in a job. Contacts of the list without a row here have not been looked at yet.

    (no row) ──> CLAIMED ──> IN_CALL ──> FINISHED
                  ^  │          │
                  │  v          v
                 SCHEDULED <────┘      (a callback brings a FINISHED one back)
    """

    CLAIMED = "claimed"  # leased by a node that is about to dial
    SCHEDULED = "scheduled"  # waits for its due time: a retry, or a window that opens later
    IN_CALL = "in_call"  # has a live attempt
    FINISHED = "finished"  # done in this job, with its last code


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTotals:
    """Where the contacts of a job stand; each is counted in exactly one place, and together they are all of its lists."""

    untouched: int  # not looked at yet
    claimed: int
    scheduled: int
    in_call: int
    finished: int
    attempts: int  # rows in the ledger, those ended before a call was placed included
    live: int  # attempts without their code yet
    excluded: int = 0  # looked at, and left out by the filter
    restricted: int = 0  # of those scheduled: held back by a temporary restriction of the strategy at this moment
    restrictions: int = 0  # how often such a restriction has held a contact back so far; never falls

    @property
    def contacts(self) -> int:
        """All contacts of the job's lists."""
        return self.untouched + self.claimed + self.scheduled + self.in_call + self.finished + self.excluded
