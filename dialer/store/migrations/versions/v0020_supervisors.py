"""Supervisors, and who listened to whom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0017"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.BigInteger()


def upgrade() -> None:
    """One column of agents and one table; nobody is a supervisor yet."""
    op.add_column("agents", sa.Column("supervisor", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "listenings",
        sa.Column("id", ID, nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("supervisor", sa.String(length=80), nullable=False),
        sa.Column("agent", sa.String(length=80), nullable=False),
        sa.Column("how", sa.String(length=16), nullable=False),
        sa.Column("attempt_id", sa.String(length=26), nullable=True),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("because", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name=op.f("fk_listenings_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listenings")),
    )
    op.create_index("ix_listenings_org_id_id", "listenings", ["org_id", "id"])
