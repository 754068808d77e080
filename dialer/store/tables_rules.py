"""The table of the rules that hold across campaigns."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, String, Table, UniqueConstraint

from dialer.store.tables import Id, metadata

rules = Table(  # a system rule has a row from its first edit on
    "rules",
    metadata,
    Column("id", Id, primary_key=True),
    Column("org_id", Id, ForeignKey("organisations.id"), nullable=False),
    Column("name", String(80), nullable=False),
    Column("name_key", String(80), nullable=False),
    Column("definition", sa.JSON, nullable=False),
    UniqueConstraint("org_id", "name_key"),
)
