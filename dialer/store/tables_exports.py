"""The tables of recurring exports and of what became of their runs."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, UniqueConstraint

from dialer.store.tables import Id, Instant, metadata

exports = Table(
    "exports",
    metadata,
    Column("id", Id, primary_key=True),
    Column("org_id", Id, ForeignKey("organisations.id"), nullable=False),
    Column("campaign_id", Id, ForeignKey("campaigns.id")),  # NULL = of the whole organisation
    Column("content", sa.JSON, nullable=False),  # dialer.domain.export.ExportContent
    Column("file", String(200), nullable=False),
    Column("after_jobs", sa.Boolean, nullable=False),
    Column("zone", String(64), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", String(80), nullable=False),
    Index("ix_exports_org_id_after_jobs", "org_id", "after_jobs"),  # asked whenever a job ends
)

export_runs = Table(  # the two unique keys are the promise that no run happens twice
    "export_runs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("export_id", Id, ForeignKey("exports.id"), nullable=False),
    Column("job_id", Id, ForeignKey("jobs.id")),
    Column("local", String(19)),
    Column("state", String(16), nullable=False),
    Column("because", String(400), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("ended_at", Instant),
    Column("rows", sa.BigInteger),
    Column("size", sa.BigInteger),
    Column("file", String(255), nullable=False),
    CheckConstraint("state IN ('waiting','running','done','failed')", name="state"),
    UniqueConstraint("export_id", "job_id"),
    UniqueConstraint("export_id", "local"),
    Index("ix_export_runs_state_due_at", "state", "due_at"),
)
