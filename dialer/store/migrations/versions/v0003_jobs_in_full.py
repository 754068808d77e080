"""Jobs in full: versions of campaigns and jobs with their edits, walks along filtered and sorted lists, recycling, schedules."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.BigInteger()


def upgrade() -> None:
    """A job that is not over walks its lists anew; contacts that it has taken already are left out by their rows."""
    op.add_column("campaigns", sa.Column("version", sa.Integer(), nullable=False, server_default=sa.text("1")))
    op.add_column("jobs", sa.Column("version", sa.Integer(), nullable=False, server_default=sa.text("1")))
    op.add_column("jobs", sa.Column("walk", sa.JSON(), nullable=True))
    op.add_column("jobs", sa.Column("recycled_from", ID, nullable=True))
    op.add_column("jobs", sa.Column("recycled_codes", sa.JSON(), nullable=True))
    op.drop_column("jobs", "cursor_list")
    op.drop_column("jobs", "cursor_contact")
    _schedules()
    op.create_table(
        "edits",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("of_id", ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "of_id", "version", name=op.f("pk_edits")),
    )


def _schedules() -> None:
    op.create_table(
        "schedules",
        sa.Column("id", ID, nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("campaign_id", ID, nullable=False),
        sa.Column("first", sa.String(length=19), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("rule", sa.String(length=400), nullable=False),
        sa.Column("missed", sa.String(length=16), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("next_local", sa.String(length=19), nullable=True),
        sa.Column("next_at", INSTANT, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_schedules_campaign_id")),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name=op.f("fk_schedules_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedules")),
    )
    op.create_index("ix_schedules_next_at", "schedules", ["next_at"])
    op.create_table(
        "schedule_runs",
        sa.Column("schedule_id", ID, nullable=False),
        sa.Column("local", sa.String(length=19), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("because", sa.String(length=400), nullable=False),
        sa.Column("job_id", ID, nullable=True),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_schedule_runs_job_id")),
        sa.ForeignKeyConstraint(["schedule_id"], ["schedules.id"], name=op.f("fk_schedule_runs_schedule_id")),
        sa.PrimaryKeyConstraint("schedule_id", "local", name=op.f("pk_schedule_runs")),
    )
