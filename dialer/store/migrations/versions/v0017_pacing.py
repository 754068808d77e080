"""Calls for agents: when a person was on the line, and when an agent was; why so many calls were placed; pacers' memories."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.BigInteger()
PERSON = sa.text("person_at IS NOT NULL")


def upgrade() -> None:
    """Two columns of attempts with their index, and two tables; nobody was called for an agent before."""
    op.add_column("attempts", sa.Column("person_at", INSTANT, nullable=True))
    op.add_column("attempts", sa.Column("joined_at", INSTANT, nullable=True))
    op.create_index(
        "ix_attempts_job_id_person_at", "attempts", ["job_id", "person_at"], sqlite_where=PERSON, postgresql_where=PERSON
    )
    op.create_table(
        "pacing_decisions",
        sa.Column("id", ID, nullable=False),
        sa.Column("job_id", ID, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("pacer", sa.String(length=40), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("decisions", "placed")),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("idle", "talking", "wrapping", "ringing", "waiting")),
        sa.Column("live", sa.Float(), nullable=False),
        sa.Column("abandoned", sa.Float(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_pacing_decisions_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pacing_decisions")),
    )
    op.create_index("ix_pacing_decisions_job_id_at", "pacing_decisions", ["job_id", "at"])
    op.create_index("ix_pacing_decisions_at", "pacing_decisions", ["at"])
    op.create_table(
        "pacer_memories",
        sa.Column("campaign_id", ID, nullable=False),
        sa.Column("pacer", sa.String(length=40), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_pacer_memories_campaign_id")),
        sa.PrimaryKeyConstraint("campaign_id", "pacer", name=op.f("pk_pacer_memories")),
    )
