"""Text messages and emails: what was written to whom, and by which ids their providers speak of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0010b"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.BigInteger()
TO_LOOK_UP = sa.text("look_at IS NOT NULL")


def upgrade() -> None:
    """Two tables; nothing was written to anybody before."""
    op.create_table(
        "messages",
        sa.Column("attempt_id", sa.String(length=26), nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("gateway", sa.String(length=40), nullable=False),
        sa.Column("sender", sa.String(length=254), nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("subject", sa.String(length=500), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("segments", sa.Integer(), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("put_at", INSTANT, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=True),
        sa.Column("state_at", INSTANT, nullable=True),
        sa.Column("refusal", sa.String(length=16), nullable=True),
        sa.Column("told_code", sa.String(length=40), nullable=False),
        sa.Column("told_text", sa.String(length=400), nullable=False),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("look_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name=op.f("fk_messages_attempt_id")),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name=op.f("fk_messages_org_id")),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_messages")),
    )
    op.create_index("ix_messages_recipient_put_at", "messages", ["recipient", "put_at"])
    op.create_index("ix_messages_look_at", "messages", ["look_at"], sqlite_where=TO_LOOK_UP, postgresql_where=TO_LOOK_UP)
    op.create_table(
        "message_ids",
        sa.Column("gateway", sa.String(length=40), nullable=False),
        sa.Column("provider_id", sa.String(length=400), nullable=False),
        sa.Column("attempt_id", sa.String(length=26), nullable=True),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("refusal", sa.String(length=16), nullable=True),
        sa.Column("told_code", sa.String(length=40), nullable=False),
        sa.Column("told_text", sa.String(length=400), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["messages.attempt_id"], name=op.f("fk_message_ids_attempt_id")),
        sa.PrimaryKeyConstraint("gateway", "provider_id", name=op.f("pk_message_ids")),
    )
    op.create_index("ix_message_ids_attempt_id", "message_ids", ["attempt_id"])
