"""The tables of the do-not-call lists: who must not be called, by whom, and until when."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, UniqueConstraint, text

from dialer.store.tables import Id, Instant, metadata

_COMMON = text("org_id IS NULL")

dnc_lists = Table(
    "dnc_lists",
    metadata,
    Column("id", Id, primary_key=True),
    Column("org_id", Id, ForeignKey("organisations.id")),  # NULL = common to all organisations
    Column("name", String(80), nullable=False),
    Column("name_key", String(80), nullable=False),  # "" = the list that always applies
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("org_id", "name_key"),
    Index("uq_dnc_lists_common", "name_key", unique=True, sqlite_where=_COMMON, postgresql_where=_COMMON),
)

dnc_entries = Table(
    "dnc_entries",
    metadata,
    Column("id", Id, primary_key=True),
    Column("list_id", Id, ForeignKey("dnc_lists.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("value", String(254), nullable=False),  # E.164 or an e-mail address, a contact's id, a customer's id
    Column("reason", String(200), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("ends_at", Instant),  # NULL = for good
    CheckConstraint("kind IN ('address','contact','customer')", name="kind"),
    # The order in which a check looks: a few lists, a batch's values, and what kind each hit is.
    UniqueConstraint("list_id", "value", "kind"),
)

dnc_groups = Table(
    "dnc_groups",
    metadata,
    Column("id", Id, primary_key=True),
    Column("org_id", Id, ForeignKey("organisations.id"), nullable=False),
    Column("name", String(80), nullable=False),
    Column("name_key", String(80), nullable=False),
    UniqueConstraint("org_id", "name_key"),
)

dnc_group_lists = Table(
    "dnc_group_lists",
    metadata,
    Column("group_id", Id, ForeignKey("dnc_groups.id", ondelete="CASCADE"), primary_key=True),
    Column("list_id", Id, ForeignKey("dnc_lists.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, nullable=False),
)

campaign_dnc_groups = Table(
    "campaign_dnc_groups",
    metadata,
    Column("campaign_id", Id, ForeignKey("campaigns.id"), primary_key=True),
    Column("group_id", Id, ForeignKey("dnc_groups.id"), primary_key=True),
)
