"""Data sources and their runs; schedules start these too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0007"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.BigInteger()
ACTIVE = sa.text("state IN ('queued','running','paused')")


def upgrade() -> None:
    """Make the tables, and let a schedule start either of two things."""
    op.create_table(
        "data_sources",
        sa.Column("id", ID, nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("name_key", sa.String(length=80), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name=op.f("fk_data_sources_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_sources")),
        sa.UniqueConstraint("org_id", "name_key", name=op.f("uq_data_sources_org_id_name_key")),
    )
    op.create_table(
        "import_runs",
        sa.Column("id", ID, nullable=False),
        sa.Column("source_id", ID, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("because", sa.String(length=400), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.Column("checkpoint", sa.JSON(), nullable=False),
        sa.Column("fresh_starts", sa.Integer(), nullable=False),
        sa.Column("queued_at", INSTANT, nullable=False),
        sa.Column("queued_by", sa.String(length=80), nullable=False),
        sa.Column("started_at", INSTANT, nullable=True),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("owner", sa.String(length=80), nullable=False),
        sa.Column("lease_until", INSTANT, nullable=True),
        sa.CheckConstraint(
            "state IN ('queued','running','paused','completed','failed','cancelled')", name=op.f("ck_import_runs_state")
        ),
        sa.ForeignKeyConstraint(["source_id"], ["data_sources.id"], name=op.f("fk_import_runs_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_runs")),
    )
    op.create_index(
        "uq_import_runs_active", "import_runs", ["source_id"], unique=True, sqlite_where=ACTIVE, postgresql_where=ACTIVE
    )
    op.create_index("ix_import_runs_source_id_id", "import_runs", ["source_id", "id"])
    _schedules()


def _schedules() -> None:
    # SQLite makes an altered table anew, and may not drop one whose rows another one refers to: those step aside meanwhile.
    op.execute("CREATE TEMPORARY TABLE runs_aside AS SELECT * FROM schedule_runs")
    op.execute("DELETE FROM schedule_runs")
    with op.batch_alter_table("schedules") as schedules:
        schedules.alter_column("campaign_id", existing_type=ID, nullable=True)
        schedules.add_column(sa.Column("source_id", ID, nullable=True))
        schedules.create_foreign_key(op.f("fk_schedules_source_id"), "data_sources", ["source_id"], ["id"])
        schedules.create_check_constraint(op.f("ck_schedules_starts"), "(campaign_id IS NULL) <> (source_id IS NULL)")
    with op.batch_alter_table("schedule_runs") as runs:
        runs.add_column(sa.Column("run_id", ID, nullable=True))
        runs.create_foreign_key(op.f("fk_schedule_runs_run_id"), "import_runs", ["run_id"], ["id"])
    names = "schedule_id, local, outcome, because, job_id, at"
    op.execute(f"INSERT INTO schedule_runs ({names}) SELECT {names} FROM runs_aside")  # noqa: S608 - nothing of a user's
    op.execute("DROP TABLE runs_aside")
