"""The area-code table: where numbers are, by their first digits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "area_codes",
        sa.Column("org_id", ID, nullable=False),
        sa.Column("calling_code", sa.String(length=4), nullable=False),
        sa.Column("first", sa.String(length=11), nullable=False),
        sa.Column("last", sa.String(length=11), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("locked", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name=op.f("fk_area_codes_org_id")),
        sa.PrimaryKeyConstraint("org_id", "calling_code", "first", "last", name=op.f("pk_area_codes")),
    )
