"""Run a data source: queue it, pause it, let it go on, cancel it; a dialer does the work."""

from __future__ import annotations

from dialer.domain.data_source import ImportRun, RunState
from dialer.domain.ids import ImportRunId, OrgId
from dialer.errors import Conflict
from dialer.store.store import Store, Tx


async def queue_run(store: Store, org_id: OrgId, source: str, *, by: str) -> ImportRun:
    """Fetch the rows of a data source as soon as a dialer has time. Raises NotFound; Conflict while a run of it is not over."""
    return await store.write(lambda tx: queue_in(tx, org_id, source, by=by, because=f"asked for by {by}"))


def queue_in(tx: Tx, org_id: OrgId, source: str, *, by: str, because: str) -> ImportRun:
    """`queue_run` inside a transaction."""
    return tx.import_runs(org_id).queue(tx.data_sources(org_id).by_name(source), because=because, by=by)


async def pause_run(store: Store, org_id: OrgId, source: str, *, by: str) -> ImportRun:
    """Stop reading at the last batch that is on disk. Raises NotFound, Conflict."""
    within = (RunState.QUEUED, RunState.RUNNING)
    return await _move(store, org_id, source, within, RunState.PAUSED, f"paused by {by}")


async def resume_run(store: Store, org_id: OrgId, source: str, *, by: str) -> ImportRun:
    """Go on where the paused or failed run was; one that is queued or running goes on as it is. Raises NotFound, Conflict."""

    def work(tx: Tx) -> ImportRun:
        run = _latest(tx, org_id, source)
        if run.state in (RunState.QUEUED, RunState.RUNNING):
            return run
        within = (RunState.PAUSED, RunState.FAILED)
        return tx.import_runs(org_id).move(run.id, within, RunState.QUEUED, f"resumed by {by}")

    return await store.write(work)


async def cancel_run(store: Store, org_id: OrgId, source: str, *, by: str) -> ImportRun:
    """End the run where it is; what was stored stays. Raises NotFound, Conflict."""
    within = (RunState.QUEUED, RunState.RUNNING, RunState.PAUSED)
    return await _move(store, org_id, source, within, RunState.CANCELLED, f"cancelled by {by}")


async def get_run(store: Store, run_id: ImportRunId) -> ImportRun:
    """One run. Raises NotFound."""
    return await store.read(lambda tx: tx.import_runs(None).get(run_id))


async def list_runs(store: Store, org_id: OrgId, source: str | None = None, *, limit: int = 100) -> list[ImportRun]:
    """The runs of a data source, or of all, the latest first. Raises NotFound."""

    def work(tx: Tx) -> list[ImportRun]:
        of = None if source is None else tx.data_sources(org_id).by_name(source).id
        return tx.import_runs(org_id).all(of, limit=limit)

    return await store.read(work)


async def _move(store: Store, org_id: OrgId, source: str, within: tuple[RunState, ...], to: RunState, because: str) -> ImportRun:
    return await store.write(lambda tx: tx.import_runs(org_id).move(_latest(tx, org_id, source).id, within, to, because))


def _latest(tx: Tx, org_id: OrgId, source: str) -> ImportRun:
    found = tx.data_sources(org_id).by_name(source)
    run = tx.import_runs(org_id).latest(found.id)
    if run is None:
        raise Conflict(f"the data source {found.name!r} has not been run")
    return run
