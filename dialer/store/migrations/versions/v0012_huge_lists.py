"""Whatever a job asks of a huge list is answered by an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0006"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LEASED = sa.text("state = 'claimed'")


def upgrade() -> None:
    """Note of each contact of a job on which list it is, and make the indexes."""
    op.add_column("job_contacts", sa.Column("list_id", ID, nullable=True))
    op.execute(
        "UPDATE job_contacts SET list_id = (SELECT contacts.list_id FROM contacts "
        "JOIN contact_lists ON contact_lists.id = contacts.list_id AND contact_lists.name <> '(deleted contacts)' "
        "WHERE contacts.id = job_contacts.contact_id)"
    )
    op.drop_index("ix_job_contacts_due", table_name="job_contacts")
    op.create_index("ix_job_contacts_due", "job_contacts", ["job_id", "state", "due_at", "list_id"], unique=False)
    op.create_index(
        "ix_job_contacts_lease", "job_contacts", ["lease_until"], unique=False, sqlite_where=LEASED, postgresql_where=LEASED
    )
    op.create_index("ix_contacts_list_id_updated_at", "contacts", ["list_id", "updated_at", "id"], unique=False)
