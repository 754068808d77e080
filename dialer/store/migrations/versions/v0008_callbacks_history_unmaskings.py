"""Callbacks know their type and agent, limits their crowd and queue; contacts keep their history; unmasking is on record."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0011"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.BigInteger()


def upgrade() -> None:
    """Add them. Callbacks that are there belong to their campaign; a contact's history begins with its next attempt."""
    new: list[sa.Column[Any]] = [
        sa.Column("type", sa.String(length=16), nullable=False, server_default="campaign"),
        sa.Column("agent", sa.String(length=80), nullable=False, server_default=sa.text("''")),
        sa.Column("tries", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("reassigned_at", INSTANT, nullable=True),
        sa.Column("asked_at", INSTANT, nullable=True),
        sa.Column("on_request", sa.Boolean(), nullable=False, server_default=sa.false()),
    ]
    for column in new:
        op.add_column("callbacks", column)
    new = [
        sa.Column("span_most", sa.Integer(), nullable=True),
        sa.Column("span_s", sa.Float(), nullable=False, server_default=sa.text("0")),
        sa.Column("queue_most", sa.Integer(), nullable=False, server_default=sa.text("10")),
        sa.Column("retry_s", sa.Float(), nullable=False, server_default=sa.text("300")),
        sa.Column("tries_most", sa.Integer(), nullable=False, server_default=sa.text("3")),
        sa.Column("hours", sa.Boolean(), nullable=False, server_default=sa.true()),
    ]
    for column in new:
        op.add_column("callback_limits", column)
    op.create_table(
        "contact_history",
        sa.Column("contact_id", ID, nullable=False),
        sa.Column("last_code", sa.String(length=80), nullable=False),
        sa.Column("last_attempt_at", INSTANT, nullable=True),
        sa.Column("last_success_at", INSTANT, nullable=True),
        sa.Column("last_address", sa.String(length=40), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("successes", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_contact_history_contact_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_contact_history")),
    )
    op.create_table(
        "unmaskings",
        sa.Column("id", ID, nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("what", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name=op.f("fk_unmaskings_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unmaskings")),
    )
