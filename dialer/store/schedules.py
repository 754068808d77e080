"""Schedules of campaigns, data sources and exports, and what became of each of their runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from dialer.domain.ids import CampaignId, ExportId, ImportRunId, JobId, OrgId, ScheduleId, SourceId
from dialer.domain.schedule import Missed, RunOutcome, Schedule, ScheduledRun
from dialer.errors import Conflict, NotFound
from dialer.store.tables import campaigns
from dialer.store.tables_schedules import schedule_runs, schedules
from dialer.store.tables_sources import data_sources

_SCHEDULES = (
    sa.select(schedules, sa.func.coalesce(campaigns.c.name, data_sources.c.name).label("starts"))
    .outerjoin(campaigns, schedules.c.campaign_id == campaigns.c.id)
    .outerjoin(data_sources, schedules.c.source_id == data_sources.c.id)
)


def _schedule(row: sa.Row[Any]) -> Schedule:
    return Schedule(
        id=ScheduleId(row.id),
        org_id=OrgId(row.org_id),
        starts=row.starts or f"export {row.export_id}",
        campaign_id=None if row.campaign_id is None else CampaignId(row.campaign_id),
        source_id=None if row.source_id is None else SourceId(row.source_id),
        export_id=None if row.export_id is None else ExportId(row.export_id),
        first=datetime.fromisoformat(row.first),
        zone=row.zone,
        rule=row.rule,
        missed=Missed(row.missed),
        active=row.active,
        next_local=None if row.next_local is None else datetime.fromisoformat(row.next_local),
        next_at=row.next_at,
    )


class Schedules:
    """Schedules of an organisation; of all of them when it is built for none (the engine)."""

    def __init__(self, connection: sa.Connection, org_id: OrgId | None, now: datetime) -> None:
        self._connection, self._org_id, self._now = connection, org_id, now

    def create(self, schedule: Schedule, *, by: str) -> Schedule:
        """Keep a schedule; its id is given here."""
        values = {
            "org_id": schedule.org_id,
            "campaign_id": schedule.campaign_id,
            "source_id": schedule.source_id,
            "export_id": schedule.export_id,
            "first": _wall(schedule.first),
            "zone": schedule.zone,
            "rule": schedule.rule,
            "missed": schedule.missed.value,
            "active": schedule.active,
            "next_local": _wall(schedule.next_local),
            "next_at": schedule.next_at,
            "created_at": self._now,
            "created_by": by[:80],
        }
        found = self._connection.execute(sa.insert(schedules).values(values).returning(schedules.c.id)).scalar_one()
        return self.get(ScheduleId(found))

    def get(self, schedule_id: ScheduleId, *, for_update: bool = False) -> Schedule:
        """One schedule. Raises NotFound."""
        query = self._mine().where(schedules.c.id == schedule_id)
        row = self._connection.execute(query.with_for_update(of=schedules) if for_update else query).first()
        if row is None:
            raise NotFound(f"no schedule with the number {schedule_id}")
        return _schedule(row)

    def all(
        self,
        *,
        campaign_id: CampaignId | None = None,
        source_id: SourceId | None = None,
        export_id: ExportId | None = None,
    ) -> list[Schedule]:
        """The schedules, of one campaign, of one data source, of one export, or of all of them."""
        query = self._mine().order_by(schedules.c.id)
        if campaign_id is not None:
            query = query.where(schedules.c.campaign_id == campaign_id)
        if source_id is not None:
            query = query.where(schedules.c.source_id == source_id)
        if export_id is not None:
            query = query.where(schedules.c.export_id == export_id)
        return [_schedule(row) for row in self._connection.execute(query)]

    def due(self, now: datetime, *, limit: int = 100) -> list[ScheduleId]:
        """Schedules with a run whose time has come, the oldest first."""
        query = sa.select(schedules.c.id).where(schedules.c.active, schedules.c.next_at <= now)
        return [ScheduleId(one) for one in self._connection.scalars(query.order_by(schedules.c.next_at).limit(limit))]

    def set_next(self, schedule_id: ScheduleId, local: datetime | None, at: datetime | None) -> None:
        """When it runs next; None when no run is left."""
        values = {"next_local": _wall(local), "next_at": at}
        self._connection.execute(sa.update(schedules).where(schedules.c.id == schedule_id).values(values))

    def set_active(self, schedule_id: ScheduleId, active: bool) -> None:
        """Switch it on or off."""
        self._connection.execute(sa.update(schedules).where(schedules.c.id == schedule_id).values(active=active))

    def remove(self, schedule_id: ScheduleId) -> None:
        """Forget it and what became of its runs; what it started stays. Raises NotFound."""
        self.get(schedule_id)
        self._connection.execute(sa.delete(schedule_runs).where(schedule_runs.c.schedule_id == schedule_id))
        self._connection.execute(sa.delete(schedules).where(schedules.c.id == schedule_id))

    def record(self, run: ScheduledRun) -> None:
        """What became of one run. Raises Conflict when that was recorded before: a run happens once."""
        values = {"outcome": run.outcome.value, "because": run.because[:400], "job_id": run.job_id, "run_id": run.run_id}
        key = {"schedule_id": run.schedule_id, "local": _wall(run.local), "at": self._now}
        try:
            self._connection.execute(sa.insert(schedule_runs).values(**key, **values))
        except IntegrityError as exc:
            raise Conflict(f"the run of {run.local} of the schedule {run.schedule_id} has been recorded already") from exc

    def ran(self, schedule_id: ScheduleId, local: datetime) -> bool:
        """Whether that run has been decided."""
        query = sa.select(schedule_runs.c.at).where(
            schedule_runs.c.schedule_id == schedule_id, schedule_runs.c.local == _wall(local)
        )
        return self._connection.scalar(query) is not None

    def runs(self, schedule_id: ScheduleId, *, limit: int = 100) -> list[ScheduledRun]:
        """What became of its runs, the latest first. Raises NotFound."""
        self.get(schedule_id)
        query = sa.select(schedule_runs).where(schedule_runs.c.schedule_id == schedule_id)
        return [
            ScheduledRun(
                schedule_id=schedule_id,
                local=datetime.fromisoformat(row.local),
                outcome=RunOutcome(row.outcome),
                because=row.because,
                job_id=None if row.job_id is None else JobId(row.job_id),
                run_id=None if row.run_id is None else ImportRunId(row.run_id),
                at=row.at,
            )
            for row in self._connection.execute(query.order_by(schedule_runs.c.local.desc()).limit(limit))
        ]

    def _mine(self) -> sa.Select[Any]:
        return _SCHEDULES if self._org_id is None else _SCHEDULES.where(schedules.c.org_id == self._org_id)


def _wall(local: datetime | None) -> str | None:
    return None if local is None else local.isoformat(timespec="seconds")
