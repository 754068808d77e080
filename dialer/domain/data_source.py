"""A data source says where people for a contact list come from, and what is done with them; a run fetches them once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from dialer.domain.filter import Filter
from dialer.domain.ids import ImportRunId, OrgId, SourceId
from dialer.domain.imports import ImportOptions, ImportReport

MAX_SOURCE_NAME = 40  # characters
HOUR_S = 3600

RowProgram = Callable[[Mapping[str, str]], Iterable[Mapping[str, Any]]]
"""A third party's program that gives rows: called with the source's parameters, it yields one mapping of columns to values for
each. Asked again, it should give the same rows in the same order: then a run that was interrupted goes on where it was."""


class SourceKind(StrEnum):
    """Where rows can come from."""

    FILE = "file"  # a CSV file on this machine
    SFTP = "sftp"  # a CSV file on a server
    DATABASE = "database"  # a query to a database of somebody else
    CUSTOM = "custom"  # a program of a third party


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlace:
    """A CSV file that the dialer's machine can read."""

    path: str

    kind: ClassVar = SourceKind.FILE

    def __str__(self) -> str:
        return self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class SftpPlace:
    """A CSV file on a server that the settings name ([[sftp]]): who the server is and how to sign in stands there."""

    server: str
    path: str

    kind: ClassVar = SourceKind.SFTP

    def __str__(self) -> str:
        return f"{self.server}:{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabasePlace:
    """A SELECT in a database that the settings name ([[foreign_database]]).

    `key` is a column whose values are unique and can be put in order: a run that was interrupted goes on behind the last one.
    Without it, the rows are read again and passed over.
    """

    database: str
    query: str
    key: str = ""

    kind: ClassVar = SourceKind.DATABASE

    def __str__(self) -> str:
        return f"{self.database}: {self.query}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomPlace:
    """An installed program (entry points `outdial.import_sources`), with what it is told."""

    program: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    kind: ClassVar = SourceKind.CUSTOM

    def __str__(self) -> str:
        return " ".join([self.program, *(f"{name}={value}" for name, value in self.parameters.items())])


Place = FilePlace | SftpPlace | DatabasePlace | CustomPlace


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSource:
    """A saved definition. It never changes: whoever wants another one adds another one."""

    id: SourceId
    org_id: OrgId
    name: str
    place: Place
    list_name: str
    options: ImportOptions = field(default_factory=ImportOptions)
    exclude_days: int | None = None  # not None: contacts of the list that the rows name are excluded for so many days
    exclude_zone: str = ""  # where the midnight lies at which those days end; "" = UTC
    delete_where: Filter | None = None  # before, delete the contacts that fit; `options.delete_first` deletes all
    limit_s: int = 4 * HOUR_S  # no run's process may take longer
    created_by: str = ""
    created_at: datetime | None = None  # given by the database


class RunState(StrEnum):
    """Where a run stands. One run of a source at a time is queued, running or paused.

    QUEUED ──> RUNNING ──> COMPLETED
      ^ │        │ │
      │ v        │ └─────> FAILED ──> QUEUED      (resumed: it goes on where it was)
      PAUSED <───┘
                           CANCELLED              (from wherever it is not over)
    """

    QUEUED = "queued"  # waits for a dialer
    RUNNING = "running"  # a process works on it; or one did until it was killed, and the next one goes on
    PAUSED = "paused"  # by an operator
    COMPLETED = "completed"  # every row was taken or refused
    FAILED = "failed"  # it cannot go on as things are; what was stored stays
    CANCELLED = "cancelled"  # by an operator; what was stored stays


OVER = (RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What the next process must know to go on, beside the report and its position; written with each batch, or not at all."""

    reading: bool = False  # what was to be deleted before is deleted, and rows are being read
    deleted_to: int = 0  # contacts up to this row have been looked at for deletion
    fingerprint: str = ""  # of the file that is read; another one means that it has changed
    errors_bytes: int = 0  # how long the file of refused rows was


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRun:
    """One fetching of a data source's rows: what has come of it, and where it goes on."""

    id: ImportRunId
    org_id: OrgId
    source_id: SourceId
    source_name: str
    state: RunState
    because: str  # why it is in this state
    report: ImportReport  # with its position: always that of the last batch on disk
    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    fresh_starts: int = 0  # how often it had to start over because the source had changed meanwhile
    queued_at: datetime
    queued_by: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    owner: str = ""  # the process that works on it; every batch is written under this name or not at all
