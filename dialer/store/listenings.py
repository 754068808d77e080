"""Which supervisor was at whose side, when and how: a record that only grows, but for the end of what goes on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from dialer.domain.ids import AttemptId, OrgId
from dialer.store.tables_agents import listenings


@dataclass(frozen=True, slots=True, kw_only=True)
class Listened:
    """One stretch in which a supervisor was at an agent's side in one way."""

    at: datetime
    supervisor: str
    agent: str
    how: str  # "listen", "whisper", "barge"
    attempt_id: AttemptId | None = None  # the talk that went on when it began
    ended_at: datetime | None = None  # None = it goes on
    because: str = ""  # why it ended; "" = the supervisor wanted it


class Listenings:
    """The stretches of an organisation; of all of them when it is built for none (the engine)."""

    def __init__(self, connection: sa.Connection, org_id: OrgId | None) -> None:
        self._connection, self._org_id = connection, org_id

    def begin(self, org_id: OrgId, new: Listened) -> int:
        """Record a stretch before it begins; returns its number."""
        values = {
            "org_id": org_id,
            "at": new.at,
            "supervisor": new.supervisor,
            "agent": new.agent,
            "how": new.how,
            "attempt_id": new.attempt_id,
            "because": "",
        }
        return int(self._connection.execute(sa.insert(listenings).values(values).returning(listenings.c.id)).scalar_one())

    def end(self, number: int, *, at: datetime, because: str) -> None:
        """It goes on no more; one that has ended stays as it is."""
        self._end(listenings.c.id == number, at=at, because=because)

    def end_all(self, *, at: datetime, because: str) -> int:
        """None of them goes on; returns how many did."""
        return self._end(at=at, because=because)

    def latest(self, limit: int = 100, *, login: str = "") -> list[Listened]:
        """The stretches, the latest first; with `login` only those of this supervisor or agent."""
        query = sa.select(listenings)
        if self._org_id is not None:
            query = query.where(listenings.c.org_id == self._org_id)
        if login:
            query = query.where(sa.or_(listenings.c.supervisor == login, listenings.c.agent == login))
        rows = self._connection.execute(query.order_by(listenings.c.id.desc()).limit(limit))
        return [
            Listened(
                at=row.at,
                supervisor=row.supervisor,
                agent=row.agent,
                how=row.how,
                attempt_id=None if row.attempt_id is None else AttemptId(row.attempt_id),
                ended_at=row.ended_at,
                because=row.because,
            )
            for row in rows
        ]

    def _end(self, *which: sa.ColumnElement[bool], at: datetime, because: str) -> int:
        statement = sa.update(listenings).where(listenings.c.ended_at.is_(None), *which)
        return int(self._connection.execute(statement.values(ended_at=at, because=because[:200])).rowcount)
