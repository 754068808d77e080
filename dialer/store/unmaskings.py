"""Who saw masked attributes in full: an append-only record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from dialer.domain.ids import OrgId
from dialer.store.tables_contacts import unmaskings


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmasking:
    """One look at what is masked."""

    at: datetime
    by: str
    what: str


class Unmaskings:
    """The looks at an organisation's contacts."""

    def __init__(self, connection: sa.Connection, org_id: OrgId, now: datetime) -> None:
        self._connection, self._org_id, self._now = connection, org_id, now

    def add(self, what: str, *, by: str) -> None:
        """Record a look before it is taken."""
        values = {"org_id": self._org_id, "at": self._now, "by": by[:80], "what": what[:200]}
        self._connection.execute(sa.insert(unmaskings).values(values))

    def latest(self, limit: int = 100) -> list[Unmasking]:
        """The looks, the latest first."""
        query = sa.select(unmaskings).where(unmaskings.c.org_id == self._org_id).order_by(unmaskings.c.id.desc()).limit(limit)
        return [Unmasking(at=row.at, by=row.by, what=row.what) for row in self._connection.execute(query)]
