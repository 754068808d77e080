"""Codes say when a contact is called again and for whom a number is blocked; attempts keep the date that was given."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger()


def upgrade() -> None:
    """Add the columns; codes that are there block for their organisation and wait a day."""
    op.add_column("completion_codes", sa.Column("schedule_after_s", sa.Integer(), server_default="86400", nullable=False))
    op.add_column("completion_codes", sa.Column("block_scope", sa.String(16), server_default="organisation", nullable=False))
    op.add_column("attempts", sa.Column("next_at", INSTANT, nullable=True))
