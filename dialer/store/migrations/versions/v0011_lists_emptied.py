"""Contact lists can be emptied while calls go on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0013"
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger()


def upgrade() -> None:
    """Add the column; nothing is being emptied yet."""
    op.add_column("contact_lists", sa.Column("emptying_since", INSTANT, nullable=True))
