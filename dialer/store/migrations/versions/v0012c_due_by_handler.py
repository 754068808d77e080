"""The queue of each channel of a job by itself."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012c"
down_revision = "0010"
branch_labels = None
depends_on = None

WAITING = sa.text("state = 'scheduled'")


def upgrade() -> None:
    """Make the index."""
    op.create_index(
        "ix_job_contacts_handler",
        "job_contacts",
        ["job_id", "handler", "due_at"],
        unique=False,
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )
