"""The tables of schedules, of what became of their runs, and of the edits of campaigns and jobs."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, Table

from dialer.store.tables import Id, Instant, metadata

ONE_THING = " + ".join(f"(CASE WHEN {one}_id IS NULL THEN 0 ELSE 1 END)" for one in ("campaign", "source", "export")) + " = 1"

schedules = Table(
    "schedules",
    metadata,
    Column("id", Id, primary_key=True),
    Column("org_id", Id, ForeignKey("organisations.id"), nullable=False),
    Column("campaign_id", Id, ForeignKey("campaigns.id")),  # what it starts: a campaign ...
    Column("source_id", Id, ForeignKey("data_sources.id")),  # ... or a run of a data source ...
    Column("export_id", Id, ForeignKey("exports.id")),  # ... or an export
    Column("first", String(19), nullable=False),  # what the wall clocks show: 2026-03-28T09:00:00
    Column("zone", String(64), nullable=False),
    Column("rule", String(400), nullable=False),  # an RRULE; "" = once
    Column("missed", String(16), nullable=False),
    Column("active", sa.Boolean, nullable=False),
    Column("next_local", String(19)),  # NULL = no run is left
    Column("next_at", Instant),  # the same as an instant; reckoned anew when a program with newer time zones starts
    Column("created_at", Instant, nullable=False),
    Column("created_by", String(80), nullable=False),
    CheckConstraint(ONE_THING, name="starts"),
    Index("ix_schedules_next_at", "next_at"),
)

schedule_runs = Table(  # the primary key is the promise that no run happens twice
    "schedule_runs",
    metadata,
    Column("schedule_id", Id, ForeignKey("schedules.id"), primary_key=True),
    Column("local", String(19), primary_key=True),
    Column("outcome", String(16), nullable=False),
    Column("because", String(400), nullable=False),
    Column("job_id", Id, ForeignKey("jobs.id")),
    Column("run_id", Id, ForeignKey("import_runs.id")),
    Column("at", Instant, nullable=False),
)

edits = Table(  # append-only: who changed what, for the one who edited the same thing meanwhile
    "edits",
    metadata,
    Column("kind", String(16), primary_key=True),  # "campaign" or "job"
    Column("of_id", Id, primary_key=True),
    Column("version", Integer, primary_key=True),  # the one that this edit made
    Column("at", Instant, nullable=False),
    Column("by", String(80), nullable=False),
    Column("changes", sa.JSON, nullable=False),  # {field: [before, after]}
)
