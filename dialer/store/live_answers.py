"""The live answers of calls for agents, as the law's ledger reads them: a query over the attempts, and nothing kept beside."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa

from dialer.domain.codes import SystemCode, name_key
from dialer.domain.ids import AttemptId, CampaignId, JobId, OrgId, first_attempt_id
from dialer.domain.live_answer import LiveAnswer, answer_began
from dialer.store.tables import attempts, completion_codes, jobs

_FACTS = (
    attempts.c.id,
    attempts.c.job_id,
    attempts.c.intent_at,
    attempts.c.ringing_at,
    attempts.c.answered_at,
    attempts.c.person_at,
    attempts.c.joined_at,
    attempts.c.ended_at,
    attempts.c.agent,
    attempts.c.amd_status,
    attempts.c.code,
    attempts.c.system_code,
)
_MACHINES = (SystemCode.ANSWER_MACHINE, SystemCode.FAX)


class LiveAnswers:
    """Of an organisation's campaigns."""

    def __init__(self, connection: sa.Connection, org_id: OrgId) -> None:
        self._connection, self._org_id = connection, org_id

    def jobs_of(self, campaigns: Collection[CampaignId]) -> list[JobId]:
        """Every run of these campaigns."""
        query = sa.select(jobs.c.id).where(jobs.c.org_id == self._org_id, jobs.c.campaign_id.in_(campaigns))
        return [JobId(one) for one in self._connection.scalars(query.order_by(jobs.c.id))]

    def since(self, runs: Sequence[JobId], since: datetime | None) -> list[LiveAnswer]:
        """The live answers of these jobs from a moment on, in their order; None = all."""
        query = sa.select(*_FACTS).where(attempts.c.job_id.in_(runs), attempts.c.person_at.is_not(None))
        if since is not None:
            query = query.where(attempts.c.person_at >= since)
        machines = self._machine_codes()
        return [
            LiveAnswer(
                attempt_id=AttemptId(row.id),
                job_id=JobId(row.job_id),
                ordered_at=row.intent_at,
                ringing_at=row.ringing_at,
                answered_at=answer_began(row.answered_at, row.person_at),
                person_at=row.person_at,
                detected=bool(row.amd_status),
                joined_at=row.joined_at,
                agent=row.agent,
                ended_at=row.ended_at,
                code=row.code or "",
                system_code=row.system_code,
                machine=row.joined_at is not None and name_key(row.code or "") in machines,
            )
            for row in self._connection.execute(query.order_by(attempts.c.person_at, attempts.c.id))
        ]

    def machines(self, runs: Sequence[JobId], since: datetime | None) -> int:
        """How many machines a detector told apart in these jobs."""
        query = sa.select(sa.func.count()).where(attempts.c.job_id.in_(runs), attempts.c.amd_status == "MACHINE")
        if since is not None:
            query = query.where(attempts.c.id >= first_attempt_id(since))
        return int(self._connection.scalar(query) or 0)

    def _machine_codes(self) -> set[str]:
        """The codes by which agents say that it was a machine."""
        own = sa.select(completion_codes.c.name).where(
            completion_codes.c.org_id == self._org_id, completion_codes.c.is_answer_machine
        )
        return {name_key(one) for one in (*_MACHINES, *self._connection.scalars(own))}
