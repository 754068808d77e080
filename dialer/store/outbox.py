"""Results that wait to be told to their targets: written with the code, gone when the target has them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dialer.domain.ids import ContactId, OrgId
from dialer.domain.published import Backlog, PublishedResult
from dialer.store.tables_outbox import outbox


class Outbox:
    """Results of all organisations, for the engine."""

    def __init__(self, connection: sa.Connection, now: datetime) -> None:
        self._connection, self._now = connection, now

    def add(self, org_id: OrgId, contact_id: ContactId, event_id: str, body: Mapping[str, Any]) -> None:
        """Write a result in the transaction that makes it; a contact's results are told in the order of these calls."""
        row = {"org_id": org_id, "contact_id": contact_id, "event_id": event_id, "body": dict(body), "created_at": self._now}
        self._connection.execute(sa.insert(outbox).values(target=None, **row))

    def give_out(self, targets: Mapping[str, OrgId | None], *, limit: int) -> int:
        """Put new results, oldest first, into the queue of each target that hears of their organisation (None: of all).

        Returns how many there were. What no target hears of is dropped.
        """
        query = sa.select(outbox).where(outbox.c.target.is_(None)).order_by(outbox.c.id).limit(limit)
        rows = [dict(row._mapping) for row in self._connection.execute(query.with_for_update(skip_locked=True))]
        copies = [
            {**{name: row[name] for name in row if name != "id"}, "target": target}
            for row in rows
            for target, of_org in targets.items()
            if of_org in (None, row["org_id"])
        ]
        if copies:
            self._connection.execute(sa.insert(outbox), copies)
        self.told([row["id"] for row in rows])
        return len(rows)

    def waiting(self, target: str, *, without: Collection[ContactId] = (), limit: int) -> list[PublishedResult]:
        """The oldest results that wait for a target, leaving out those of some contacts."""
        query = sa.select(outbox).where(outbox.c.target == target).order_by(outbox.c.id).limit(limit)
        if without:
            query = query.where(outbox.c.contact_id.not_in(list(without)))
        return [
            PublishedResult(
                id=row.id,
                event_id=row.event_id,
                contact_id=ContactId(row.contact_id),
                created_at=row.created_at,
                body=row.body,
            )
            for row in self._connection.execute(query)
        ]

    def told(self, ids: Collection[int]) -> None:
        """Their target has them."""
        if ids:
            self._connection.execute(sa.delete(outbox).where(outbox.c.id.in_(list(ids))))

    def backlog(self) -> list[Backlog]:
        """What waits, target by target."""
        query = sa.select(outbox.c.target, sa.func.count().label("results"), sa.func.min(outbox.c.created_at).label("oldest"))
        rows = self._connection.execute(query.group_by(outbox.c.target).order_by(outbox.c.target))
        return [Backlog(target=row.target, results=row.results, oldest_at=row.oldest) for row in rows]

    def drop(self, target: str | None) -> int:
        """Give up what waits for a target; returns how many results it will never hear of."""
        return self._connection.execute(sa.delete(outbox).where(outbox.c.target.is_not_distinct_from(target))).rowcount
