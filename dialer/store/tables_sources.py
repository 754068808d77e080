"""The tables of data sources and of their runs."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, UniqueConstraint, text

from dialer.store.tables import Id, Instant, metadata

_ACTIVE = text("state IN ('queued','running','paused')")

data_sources = Table(
    "data_sources",
    metadata,
    Column("id", Id, primary_key=True),
    Column("org_id", Id, ForeignKey("organisations.id"), nullable=False),
    Column("name", String(80), nullable=False),
    Column("name_key", String(80), nullable=False),
    Column("definition", sa.JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", String(80), nullable=False),
    UniqueConstraint("org_id", "name_key"),
)

import_runs = Table(
    "import_runs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("source_id", Id, ForeignKey("data_sources.id"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("because", String(400), nullable=False),
    Column("report", sa.JSON, nullable=False),  # counters, and where the source goes on
    Column("checkpoint", sa.JSON, nullable=False),
    Column("fresh_starts", Integer, nullable=False),
    Column("queued_at", Instant, nullable=False),
    Column("queued_by", String(80), nullable=False),
    Column("started_at", Instant),
    Column("ended_at", Instant),
    Column("owner", String(80), nullable=False),  # "" = nobody
    Column("lease_until", Instant),  # of the owner; a RUNNING one is taken up by another process when it has passed
    CheckConstraint("state IN ('queued','running','paused','completed','failed','cancelled')", name="state"),
    # One run of a source at a time is not over.
    Index("uq_import_runs_active", "source_id", unique=True, sqlite_where=_ACTIVE, postgresql_where=_ACTIVE),
    Index("ix_import_runs_source_id_id", "source_id", "id"),
)
