"""The table of results that wait to be told to somebody."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, String, Table

from dialer.store.tables import Id, Instant, metadata

outbox = Table(  # a row is there until its target has it
    "outbox",
    metadata,
    Column("id", Id, primary_key=True),  # a contact's results in their order
    Column("event_id", String(26), nullable=False),  # the same for every target and however often it is told
    Column("org_id", Id, ForeignKey("organisations.id"), nullable=False),
    Column("contact_id", Id, nullable=False),  # no key: what was done is told also of a contact that is gone since
    Column("target", String(40)),  # NULL = not yet given to the targets that the settings name
    Column("created_at", Instant, nullable=False),
    Column("body", sa.JSON, nullable=False),
    Index("ix_outbox_target_id", "target", "id"),
)
