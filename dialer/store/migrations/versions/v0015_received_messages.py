"""What people write to us: replies, opt-outs, and what waits for somebody to read it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.BigInteger()
TAKEN_FOR = "taken_for IN ('automatic','opt-out','opt-in','help','reply','not understood','unmatched')"
ANSWER_STATE = "answer_state IN ('none','due','sending','sent','failed','unknown')"
OPEN = sa.text("inbox = 'open'")
ANSWERED = sa.text("answer_state IN ('due','sending')")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "received_messages",
        sa.Column("id", ID, nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("gateway", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("sender", sa.String(length=254), nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("subject", sa.String(length=500), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("taken_for", sa.String(length=16), nullable=False),
        sa.Column("attempt_id", sa.String(length=26), nullable=True),
        sa.Column("contact_id", ID, nullable=True),
        sa.Column("code", sa.String(length=80), nullable=False),
        sa.Column("note", sa.String(length=400), nullable=False),
        sa.Column("inbox", sa.String(length=8), nullable=False),
        sa.Column("assigned_to", sa.String(length=80), nullable=False),
        sa.Column("closed_by", sa.String(length=80), nullable=False),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("answer_to", sa.String(length=254), nullable=False),
        sa.Column("answer_state", sa.String(length=8), nullable=False),
        sa.Column("answer_id", sa.String(length=26), nullable=True),
        sa.Column("answer_at", INSTANT, nullable=True),
        sa.Column("answer_tries", sa.Integer(), nullable=False),
        sa.CheckConstraint(TAKEN_FOR, name=op.f("ck_received_messages_taken_for")),
        sa.CheckConstraint("inbox IN ('none','open','closed')", name=op.f("ck_received_messages_inbox")),
        sa.CheckConstraint(ANSWER_STATE, name=op.f("ck_received_messages_answer_state")),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name=op.f("fk_received_messages_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_received_messages")),
        sa.UniqueConstraint("gateway", "digest", name=op.f("uq_received_messages_gateway_digest")),
    )
    table = "received_messages"
    op.create_index("ix_received_messages_open", table, ["org_id", "id"], sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index("ix_received_messages_answers", table, ["answer_at"], sqlite_where=ANSWERED, postgresql_where=ANSWERED)
    op.create_index("ix_received_messages_sender_at", table, ["sender", "at"])
    op.create_index("ix_received_messages_attempt_id", table, ["attempt_id"])
    op.create_index("ix_received_messages_at", table, ["at"])
