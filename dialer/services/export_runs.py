"""Carry out the runs of recurring exports, one at a time, each in a process of its own, and record what became of them."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from dialer.domain.clock_change import instant_of
from dialer.domain.export import ExportScope
from dialer.domain.export_definition import ExportDefinition, ExportRun
from dialer.domain.ids import ExportRunId
from dialer.errors import Conflict, NotFound, OutdialError, StoreDown
from dialer.services.export_names import file_name, folder_name
from dialer.services.side_process import Ask, ask
from dialer.store.store import Store, Tx

WORKER = "dialer.services.export_worker"
LIMIT_S = 6 * 3600.0
AGAIN_AFTER = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
"""A run that failed is tried again so long after: the disk may be full just now. Then it is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportPlace:
    """Where files go: the folder of the settings, and how many bytes stay free on its disk."""

    folder: Path
    keep_free: int = 0


async def release_runs(store: Store) -> int:
    """What was being written when its dialer died, or when the database went away, waits again. For the one that carries out."""
    return await store.write(lambda tx: tx.exports(None).release())


async def carry_out_next(store: Store, place: ExportPlace, now: datetime, ask: Ask = ask) -> ExportRun | None:
    """Carry out the run that has waited longest, in a process of its own; returns what became of it. None: none waits.

    Raises StoreDown; the run is then still taken for running, until `release_runs`.
    """
    run_id = await store.read(lambda tx: tx.exports(None).next_waiting(now))
    if run_id is None:
        return None
    task = await store.write(lambda tx: _begin(tx, run_id))
    if task is None:
        return None
    try:
        if task.refused:
            raise Conflict(task.refused)
        rows, size = await _write(store, task, place, ask)
    except StoreDown:
        raise
    except (OutdialError, OSError) as exc:
        because, again_at = str(exc), _again_at(task.run, now)
        await store.write(lambda tx: tx.exports(None).failed(run_id, because, again_at=again_at))
    else:
        await store.write(lambda tx: tx.exports(None).done(run_id, rows=rows, size=size))
    try:
        return await store.read(lambda tx: tx.exports(None).run(run_id))
    except NotFound:  # the export was removed meanwhile
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    run: ExportRun
    export: ExportDefinition
    scope: ExportScope
    folder: str
    refused: str = ""


def _begin(tx: Tx, run_id: ExportRunId) -> _Task | None:
    exports = tx.exports(None)
    run = exports.run(run_id)
    export = exports.get(run.export_id)
    campaign, at, zone = export.campaign_name, tx.now, ZoneInfo(export.zone)
    if run.job_id is not None:
        job = tx.jobs(export.org_id).get(run.job_id)
        campaign, at = job.campaign_name, job.ended_at or tx.now
    elif run.local is not None:
        at = instant_of(run.local, export.zone)
    local = run.local or at.astimezone(zone).replace(tzinfo=None)
    name = file_name(export, campaign=campaign, job_id=run.job_id, local=local)
    other = exports.writes_elsewhere(export.org_id, export.id, name)
    begun = exports.begin(run_id, file="" if other else name)
    if begun is None:
        return None
    scope = ExportScope(campaign_id=None if run.job_id else export.campaign_id, job_id=run.job_id, at=at)
    organisation = tx.organisations.name_of(export.org_id)
    refused = f"export {other} writes files of the name {name}" if other else ""
    return _Task(run=begun, export=export, scope=scope, folder=folder_name(export.org_id, organisation), refused=refused)


async def _write(store: Store, task: _Task, place: ExportPlace, ask: Ask) -> tuple[int, int]:
    folder = place.folder / task.folder
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    scope = asdict(task.scope) | {"at": task.scope.at.isoformat()}
    request = {
        "database_url": store.url.render_as_string(hide_password=False),
        "org_id": task.export.org_id,
        "content": asdict(task.export.content),
        "scope": scope,
        "path": str((folder / task.run.file).absolute()),
        "keep_free": place.keep_free,
    }
    rows = size = 0
    async with aclosing(ask(WORKER, request, limit_s=LIMIT_S)) as answers:
        async for answer in answers:
            rows, size = answer["rows"], answer["size"]
    return rows, size


def _again_at(run: ExportRun, now: datetime) -> datetime | None:
    return now + AGAIN_AFTER[run.tries - 1] if run.tries <= len(AGAIN_AFTER) else None
