"""An export that the running dialer makes by itself: after each job of a campaign, or by the calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dialer.domain.export import ExportContent
from dialer.domain.ids import CampaignId, ExportId, ExportRunId, JobId, OrgId

AFTER_JOB_FILE = "{what}-{campaign}-{job}.csv"
CALENDAR_FILE = "{what}-{campaign}-{date}-{time}.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportDefinition:
    """What is written, under which name, and when: after jobs, or else when its schedule says so."""

    id: ExportId
    org_id: OrgId
    campaign_id: CampaignId | None  # None = of the whole organisation
    campaign_name: str = ""
    content: ExportContent
    file: str  # the pattern of its files' names
    after_jobs: bool  # at the end of each job; else by the calendar
    zone: str  # whose clocks give {date} and {time}
    created_by: str = ""


class ExportRunState(StrEnum):
    """What became of one run.

    WAITING ──> RUNNING ──> DONE
       ^           │
       └───────────┴──────> FAILED      (tried again a few times first: the disk may be full just now)
    """

    WAITING = "waiting"  # its moment has come, or comes when it is tried again
    RUNNING = "running"  # the file is being written
    DONE = "done"  # the file is whole and on disk
    FAILED = "failed"  # given up, with the reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRun:
    """One run: named by the job, or by the local time; no two runs of an export have the same name."""

    id: ExportRunId
    export_id: ExportId
    job_id: JobId | None
    local: datetime | None  # naive
    state: ExportRunState
    because: str
    tries: int
    due_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    rows: int | None = None
    size: int | None = None  # bytes
    file: str = ""
