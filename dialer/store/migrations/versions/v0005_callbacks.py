"""Callbacks and their limits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.BigInteger()
PENDING = sa.text("state = 'pending'")
OF_ORGANISATION = sa.text("campaign_id IS NULL")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "callbacks",
        sa.Column("id", ID, nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("job_id", ID, nullable=False),
        sa.Column("contact_id", ID, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("because", sa.String(length=200), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.Column("attempt_id", sa.String(length=26), nullable=True),
        sa.Column("held_due_at", INSTANT, nullable=True),
        sa.CheckConstraint("state IN ('pending','done','cancelled','expired')", name=op.f("ck_callbacks_state")),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name=op.f("fk_callbacks_org_id")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_callbacks_job_id")),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_callbacks_contact_id")),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name=op.f("fk_callbacks_attempt_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callbacks")),
    )
    op.create_index(
        "uq_callbacks_pending", "callbacks", ["job_id", "contact_id"], unique=True, sqlite_where=PENDING, postgresql_where=PENDING
    )
    op.create_index("ix_callbacks_contact_id", "callbacks", ["contact_id"], unique=False)
    op.create_index("ix_callbacks_org_id_state_at", "callbacks", ["org_id", "state", "at"], unique=False)
    op.create_table(
        "callback_limits",
        sa.Column("id", ID, nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("campaign_id", ID, nullable=True),
        sa.Column("most", sa.Integer(), nullable=True),
        sa.Column("min_interval_s", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name=op.f("fk_callback_limits_org_id")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_callback_limits_campaign_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callback_limits")),
        sa.UniqueConstraint("org_id", "campaign_id", name=op.f("uq_callback_limits_org_id_campaign_id")),
    )
    op.create_index(
        "uq_callback_limits_org_id",
        "callback_limits",
        ["org_id"],
        unique=True,
        sqlite_where=OF_ORGANISATION,
        postgresql_where=OF_ORGANISATION,
    )
