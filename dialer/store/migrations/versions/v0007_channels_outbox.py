"""Attempts on every channel, results that wait to be published, and how often a job's restrictions held contacts back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0008"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.BigInteger()
LIVE = sa.text("code IS NULL")
LIVE_ADDRESS = sa.text("code IS NULL AND address <> ''")


def upgrade() -> None:
    """`number` becomes `address`, as long as an email address may be; every attempt so far was a call."""
    op.drop_index("uq_attempts_live_contact", table_name="attempts")
    op.drop_index("uq_attempts_live_number", table_name="attempts")
    op.drop_index("ix_attempts_org_id_number", table_name="attempts")
    op.add_column("attempts", sa.Column("channel", sa.String(length=8), nullable=False, server_default="voice"))
    op.add_column("attempts", sa.Column("address", sa.String(length=254), nullable=False, server_default=sa.text("''")))
    op.execute(sa.text("UPDATE attempts SET address = number"))
    op.drop_column("attempts", "number")
    op.create_index(
        "uq_attempts_live_contact", "attempts", ["contact_id", "channel"], unique=True, sqlite_where=LIVE, postgresql_where=LIVE
    )
    op.create_index(
        "uq_attempts_live_address",
        "attempts",
        ["org_id", "channel", "address"],
        unique=True,
        sqlite_where=LIVE_ADDRESS,
        postgresql_where=LIVE_ADDRESS,
    )
    op.create_index("ix_attempts_org_id_address", "attempts", ["org_id", "address", "intent_at"])
    op.add_column("jobs", sa.Column("restrictions", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.add_column("job_contacts", sa.Column("restricted", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "outbox",
        sa.Column("id", ID, nullable=False),
        sa.Column("event_id", sa.String(length=26), nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("contact_id", ID, nullable=False),
        sa.Column("target", sa.String(length=40), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name=op.f("fk_outbox_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index("ix_outbox_target_id", "outbox", ["target", "id"])
