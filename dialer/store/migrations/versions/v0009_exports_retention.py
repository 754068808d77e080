"""Recurring exports, which schedules start too, and what is archived and purged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0012b"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.BigInteger()
ONE_THING = " + ".join(f"(CASE WHEN {one}_id IS NULL THEN 0 ELSE 1 END)" for one in ("campaign", "source", "export")) + " = 1"
RUNNING = sa.text("state = 'running'")


def upgrade() -> None:
    """Make the tables; what refers to attempts gets the index without which their removal would look at every callback."""
    _exports()
    _schedules()
    op.create_table(
        "retention_runs",
        sa.Column("id", ID, nullable=False),
        sa.Column("night", sa.String(length=10), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("because", sa.String(length=400), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.CheckConstraint("state IN ('running','done','failed')", name=op.f("ck_retention_runs_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_runs")),
        sa.UniqueConstraint("night", name=op.f("uq_retention_runs_night")),
    )
    op.create_index(
        "uq_retention_runs_running", "retention_runs", ["state"], unique=True, sqlite_where=RUNNING, postgresql_where=RUNNING
    )
    op.add_column("jobs", sa.Column("archived", sa.JSON(), nullable=True))
    op.create_index(op.f("ix_callbacks_attempt_id"), "callbacks", ["attempt_id"], unique=False)


def _exports() -> None:
    op.create_table(
        "exports",
        sa.Column("id", ID, nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("campaign_id", ID, nullable=True),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("file", sa.String(length=200), nullable=False),
        sa.Column("after_jobs", sa.Boolean(), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name=op.f("fk_exports_org_id")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_exports_campaign_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exports")),
    )
    op.create_index("ix_exports_org_id_after_jobs", "exports", ["org_id", "after_jobs"], unique=False)
    op.create_table(
        "export_runs",
        sa.Column("id", ID, nullable=False),
        sa.Column("export_id", ID, nullable=False),
        sa.Column("job_id", ID, nullable=True),
        sa.Column("local", sa.String(length=19), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("because", sa.String(length=400), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("started_at", INSTANT, nullable=True),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("file", sa.String(length=255), nullable=False),
        sa.CheckConstraint("state IN ('waiting','running','done','failed')", name=op.f("ck_export_runs_state")),
        sa.ForeignKeyConstraint(["export_id"], ["exports.id"], name=op.f("fk_export_runs_export_id")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_export_runs_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export_runs")),
        sa.UniqueConstraint("export_id", "job_id", name=op.f("uq_export_runs_export_id_job_id")),
        sa.UniqueConstraint("export_id", "local", name=op.f("uq_export_runs_export_id_local")),
    )
    op.create_index("ix_export_runs_state_due_at", "export_runs", ["state", "due_at"], unique=False)


def _schedules() -> None:
    # SQLite makes an altered table anew, and may not drop one whose rows another one refers to: those step aside meanwhile.
    op.execute("CREATE TEMPORARY TABLE runs_aside AS SELECT * FROM schedule_runs")
    op.execute("DELETE FROM schedule_runs")
    with op.batch_alter_table("schedules") as schedules:
        schedules.drop_constraint(op.f("ck_schedules_starts"), type_="check")
        schedules.add_column(sa.Column("export_id", ID, nullable=True))
        schedules.create_foreign_key(op.f("fk_schedules_export_id"), "exports", ["export_id"], ["id"])
        schedules.create_check_constraint(op.f("ck_schedules_starts"), ONE_THING)
    names = "schedule_id, local, outcome, because, job_id, run_id, at"
    op.execute(f"INSERT INTO schedule_runs ({names}) SELECT {names} FROM runs_aside")  # noqa: S608 - nothing of a user's
    op.execute("DROP TABLE runs_aside")
