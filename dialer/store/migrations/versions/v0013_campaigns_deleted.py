"""Campaigns can be deleted; the row stays for the jobs that it had."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0005"
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger()


def upgrade() -> None:
    """Add the column; nothing is deleted yet."""
    op.add_column("campaigns", sa.Column("deleted_at", INSTANT, nullable=True))
