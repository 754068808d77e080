"""The tables of pacing: why so many calls were placed at a moment, and what the pacers have learned."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from dialer.store.tables import Id, Instant, metadata

pacing_decisions = Table(  # append-only, for a month: one row for each stretch of time in which a job's reason was the same
    "pacing_decisions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("job_id", Id, ForeignKey("jobs.id"), nullable=False),
    Column("at", Instant, nullable=False),  # when the stretch ended
    Column("pacer", String(40), nullable=False),
    Column("decisions", Integer, nullable=False),  # in this stretch
    Column("placed", Integer, nullable=False),
    Column("idle", Integer, nullable=False),  # agents
    Column("talking", Integer, nullable=False),
    Column("wrapping", Integer, nullable=False),
    Column("ringing", Integer, nullable=False),  # calls
    Column("waiting", Integer, nullable=False),  # persons without an agent
    Column("live", sa.Float, nullable=False),  # in the window of the budget
    Column("abandoned", sa.Float, nullable=False),
    Column("because", Text, nullable=False),
    Index("ix_pacing_decisions_job_id_at", "job_id", "at"),
    Index("ix_pacing_decisions_at", "at"),
)

pacer_memories = Table(  # what a campaign's pacer has learned: a restart does not begin as if nothing were known
    "pacer_memories",
    metadata,
    Column("campaign_id", Id, ForeignKey("campaigns.id"), primary_key=True),
    Column("pacer", String(40), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("data", sa.JSON, nullable=False),
)
