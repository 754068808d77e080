"""The tables beside the contacts: what their attributes may hold, who is excluded, and which numbers are refused."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, String, Table, UniqueConstraint

from dialer.store.tables import Id, Instant, metadata

attribute_definitions = Table(
    "attribute_definitions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("org_id", Id, ForeignKey("organisations.id"), nullable=False),
    Column("name", String(40), nullable=False),
    Column("type", String(10), nullable=False),
    Column("masked", sa.Boolean, nullable=False),
    UniqueConstraint("org_id", "name"),
)

contact_exclusions = Table(
    "contact_exclusions",
    metadata,
    Column("contact_id", Id, ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True),
    Column("until", Instant, nullable=False),
    Column("reason", String(200), nullable=False),
)

phone_checks = Table(
    "phone_checks",
    metadata,
    Column("org_id", Id, ForeignKey("organisations.id"), primary_key=True),
    Column("definition", sa.JSON, nullable=False),
)

campaign_counters = Table(
    "campaign_counters",
    metadata,
    Column("campaign_id", Id, ForeignKey("campaigns.id"), primary_key=True),
    Column("name", String(80), primary_key=True),
    Column("value", sa.BigInteger, nullable=False),
)
