"""What each count of codes was a while ago: the share of a code in the last minutes, at any rate of calls."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012b"
down_revision = "0012"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table; counts of jobs that run have no past."""
    op.add_column("job_code_counts", sa.Column("slot", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    op.create_table(
        "job_code_marks",
        sa.Column("job_id", ID, nullable=False),
        sa.Column("code", sa.String(length=80), nullable=False),
        sa.Column("slot", sa.BigInteger(), nullable=False),
        sa.Column("count_before", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_code_marks_job_id")),
        sa.PrimaryKeyConstraint("job_id", "code", "slot", name=op.f("pk_job_code_marks")),
    )
