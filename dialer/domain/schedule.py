"""A schedule starts a campaign, a run of a data source or an export at a time of the wall clock, once or again and again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dialer.domain.ids import CampaignId, ExportId, ImportRunId, JobId, OrgId, ScheduleId, SourceId


class Missed(StrEnum):
    """What becomes of runs whose time passed while no dialer was running."""

    SKIP = "skip"  # they are recorded as missed
    RUN_ONCE = "run_once"  # the latest of them is run now, the others are recorded as missed


class RunOutcome(StrEnum):
    """What became of one run of a schedule."""

    STARTED = "started"
    MISSED = "missed"  # its time passed while no dialer was running
    REFUSED = "refused"  # it could not be started: the run before is not over, or the definition is not fit


class Starts(StrEnum):
    """What a schedule starts."""

    CAMPAIGN = "campaign"  # a job of it
    SOURCE = "data source"  # a run of it
    EXPORT = "export"  # a file is written


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """`first` is naive: what the wall clocks of `zone` show. `rule` is an RRULE (RFC 5545) without DTSTART; "" = once.

    An instant is never repeated from a rule: local times are, one day after the other, and each is looked up in the zone then.
    """

    id: ScheduleId
    org_id: OrgId
    starts: str  # the name of the campaign or of the data source; "export 7"
    campaign_id: CampaignId | None = None
    source_id: SourceId | None = None
    export_id: ExportId | None = None  # one of the three
    first: datetime
    zone: str
    rule: str = ""
    missed: Missed = Missed.SKIP
    active: bool = True
    next_local: datetime | None = None  # naive; None = no run is left
    next_at: datetime | None = None  # aware UTC

    @property
    def what(self) -> Starts:
        """What it starts."""
        if self.campaign_id is not None:
            return Starts.CAMPAIGN
        return Starts.SOURCE if self.source_id is not None else Starts.EXPORT


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledRun:
    """One run: the schedule and the local time name it, and no two runs have the same name."""

    schedule_id: ScheduleId
    local: datetime  # naive
    outcome: RunOutcome
    because: str
    job_id: JobId | None = None  # what was started: a job ...
    run_id: ImportRunId | None = None  # ... or a run of a data source
    at: datetime  # when it was decided
