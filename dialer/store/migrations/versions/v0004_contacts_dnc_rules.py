"""DNC lists and groups; rules across campaigns; what holds for contacts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.BigInteger()
COMMON = sa.text("org_id IS NULL")


def upgrade() -> None:
    """Make the tables; what stood on the one list of an organisation stands on its list that always applies."""
    _dnc()
    _rules()
    _contacts()


def _dnc() -> None:
    op.create_table(
        "dnc_lists",
        sa.Column("id", ID, nullable=False),
        sa.Column("org_id", ID, nullable=True),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("name_key", sa.String(length=80), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name=op.f("fk_dnc_lists_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dnc_lists")),
        sa.UniqueConstraint("org_id", "name_key", name=op.f("uq_dnc_lists_org_id_name_key")),
    )
    op.create_index("uq_dnc_lists_common", "dnc_lists", ["name_key"], unique=True, sqlite_where=COMMON, postgresql_where=COMMON)
    op.create_table(
        "dnc_groups",
        sa.Column("id", ID, nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("name_key", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name=op.f("fk_dnc_groups_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dnc_groups")),
        sa.UniqueConstraint("org_id", "name_key", name=op.f("uq_dnc_groups_org_id_name_key")),
    )
    op.create_table(
        "dnc_group_lists",
        sa.Column("group_id", ID, nullable=False),
        sa.Column("list_id", ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["dnc_groups.id"], name=op.f("fk_dnc_group_lists_group_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["list_id"], ["dnc_lists.id"], name=op.f("fk_dnc_group_lists_list_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("group_id", "list_id", name=op.f("pk_dnc_group_lists")),
    )
    op.create_table(
        "campaign_dnc_groups",
        sa.Column("campaign_id", ID, nullable=False),
        sa.Column("group_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_campaign_dnc_groups_campaign_id")),
        sa.ForeignKeyConstraint(["group_id"], ["dnc_groups.id"], name=op.f("fk_campaign_dnc_groups_group_id")),
        sa.PrimaryKeyConstraint("campaign_id", "group_id", name=op.f("pk_campaign_dnc_groups")),
    )
    op.execute("CREATE TABLE dnc_entries_before AS SELECT org_id, value, reason, created_at FROM dnc_entries")
    op.drop_table("dnc_entries")
    op.create_table(
        "dnc_entries",
        sa.Column("id", ID, nullable=False),
        sa.Column("list_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("value", sa.String(length=254), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=True),
        sa.CheckConstraint("kind IN ('address','contact','customer')", name=op.f("ck_dnc_entries_kind")),
        sa.ForeignKeyConstraint(["list_id"], ["dnc_lists.id"], name=op.f("fk_dnc_entries_list_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dnc_entries")),
        sa.UniqueConstraint("list_id", "value", "kind", name=op.f("uq_dnc_entries_list_id_value_kind")),
    )
    op.execute(
        "INSERT INTO dnc_lists (org_id, name, name_key, created_at) "
        "SELECT org_id, 'always', '', MIN(created_at) FROM dnc_entries_before GROUP BY org_id"
    )
    op.execute(
        "INSERT INTO dnc_entries (list_id, kind, value, reason, created_at) "
        "SELECT dnc_lists.id, 'address', before.value, before.reason, before.created_at "
        "FROM dnc_entries_before AS before JOIN dnc_lists ON dnc_lists.org_id = before.org_id"
    )
    op.drop_table("dnc_entries_before")


def _rules() -> None:
    op.create_table(
        "rules",
        sa.Column("id", ID, nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("name_key", sa.String(length=80), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name=op.f("fk_rules_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rules")),
        sa.UniqueConstraint("org_id", "name_key", name=op.f("uq_rules_org_id_name_key")),
    )
    op.create_index("ix_attempts_org_id_number", "attempts", ["org_id", "number", "intent_at"], unique=False)


def _contacts() -> None:
    op.create_table(
        "attribute_definitions",
        sa.Column("id", ID, nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("type", sa.String(length=10), nullable=False),
        sa.Column("masked", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name=op.f("fk_attribute_definitions_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attribute_definitions")),
        sa.UniqueConstraint("org_id", "name", name=op.f("uq_attribute_definitions_org_id_name")),
    )
    op.create_table(
        "contact_exclusions",
        sa.Column("contact_id", ID, nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_contact_exclusions_contact_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_contact_exclusions")),
    )
    op.create_table(
        "phone_checks",
        sa.Column("org_id", ID, nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name=op.f("fk_phone_checks_org_id")),
        sa.PrimaryKeyConstraint("org_id", name=op.f("pk_phone_checks")),
    )
    op.create_table(
        "campaign_counters",
        sa.Column("campaign_id", ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_campaign_counters_campaign_id")),
        sa.PrimaryKeyConstraint("campaign_id", "name", name=op.f("pk_campaign_counters")),
    )
