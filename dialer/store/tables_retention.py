"""The table of what was archived and purged, and when."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, Index, String, Table, UniqueConstraint, text

from dialer.store.tables import Id, Instant, metadata

_RUNNING = text("state = 'running'")

retention_runs = Table(
    "retention_runs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("night", String(10)),  # the local date of the nightly run; NULL = somebody asked for it
    Column("state", String(16), nullable=False),
    Column("by", String(80), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),  # a running one tells that it lives
    Column("ended_at", Instant),
    Column("because", String(400), nullable=False),
    Column("report", sa.JSON, nullable=False),
    CheckConstraint("state IN ('running','done','failed')", name="state"),
    UniqueConstraint("night"),
    # Two at a time would archive the same rows twice.
    Index("uq_retention_runs_running", "state", unique=True, sqlite_where=_RUNNING, postgresql_where=_RUNNING),
)
