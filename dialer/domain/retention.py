"""How long things are kept, and what became of a run that archives and purges what is older."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum
from pathlib import Path


class RetentionClass(StrEnum):
    """What can grow old, in the order in which it goes: what refers to something goes before it."""

    EXPORTS = "exports"  # files of recurring exports, and the record of their runs
    SCHEDULE_RUNS = "schedule_runs"  # what became of the runs of schedules
    IMPORTS = "imports"  # runs of data sources, and error files of imports
    RECORDINGS = "recordings"  # what contacts said
    PROMPTS = "prompts"  # texts that were spoken and kept, by their last use; spoken again when they are wanted
    CALLBACKS = "callbacks"  # promises that were kept, cancelled or expired, of jobs that are over
    RECEIVED = "received"  # what people wrote to us, unless it still waits for somebody to read it
    ATTEMPTS = "attempts"  # attempts of jobs that are over, with their events
    PLACES = "places"  # where contacts stood in jobs that are over
    CONTACTS = "contacts"  # bare rows of contacts that were deleted, once nothing refers to them
    AGENT_STATES = "agent_states"  # what agents did; the last state of each stays
    EDITS = "edits"  # who changed what, who saw what is masked, and the runs of retention itself
    ARCHIVES = "archives"  # the archive's own files


FILES = (
    RetentionClass.EXPORTS,
    RetentionClass.IMPORTS,
    RetentionClass.RECORDINGS,
    RetentionClass.PROMPTS,
    RetentionClass.ARCHIVES,
)
NEVER_ARCHIVED = frozenset({RetentionClass.PROMPTS, RetentionClass.ARCHIVES})
ABANDON_WINDOW_DAYS = 31
"""Attempts younger than this stay whatever the settings say: abandon rates are measured over 30 days (TSR 310.4(b)(4))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPlan:
    """What the settings say. `days` of 0: kept for ever."""

    days: dict[RetentionClass, int]
    archive: Path
    folders: dict[RetentionClass, Path]  # of the classes that are files
    without_archive: frozenset[RetentionClass] = NEVER_ARCHIVED
    at: time = time(3, 30)  # of the night, by the clocks of `zone`
    zone: str = ""  # "" = the machine's own
    keep_free: int = 0  # bytes that stay free on the archive's disk

    @property
    def anything(self) -> bool:
        """Whether anything grows old at all."""
        return any(self.days.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassReport:
    """What was, or would be, done about one class."""

    of: RetentionClass
    days: int
    found: int = 0  # rows or files that are old enough and may go
    size: int = 0  # bytes of the files, or of the rows as they are written to the archive, before it is compressed
    archived: int = 0
    purged: int = 0
    oldest: datetime | None = None
    notes: tuple[str, ...] = ()  # what holds some of it back, and what went wrong


class RetentionState(StrEnum):
    """What became of a run."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"  # it stopped half way, with the reason: nothing is lost, the next one goes on


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRun:
    """One run, as it is on record."""

    id: int
    night: str | None  # the local date of the nightly run
    state: RetentionState
    by: str
    started_at: datetime
    seen_at: datetime
    ended_at: datetime | None = None
    because: str = ""
    report: tuple[ClassReport, ...] = field(default_factory=tuple)
