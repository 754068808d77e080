"""Why so many calls were placed, moment by moment, and what pacers have learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dialer.domain.ids import CampaignId, JobId
from dialer.domain.pacing_decision import PacingDecision
from dialer.store.tables_pacing import pacer_memories, pacing_decisions

_FIELDS = tuple(PacingDecision.__dataclass_fields__)
_AT_ONCE = 1000  # old rows that are taken away in one go


class PacingRecords:
    """Of all organisations, for the engine; by job for those who ask."""

    def __init__(self, connection: sa.Connection, now: datetime) -> None:
        self._connection, self._now = connection, now

    def add(self, decisions: Sequence[PacingDecision]) -> None:
        """Put decisions on record."""
        if decisions:
            rows = [{name: getattr(one, name) for name in _FIELDS} for one in decisions]
            self._connection.execute(sa.insert(pacing_decisions), rows)

    def of_job(self, job_id: JobId, *, since: datetime | None = None, limit: int | None = None) -> list[PacingDecision]:
        """A job's decisions, the latest first."""
        columns = [pacing_decisions.c[name] for name in _FIELDS]
        query = sa.select(*columns).where(pacing_decisions.c.job_id == job_id)
        if since is not None:
            query = query.where(pacing_decisions.c.at >= since)
        query = query.order_by(pacing_decisions.c.at.desc(), pacing_decisions.c.id.desc()).limit(limit)
        return [PacingDecision(**row._mapping) for row in self._connection.execute(query)]

    def forget(self, before: datetime) -> int:
        """Take away old decisions, some at a time; how many."""
        old = sa.select(pacing_decisions.c.id).where(pacing_decisions.c.at < before).limit(_AT_ONCE)
        return self._connection.execute(sa.delete(pacing_decisions).where(pacing_decisions.c.id.in_(old))).rowcount

    def remember(self, campaign_id: CampaignId, pacer: str, data: Mapping[str, Any]) -> None:
        """Keep what a campaign's pacer has learned, in place of what was kept before."""
        mine = (pacer_memories.c.campaign_id == campaign_id, pacer_memories.c.pacer == pacer)
        values = {"at": self._now, "data": dict(data)}
        if not self._connection.execute(sa.update(pacer_memories).where(*mine).values(**values)).rowcount:
            self._connection.execute(sa.insert(pacer_memories).values(campaign_id=campaign_id, pacer=pacer, **values))

    def memory(self, campaign_id: CampaignId, pacer: str) -> tuple[datetime, Mapping[str, Any]] | None:
        """What was kept, and when."""
        query = sa.select(pacer_memories.c.at, pacer_memories.c.data)
        row = self._connection.execute(
            query.where(pacer_memories.c.campaign_id == campaign_id, pacer_memories.c.pacer == pacer)
        ).first()
        return None if row is None else (row.at, row.data)
