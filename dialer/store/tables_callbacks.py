"""The tables of callbacks and of their limits."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint, text

from dialer.store.tables import Id, Instant, metadata

_PENDING = text("state = 'pending'")
_OF_ORGANISATION = text("campaign_id IS NULL")

callbacks = Table(
    "callbacks",
    metadata,
    Column("id", Id, primary_key=True),
    Column("org_id", Id, ForeignKey("organisations.id"), nullable=False),
    Column("job_id", Id, ForeignKey("jobs.id"), nullable=False),
    Column("contact_id", Id, ForeignKey("contacts.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("zone", String(64), nullable=False),
    Column("expires_at", Instant),
    Column("number", String(20), nullable=False),  # "" = as the strategy says
    Column("note", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("because", String(200), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", String(80), nullable=False),
    Column("closed_at", Instant),
    Column("attempt_id", String(26), ForeignKey("attempts.id")),  # the call by which it is kept
    Column("held_due_at", Instant),  # when the contact would be called without it; NULL = its last code decides
    Column("type", String(16), nullable=False, server_default="campaign"),
    Column("agent", String(80), nullable=False, server_default=text("''")),  # whom it was promised for; "" = nobody in particular
    Column("tries", Integer, nullable=False, server_default=text("0")),  # times that this agent was not there
    Column("reassigned_at", Instant),  # from then on anybody of the campaign may keep it
    Column("asked_at", Instant),  # the moment that was wanted, where it had to be put off
    Column("on_request", sa.Boolean, nullable=False, server_default=sa.false()),  # the contact asked for it
    CheckConstraint("state IN ('pending','done','cancelled','expired')", name="state"),
    # A contact is promised one call at a time.
    Index("uq_callbacks_pending", "job_id", "contact_id", unique=True, sqlite_where=_PENDING, postgresql_where=_PENDING),
    Index("ix_callbacks_contact_id", "contact_id"),
    Index("ix_callbacks_attempt_id", "attempt_id"),  # asked whenever an attempt is removed
    Index("ix_callbacks_org_id_state_at", "org_id", "state", "at"),
)

callback_limits = Table(  # of an organisation where campaign_id is NULL; a campaign's own go before
    "callback_limits",
    metadata,
    Column("id", Id, primary_key=True),
    Column("org_id", Id, ForeignKey("organisations.id"), nullable=False),
    Column("campaign_id", Id, ForeignKey("campaigns.id")),
    Column("most", Integer),
    Column("min_interval_s", sa.Float, nullable=False),
    Column("span_most", Integer),
    Column("span_s", sa.Float, nullable=False, server_default=text("0")),
    Column("queue_most", Integer, nullable=False, server_default=text("10")),
    Column("retry_s", sa.Float, nullable=False, server_default=text("300")),
    Column("tries_most", Integer, nullable=False, server_default=text("3")),
    Column("hours", sa.Boolean, nullable=False, server_default=sa.true()),
    UniqueConstraint("org_id", "campaign_id"),
    Index("uq_callback_limits_org_id", "org_id", unique=True, sqlite_where=_OF_ORGANISATION, postgresql_where=_OF_ORGANISATION),
)
