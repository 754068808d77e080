"""Recurring exports, and what became of each of their runs."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from dialer.domain.export import ExportContent, ExportOf, Only, Per
from dialer.domain.export_definition import ExportDefinition, ExportRun, ExportRunState
from dialer.domain.ids import CampaignId, ExportId, ExportRunId, JobId, OrgId
from dialer.errors import Conflict, NotFound
from dialer.store.tables import campaigns
from dialer.store.tables_exports import export_runs, exports

_EXPORTS = sa.select(exports, campaigns.c.name.label("campaign_name")).outerjoin(
    campaigns, exports.c.campaign_id == campaigns.c.id
)


class Exports:
    """Exports of an organisation; of all of them when it is built for none (the engine)."""

    def __init__(self, connection: sa.Connection, org_id: OrgId | None, now: datetime) -> None:
        self._connection, self._org_id, self._now = connection, org_id, now

    def create(self, new: ExportDefinition) -> ExportDefinition:
        """Keep a definition; its id is given here."""
        values = {
            "org_id": new.org_id,
            "campaign_id": new.campaign_id,
            "content": asdict(new.content),
            "file": new.file,
            "after_jobs": new.after_jobs,
            "zone": new.zone,
            "created_at": self._now,
            "created_by": new.created_by[:80],
        }
        found = self._connection.execute(sa.insert(exports).values(values).returning(exports.c.id)).scalar_one()
        return self.get(ExportId(found))

    def get(self, export_id: ExportId, *, for_update: bool = False) -> ExportDefinition:
        """One definition. Raises NotFound."""
        query = self._mine().where(exports.c.id == export_id)
        row = self._connection.execute(query.with_for_update(of=exports) if for_update else query).first()
        if row is None:
            raise NotFound(f"no export with the number {export_id}")
        return _export(row)

    def all(self, campaign_id: CampaignId | None = None) -> list[ExportDefinition]:
        """The definitions, of one campaign or all."""
        query = self._mine().order_by(exports.c.id)
        if campaign_id is not None:
            query = query.where(exports.c.campaign_id == campaign_id)
        return [_export(row) for row in self._connection.execute(query)]

    def remove(self, export_id: ExportId) -> None:
        """Forget a definition and its runs; the files stay. Raises NotFound."""
        self.get(export_id)
        self._connection.execute(sa.delete(export_runs).where(export_runs.c.export_id == export_id))
        self._connection.execute(sa.delete(exports).where(exports.c.id == export_id))

    def queue_after(self, job_id: JobId, org_id: OrgId, campaign_id: CampaignId) -> None:
        """A job is over, in this transaction: what is to be exported after it waits from the commit on."""
        query = sa.select(exports.c.id).where(
            exports.c.org_id == org_id,
            exports.c.after_jobs,
            sa.or_(exports.c.campaign_id.is_(None), exports.c.campaign_id == campaign_id),
        )
        for export_id in self._connection.scalars(query).all():
            self.add_run(ExportId(export_id), self._now, job_id=job_id)

    def add_run(
        self, export_id: ExportId, due_at: datetime, *, job_id: JobId | None = None, local: datetime | None = None
    ) -> None:
        """A run of its own name waits from the commit on. Raises Conflict when there is one of that name: a run happens once."""
        row = {"export_id": export_id, "job_id": job_id, "local": None if local is None else local.isoformat(timespec="seconds")}
        more = {"state": ExportRunState.WAITING.value, "because": "", "tries": 0, "due_at": due_at, "file": ""}
        try:
            self._connection.execute(sa.insert(export_runs).values(row | more))
        except IntegrityError as exc:
            raise Conflict(f"export {export_id} has a run of {local or f'job {job_id}'} already") from exc

    def runs(self, export_id: ExportId, *, limit: int = 100) -> list[ExportRun]:
        """What became of its runs, the latest first. Raises NotFound."""
        self.get(export_id)
        query = sa.select(export_runs).where(export_runs.c.export_id == export_id)
        return [_run(row) for row in self._connection.execute(query.order_by(export_runs.c.id.desc()).limit(limit))]

    def run(self, run_id: ExportRunId) -> ExportRun:
        """One run. Raises NotFound."""
        row = self._connection.execute(sa.select(export_runs).where(export_runs.c.id == run_id)).first()
        if row is None:
            raise NotFound(f"no run with the number {run_id}")
        return _run(row)

    def next_waiting(self, now: datetime) -> ExportRunId | None:
        """The run that has waited longest."""
        query = sa.select(export_runs.c.id).where(
            export_runs.c.state == ExportRunState.WAITING.value, export_runs.c.due_at <= now
        )
        found = self._connection.scalar(query.order_by(export_runs.c.due_at, export_runs.c.id).limit(1))
        return None if found is None else ExportRunId(found)

    def begin(self, run_id: ExportRunId, *, file: str) -> ExportRun | None:
        """Take a waiting run; None when somebody else has it, or its definition is gone."""
        values = {"state": ExportRunState.RUNNING.value, "tries": export_runs.c.tries + 1, "started_at": self._now, "file": file}
        waiting = sa.update(export_runs).where(export_runs.c.id == run_id, export_runs.c.state == ExportRunState.WAITING.value)
        return self.run(run_id) if self._connection.execute(waiting.values(values)).rowcount else None

    def done(self, run_id: ExportRunId, *, rows: int, size: int) -> None:
        """The file is whole and on disk."""
        values = {"state": ExportRunState.DONE.value, "rows": rows, "size": size, "because": "", "ended_at": self._now}
        self._connection.execute(sa.update(export_runs).where(export_runs.c.id == run_id).values(values))

    def failed(self, run_id: ExportRunId, because: str, *, again_at: datetime | None) -> None:
        """There is no file; tried again at that time, or given up."""
        state = ExportRunState.FAILED if again_at is None else ExportRunState.WAITING
        values = {"state": state.value, "because": because[:400], "ended_at": self._now}
        if again_at is not None:
            values["due_at"] = again_at
        self._connection.execute(sa.update(export_runs).where(export_runs.c.id == run_id).values(values))

    def release(self) -> int:
        """Runs that a dead process left behind wait again."""
        left = sa.update(export_runs).where(export_runs.c.state == ExportRunState.RUNNING.value)
        return self._connection.execute(left.values(state=ExportRunState.WAITING.value, because="the dialer ended")).rowcount

    def writes_elsewhere(self, org_id: OrgId, export_id: ExportId, file: str) -> ExportId | None:
        """Another export of the organisation that has written, or is writing, a file of this name."""
        query = (
            sa.select(export_runs.c.export_id)
            .join(exports, exports.c.id == export_runs.c.export_id)
            .where(exports.c.org_id == org_id, export_runs.c.export_id != export_id, export_runs.c.file == file)
        )
        found = self._connection.scalar(query.limit(1))
        return None if found is None else ExportId(found)

    def _mine(self) -> sa.Select[Any]:
        return _EXPORTS if self._org_id is None else _EXPORTS.where(exports.c.org_id == self._org_id)


def content_from_json(data: dict[str, Any]) -> ExportContent:
    """What `asdict` made of an ExportContent, read again."""
    kinds = {"of": ExportOf(data["of"]), "only": Only(data["only"]), "per": Per(data["per"]), "columns": tuple(data["columns"])}
    return ExportContent(**data | kinds)


def _export(row: sa.Row[Any]) -> ExportDefinition:
    return ExportDefinition(
        id=ExportId(row.id),
        org_id=OrgId(row.org_id),
        campaign_id=None if row.campaign_id is None else CampaignId(row.campaign_id),
        campaign_name=row.campaign_name or "",
        content=content_from_json(row.content),
        file=row.file,
        after_jobs=row.after_jobs,
        zone=row.zone,
        created_by=row.created_by,
    )


def _run(row: sa.Row[Any]) -> ExportRun:
    return ExportRun(
        id=ExportRunId(row.id),
        export_id=ExportId(row.export_id),
        job_id=None if row.job_id is None else JobId(row.job_id),
        local=None if row.local is None else datetime.fromisoformat(row.local),
        state=ExportRunState(row.state),
        because=row.because,
        tries=row.tries,
        due_at=row.due_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        rows=row._mapping["rows"],
        size=row.size,
        file=row.file,
    )
