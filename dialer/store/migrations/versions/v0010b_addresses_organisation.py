"""An address is of its contact's organisation: a reference of its own guarded nothing, and cost an import a look for each row."""

from __future__ import annotations

from alembic import op

revision = "0010b"
down_revision = "0012c"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Drop the reference; SQLite writes the table anew, which takes some seconds for each million of addresses."""
    with op.batch_alter_table("addresses") as table:
        table.drop_constraint("fk_addresses_org_id", type_="foreignkey")
