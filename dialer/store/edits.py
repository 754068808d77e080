"""Who changed what of a campaign or a job: told to the one who edited an older version of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from dialer.store.tables_schedules import edits

Kind = Literal["campaign", "job"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One edit. `changes` maps each field to its value before and after, as people read them."""

    version: int  # the one that it made
    at: datetime
    by: str
    changes: Mapping[str, tuple[str, str]]

    def __str__(self) -> str:
        said = "; ".join(f"{field}: {before} -> {after}" for field, (before, after) in self.changes.items())
        return f"{self.by} at {self.at:%H:%M:%S} UTC: {said}"


class Edits:
    """An append-only record."""

    def __init__(self, connection: sa.Connection, now: datetime) -> None:
        self._connection, self._now = connection, now

    def add(self, kind: Kind, of_id: int, version: int, changes: Mapping[str, tuple[str, str]], *, by: str) -> None:
        """Record the edit that made `version`."""
        rows: dict[str, Any] = {"kind": kind, "of_id": of_id, "version": version, "at": self._now, "by": by[:80]}
        written = {field: list(pair) for field, pair in changes.items()}
        self._connection.execute(sa.insert(edits).values(**rows, changes=written))

    def since(self, kind: Kind, of_id: int, version: int) -> list[Edit]:
        """The edits that came after `version`, in order."""
        query = sa.select(edits).where(edits.c.kind == kind, edits.c.of_id == of_id, edits.c.version > version)
        rows = self._connection.execute(query.order_by(edits.c.version))
        return [
            Edit(version=row.version, at=row.at, by=row.by, changes={name: (one[0], one[1]) for name, one in row.changes.items()})
            for row in rows
        ]
