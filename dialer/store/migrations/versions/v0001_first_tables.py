"""The first tables: organisations, contacts, campaigns, jobs and the ledger of attempts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Written out here rather than taken from the tables module: a migration must mean the same for ever.
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.BigInteger()
OPEN_JOB = sa.text("state <> 'completed'")
LIVE = sa.text("code IS NULL")


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "node_status",
        sa.Column("node", sa.String(length=40), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("node", name=op.f("pk_node_status")),
    )
    op.create_table(
        "organisations",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("name_key", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisations")),
        sa.UniqueConstraint("name_key", name=op.f("uq_organisations_name_key")),
    )
    op.create_table(
        "campaigns",
        sa.Column("id", ID, nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("name_key", sa.String(length=80), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name=op.f("fk_campaigns_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaigns")),
        sa.UniqueConstraint("org_id", "name_key", name=op.f("uq_campaigns_org_id_name_key")),
    )
    op.create_table(
        "completion_codes",
        sa.Column("id", ID, nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("name_key", sa.String(length=80), nullable=False),
        sa.Column("description", sa.String(length=400), nullable=False),
        sa.Column("is_rpc", sa.Boolean(), nullable=False),
        sa.Column("is_success", sa.Boolean(), nullable=False),
        sa.Column("is_closure", sa.Boolean(), nullable=False),
        sa.Column("is_answer_machine", sa.Boolean(), nullable=False),
        sa.Column("add_to_dnc", sa.Boolean(), nullable=False),
        sa.Column("next_action", sa.String(length=16), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name=op.f("fk_completion_codes_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_completion_codes")),
        sa.UniqueConstraint("org_id", "name_key", name=op.f("uq_completion_codes_org_id_name_key")),
    )
    op.create_table(
        "contact_lists",
        sa.Column("id", ID, nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("name_key", sa.String(length=80), nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name=op.f("fk_contact_lists_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_lists")),
        sa.UniqueConstraint("org_id", "name_key", name=op.f("uq_contact_lists_org_id_name_key")),
    )
    op.create_table(
        "dnc_entries",
        sa.Column("id", ID, nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("value", sa.String(length=254), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name=op.f("fk_dnc_entries_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dnc_entries")),
        sa.UniqueConstraint("org_id", "value", name=op.f("uq_dnc_entries_org_id_value")),
    )
    op.create_table(
        "strategies",
        sa.Column("id", ID, nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name=op.f("fk_strategies_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_strategies")),
        sa.UniqueConstraint("org_id", "name", "version", name=op.f("uq_strategies_org_id_name_version")),
    )
    op.create_table(
        "campaign_codes",
        sa.Column("campaign_id", ID, nullable=False),
        sa.Column("code_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_campaign_codes_campaign_id")),
        sa.ForeignKeyConstraint(["code_id"], ["completion_codes.id"], name=op.f("fk_campaign_codes_code_id")),
        sa.PrimaryKeyConstraint("campaign_id", "code_id", name=op.f("pk_campaign_codes")),
    )
    op.create_table(
        "campaign_lists",
        sa.Column("campaign_id", ID, nullable=False),
        sa.Column("list_id", ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_campaign_lists_campaign_id")),
        sa.ForeignKeyConstraint(["list_id"], ["contact_lists.id"], name=op.f("fk_campaign_lists_list_id")),
        sa.PrimaryKeyConstraint("campaign_id", "list_id", name=op.f("pk_campaign_lists")),
    )
    op.create_table(
        "contacts",
        sa.Column("id", ID, nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("list_id", ID, nullable=False),
        sa.Column("user_contact_id", sa.String(length=80), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["list_id"], ["contact_lists.id"], name=op.f("fk_contacts_list_id")),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name=op.f("fk_contacts_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
        sa.UniqueConstraint("list_id", "user_contact_id", name=op.f("uq_contacts_list_id_user_contact_id")),
    )
    op.create_index("ix_contacts_list_id_id", "contacts", ["list_id", "id"], unique=False)
    op.create_table(
        "jobs",
        sa.Column("id", ID, nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("campaign_id", ID, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("because", sa.String(length=200), nullable=False),
        sa.Column("changed_by", sa.String(length=80), nullable=False),
        sa.Column("force", sa.Boolean(), nullable=False),
        sa.Column("strategy_text", sa.Text(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("pace", sa.JSON(), nullable=False),
        sa.Column("list_ids", sa.JSON(), nullable=False),
        sa.Column("cursor_list", sa.Integer(), nullable=False),
        sa.Column("cursor_contact", ID, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("started_at", INSTANT, nullable=True),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.CheckConstraint("state IN ('queued','running','paused','stopping','completed')", name=op.f("ck_jobs_state")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_jobs_campaign_id")),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name=op.f("fk_jobs_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index("ix_jobs_state", "jobs", ["state"], unique=False)
    op.create_index(
        "uq_jobs_open_campaign", "jobs", ["campaign_id"], unique=True, sqlite_where=OPEN_JOB, postgresql_where=OPEN_JOB
    )
    op.create_table(
        "addresses",
        sa.Column("id", ID, nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("contact_id", ID, nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("value", sa.String(length=254), nullable=False),
        sa.Column("zones", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_addresses_contact_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name=op.f("fk_addresses_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_addresses")),
        sa.UniqueConstraint("contact_id", "name", name=op.f("uq_addresses_contact_id_name")),
    )
    op.create_index("ix_addresses_org_id_value", "addresses", ["org_id", "value"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("job_id", ID, nullable=False),
        sa.Column("contact_id", ID, nullable=False),
        sa.Column("handler", sa.String(length=40), nullable=False),
        sa.Column("address_name", sa.String(length=40), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("trunk", sa.String(length=40), nullable=False),
        sa.Column("switch", sa.String(length=40), nullable=False),
        sa.Column("node", sa.String(length=40), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("intent_at", INSTANT, nullable=False),
        sa.Column("sent_at", INSTANT, nullable=True),
        sa.Column("ringing_at", INSTANT, nullable=True),
        sa.Column("answered_at", INSTANT, nullable=True),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("cause", sa.Integer(), nullable=True),
        sa.Column("tech_cause", sa.Integer(), nullable=True),
        sa.Column("amd_status", sa.String(length=16), nullable=True),
        sa.Column("amd_cause", sa.String(length=80), nullable=True),
        sa.Column("app", sa.String(length=80), nullable=True),
        sa.Column("app_code", sa.String(length=80), nullable=True),
        sa.Column("app_note", sa.Text(), nullable=True),
        sa.Column("system_code", sa.String(length=80), nullable=False),
        sa.Column("code", sa.String(length=80), nullable=True),
        sa.Column("code_source", sa.String(length=16), nullable=True),
        sa.CheckConstraint("(code IS NULL) = (state <> 'final')", name=op.f("ck_attempts_one_code")),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_attempts_contact_id")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_attempts_job_id")),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name=op.f("fk_attempts_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
    )
    op.create_index("ix_attempts_contact_id", "attempts", ["contact_id"], unique=False)
    op.create_index("ix_attempts_job_id_id", "attempts", ["job_id", "id"], unique=False)
    op.create_index("uq_attempts_live_contact", "attempts", ["contact_id"], unique=True, sqlite_where=LIVE, postgresql_where=LIVE)
    op.create_index(
        "uq_attempts_live_number", "attempts", ["org_id", "number"], unique=True, sqlite_where=LIVE, postgresql_where=LIVE
    )
    op.create_table(
        "job_code_counts",
        sa.Column("job_id", ID, nullable=False),
        sa.Column("code", sa.String(length=80), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_code_counts_job_id")),
        sa.PrimaryKeyConstraint("job_id", "code", name=op.f("pk_job_code_counts")),
    )
    op.create_table(
        "job_contacts",
        sa.Column("job_id", ID, nullable=False),
        sa.Column("contact_id", ID, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("because", sa.String(length=200), nullable=False),
        sa.Column("handler", sa.String(length=40), nullable=False),
        sa.Column("address_index", sa.Integer(), nullable=False),
        sa.Column("progress", sa.JSON(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String(length=80), nullable=True),
        sa.Column("lease_until", INSTANT, nullable=True),
        sa.Column("last_code", sa.String(length=80), nullable=True),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.CheckConstraint("state IN ('claimed','scheduled','in_call','finished')", name=op.f("ck_job_contacts_state")),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_job_contacts_contact_id")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_contacts_job_id")),
        sa.PrimaryKeyConstraint("job_id", "contact_id", name=op.f("pk_job_contacts")),
    )
    op.create_index("ix_job_contacts_contact_id", "job_contacts", ["contact_id"], unique=False)
    op.create_index("ix_job_contacts_due", "job_contacts", ["job_id", "state", "due_at"], unique=False)
    op.create_table(
        "attempt_events",
        sa.Column("id", ID, nullable=False),
        sa.Column("attempt_id", sa.String(length=26), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name=op.f("fk_attempt_events_attempt_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt_events")),
    )
    op.create_index(op.f("ix_attempt_events_attempt_id"), "attempt_events", ["attempt_id"], unique=False)
