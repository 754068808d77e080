"""Runs of data sources: queued, taken by one process at a time, and written on only by the one that holds them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from dialer.domain.data_source import OVER, Checkpoint, DataSource, ImportRun, RunState
from dialer.domain.ids import ImportRunId, OrgId, SourceId
from dialer.domain.imports import ImportReport
from dialer.errors import Conflict, NotFound, RunTaken
from dialer.store.data_source_json import checkpoint_from_json, checkpoint_to_json, report_from_json, report_to_json
from dialer.store.tables_sources import data_sources, import_runs

_RUNS = sa.select(import_runs, data_sources.c.name.label("source_name"), data_sources.c.org_id).join(
    data_sources, import_runs.c.source_id == data_sources.c.id
)


def _run(row: sa.Row[Any]) -> ImportRun:
    return ImportRun(
        id=ImportRunId(row.id),
        org_id=OrgId(row.org_id),
        source_id=SourceId(row.source_id),
        source_name=row.source_name,
        state=RunState(row.state),
        because=row.because,
        report=report_from_json(row.report),
        checkpoint=checkpoint_from_json(row.checkpoint),
        fresh_starts=row.fresh_starts,
        queued_at=row.queued_at,
        queued_by=row.queued_by,
        started_at=row.started_at,
        ended_at=row.ended_at,
        owner=row.owner,
    )


class ImportRuns:
    """Runs of an organisation's data sources; of all organisations when it is built for none (the engine)."""

    def __init__(self, connection: sa.Connection, org_id: OrgId | None, now: datetime) -> None:
        self._connection, self._org_id, self._now = connection, org_id, now

    def queue(self, source: DataSource, *, because: str, by: str) -> ImportRun:
        """A new run that waits for a dialer. Raises Conflict while another run of the source is not over."""
        not_over = f"a run of the data source {source.name!r} is not over yet"
        # Asked first: a schedule records the refusal in the same transaction, which an error of the database would end.
        if (last := self.latest(source.id)) is not None and last.state not in OVER:
            raise Conflict(not_over)
        values = {
            "source_id": source.id,
            "state": RunState.QUEUED.value,
            "because": because[:400],
            "report": report_to_json(ImportReport(list_name=source.list_name)),
            "checkpoint": checkpoint_to_json(Checkpoint()),
            "fresh_starts": 0,
            "queued_at": self._now,
            "queued_by": by[:80],
            "owner": "",
        }
        try:
            found = self._connection.execute(sa.insert(import_runs).values(values).returning(import_runs.c.id)).scalar_one()
        except IntegrityError as exc:
            raise Conflict(not_over) from exc
        return self.get(ImportRunId(found))

    def get(self, run_id: ImportRunId) -> ImportRun:
        """One run. Raises NotFound."""
        row = self._connection.execute(self._mine().where(import_runs.c.id == run_id)).first()
        if row is None:
            raise NotFound(f"no run with the number {run_id}")
        return _run(row)

    def latest(self, source_id: SourceId) -> ImportRun | None:
        """The run that is not over, else the last one."""
        found = self.all(source_id, limit=1)
        return found[0] if found else None

    def all(self, source_id: SourceId | None = None, *, limit: int = 100) -> list[ImportRun]:
        """Runs of one source or of all, the latest first."""
        query = self._mine().order_by(import_runs.c.id.desc()).limit(limit)
        if source_id is not None:
            query = query.where(import_runs.c.source_id == source_id)
        return [_run(row) for row in self._connection.execute(query)]

    def move(self, run_id: ImportRunId, within: Collection[RunState], to: RunState, because: str) -> ImportRun:
        """An operator's word: from one of the states `within` to another. Whoever works on it finds out at its next batch.

        Raises NotFound; Conflict when it is in another state, or when another run of the source is active.
        """
        before = self.get(run_id)
        values = {
            "state": to.value,
            "because": because[:400],
            "ended_at": self._now if to in OVER else None,
            "owner": "",
            "lease_until": None,
        }
        statement = sa.update(import_runs).where(
            import_runs.c.id == run_id, import_runs.c.state.in_([one.value for one in within])
        )
        try:
            changed = self._connection.execute(statement.values(values)).rowcount
        except IntegrityError as exc:
            raise Conflict(f"another run of the data source {before.source_name!r} is not over yet") from exc
        if not changed:
            raise Conflict(f"the run {run_id} of {before.source_name!r} is {before.state.value} ({before.because})")
        return self.get(run_id)

    def claim(self, owner: str, *, lease: timedelta, only: ImportRunId | None = None) -> ImportRun | None:
        """Take the run that waits longest, or one whose owner has not been heard of for its lease, and make it RUNNING.

        With `only`, that run or none. None when there is none to take.
        """
        free = sa.or_(
            import_runs.c.state == RunState.QUEUED.value,
            sa.and_(
                import_runs.c.state == RunState.RUNNING.value,
                sa.or_(import_runs.c.lease_until.is_(None), import_runs.c.lease_until <= self._now),
            ),
        )
        query = self._mine().where(free).order_by(import_runs.c.id).limit(1)
        if only is not None:
            query = query.where(import_runs.c.id == only)
        row = self._connection.execute(query.with_for_update(of=import_runs, skip_locked=True)).first()
        if row is None:
            return None
        values = {
            "state": RunState.RUNNING.value,
            "because": "taken up again" if row.started_at is not None else "started",
            "started_at": row.started_at or self._now,
            "owner": owner,
            "lease_until": self._now + lease,
        }
        self._connection.execute(sa.update(import_runs).where(import_runs.c.id == row.id).values(values))
        return self.get(ImportRunId(row.id))

    def renew(self, run_id: ImportRunId, owner: str, *, lease: timedelta) -> bool:
        """The owner is still at it. False when the run is not its any more: paused, cancelled, or taken by another."""
        values = {"lease_until": self._now + lease}
        return self._connection.execute(self._held(run_id, owner).values(values)).rowcount == 1

    def release(self, run_id: ImportRunId, owner: str) -> None:
        """The owner's process has ended before the run did: anybody may take it up at once."""
        self._connection.execute(self._held(run_id, owner).values(owner="", lease_until=None))

    def release_all(self, owners: str) -> int:
        """What processes with names that begin so held is free at once: they are known to be gone. Returns how many runs."""
        held = sa.update(import_runs).where(import_runs.c.state == RunState.RUNNING.value)
        named = import_runs.c.owner.startswith(owners, autoescape=True)
        return self._connection.execute(held.where(named).values(owner="", lease_until=None)).rowcount

    def keep(self, run_id: ImportRunId, owner: str, report: ImportReport, checkpoint: Checkpoint) -> None:
        """Write how far it has come, in the transaction of what was imported.

        Raises RunTaken when the run is not the owner's any more: then nothing of the transaction may stand.
        """
        values = {"report": report_to_json(report), "checkpoint": checkpoint_to_json(checkpoint)}
        self._write(run_id, owner, values)

    def start_over(self, run_id: ImportRunId, owner: str, because: str) -> ImportRun:
        """The source has changed: its rows are read from the beginning and counted anew; what was deleted stays deleted.

        Raises NotFound, RunTaken.
        """
        run = self.get(run_id)
        values = {
            "because": because[:400],
            "report": report_to_json(ImportReport(list_name=run.report.list_name, deleted=run.report.deleted)),
            "checkpoint": checkpoint_to_json(Checkpoint()),
            "fresh_starts": run.fresh_starts + 1,
        }
        self._write(run_id, owner, values)
        return self.get(run_id)

    def end(self, run_id: ImportRunId, owner: str, to: RunState, because: str, report: ImportReport | None = None) -> None:
        """It is over; the counters stay as they are without `report`. Raises RunTaken when it is not the owner's any more."""
        values: dict[str, Any] = {"state": to.value, "because": because[:400], "ended_at": self._now}
        if report is not None:
            values["report"] = report_to_json(report)
        self._write(run_id, owner, {**values, "owner": "", "lease_until": None})

    def _write(self, run_id: ImportRunId, owner: str, values: dict[str, Any]) -> None:
        if self._connection.execute(self._held(run_id, owner).values(values)).rowcount != 1:
            raise RunTaken(f"the run {run_id} is no longer this process's")

    def _held(self, run_id: ImportRunId, owner: str) -> sa.Update:
        mine = (import_runs.c.id == run_id, import_runs.c.owner == owner, import_runs.c.state == RunState.RUNNING.value)
        return sa.update(import_runs).where(*mine)

    def _mine(self) -> sa.Select[Any]:
        return _RUNS if self._org_id is None else _RUNS.where(data_sources.c.org_id == self._org_id)
