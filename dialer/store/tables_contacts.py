"""The tables beside the contacts: what their attributes may hold, who is excluded, and which numbers are refused."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Integer, String, Table, UniqueConstraint

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

# What became of a contact's attempts, in all jobs. A table of its own: the transactions that close calls write here by the dozen,
# and must never wait for the rows of an import that updates the contacts themselves.
contact_history = Table(
    "contact_history",
    metadata,
    Column("contact_id", Id, ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True),
    Column("last_code", String(80), nullable=False),
    Column("last_attempt_at", Instant),
    Column("last_success_at", Instant),
    Column("last_address", String(40), nullable=False),  # its name
    Column("attempts", Integer, nullable=False),
    Column("successes", Integer, nullable=False),
)

unmaskings = Table(  # append-only: who saw masked attributes in full
    "unmaskings",
    metadata,
    Column("id", Id, primary_key=True),
    Column("org_id", Id, ForeignKey("organisations.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", String(80), nullable=False),
    Column("what", String(200), nullable=False),
)

phone_checks = Table(
    "phone_checks",
    metadata,
    Column("org_id", Id, ForeignKey("organisations.id"), primary_key=True),
    Column("definition", sa.JSON, nullable=False),
)

area_codes = Table(  # where numbers are, by their first digits; the order of the key is the order in which people read it
    "area_codes",
    metadata,
    Column("org_id", Id, ForeignKey("organisations.id"), primary_key=True),
    Column("calling_code", String(4), primary_key=True),
    Column("first", String(11), primary_key=True),
    Column("last", String(11), primary_key=True),
    Column("state", String(40), nullable=False),
    Column("zone", String(64), nullable=False),
    Column("locked", sa.Boolean, nullable=False),
)

campaign_counters = Table(
    "campaign_counters",
    metadata,
    Column("campaign_id", Id, ForeignKey("campaigns.id"), primary_key=True),
    Column("name", String(80), primary_key=True),
    Column("value", sa.BigInteger, nullable=False),
)
