"""What was archived and purged, and when: one run at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from dialer.domain.retention import ClassReport, RetentionClass, RetentionRun, RetentionState
from dialer.errors import Conflict
from dialer.store.tables_retention import retention_runs

SILENT = timedelta(minutes=2)
"""A run that has not told for so long that it lives is dead: its process was killed."""
_RUNNING = retention_runs.c.state == RetentionState.RUNNING.value


class RetentionRuns:
    """Runs of the whole installation: no organisation has its own."""

    def __init__(self, connection: sa.Connection, now: datetime) -> None:
        self._connection, self._now = connection, now

    def begin(self, *, by: str, night: str | None = None) -> RetentionRun | None:
        """Record that a run begins; None when that night's run was begun before. A dead one is closed, and its night is free.

        Raises Conflict while another run is at work.
        """
        running = self._connection.execute(sa.select(retention_runs).where(_RUNNING)).first()
        if running is not None and self._now - running.seen_at < SILENT:
            raise Conflict(f"{running.by} has been archiving since {running.started_at:%Y-%m-%d %H:%M:%S} UTC: one at a time")
        if running is not None:
            self._connection.execute(
                sa.update(retention_runs)
                .where(retention_runs.c.id == running.id)
                .values(state=RetentionState.FAILED.value, night=None, because="it was killed", ended_at=running.seen_at)
            )
        if night is not None and self._connection.scalar(sa.select(retention_runs.c.id).where(retention_runs.c.night == night)):
            return None
        values: dict[str, Any] = {
            "night": night,
            "state": RetentionState.RUNNING.value,
            "by": by[:80],
            "because": "",
            "report": [],
        }
        values |= {"started_at": self._now, "seen_at": self._now}
        row = self._connection.execute(sa.insert(retention_runs).values(values).returning(retention_runs)).one()
        return _run(row)

    def alive(self, run_id: int, report: Sequence[ClassReport] | None = None) -> None:
        """The run goes on, and has come so far. Raises Conflict when it was taken for dead meanwhile."""
        values: dict[str, Any] = {"seen_at": self._now}
        if report is not None:
            values["report"] = [_to_json(one) for one in report]
        mine = sa.update(retention_runs).where(retention_runs.c.id == run_id, _RUNNING)
        if not self._connection.execute(mine.values(values)).rowcount:
            raise Conflict("this run was silent for so long that it was taken for dead")

    def end(self, run_id: int, state: RetentionState, because: str = "") -> RetentionRun:
        """The run is over. Raises Conflict when it was taken for dead meanwhile."""
        self.alive(run_id)
        values = {"state": state.value, "because": because[:400], "ended_at": self._now}
        changed = sa.update(retention_runs).where(retention_runs.c.id == run_id).values(values).returning(retention_runs)
        return _run(self._connection.execute(changed).one())

    def give_up(self, run_id: int) -> None:
        """The run was stopped half way; its night is free for another one."""
        mine = sa.update(retention_runs).where(retention_runs.c.id == run_id, _RUNNING)
        values = {"state": RetentionState.FAILED.value, "night": None, "because": "it was stopped", "ended_at": self._now}
        self._connection.execute(mine.values(values))

    def wants(self, night: str) -> bool:
        """Whether that night's run is still to be made: it was not begun, or it has died."""
        row = self._connection.execute(sa.select(retention_runs).where(retention_runs.c.night == night)).first()
        return row is None or (row.state == RetentionState.RUNNING.value and self._now - row.seen_at >= SILENT)

    def latest(self, *, limit: int = 30) -> list[RetentionRun]:
        """Runs, the latest first."""
        query = sa.select(retention_runs).order_by(retention_runs.c.id.desc()).limit(limit)
        return [_run(row) for row in self._connection.execute(query)]


def _to_json(one: ClassReport) -> dict[str, Any]:
    return {
        "of": one.of.value,
        "days": one.days,
        "found": one.found,
        "size": one.size,
        "archived": one.archived,
        "purged": one.purged,
        "oldest": None if one.oldest is None else one.oldest.isoformat(),
        "notes": list(one.notes),
    }


def _run(row: sa.Row[Any]) -> RetentionRun:
    return RetentionRun(
        id=row.id,
        night=row.night,
        state=RetentionState(row.state),
        by=row.by,
        started_at=row.started_at,
        seen_at=row.seen_at,
        ended_at=row.ended_at,
        because=row.because,
        report=tuple(
            ClassReport(
                **one
                | {
                    "of": RetentionClass(one["of"]),
                    "oldest": None if one["oldest"] is None else datetime.fromisoformat(one["oldest"]),
                    "notes": tuple(one["notes"]),
                }
            )
            for one in row.report
        ),
    )
