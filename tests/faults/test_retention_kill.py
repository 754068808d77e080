"""Retention is killed at every point of its road: nothing is lost that is not in the archive, and the next run goes on."""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from dialer.domain.campaign import JobState
from dialer.domain.ids import OrgId
from dialer.domain.retention import RetentionState
from dialer.services.retention import run_retention
from dialer.store.attempts import Closing
from dialer.store.store import Store, Tx
from dialer.store.tables import attempts
from dialer.store.tables_retention import retention_runs
from tests.forked import Forked
from tests.integration.test_export_attempts import AT, put_attempts
from tests.launch_kit import Launch
from tests.patience import PATIENCE_S
from tests.retention_kit import archived, plan

pytestmark = pytest.mark.faults

COUNT = 300


async def ledger_of_a_job_that_is_over(store: Store, org_id: OrgId) -> set[str]:
    """Write it; gives the attempts."""
    launch = await Launch.ready(store, org_id)
    ids = await store.write(lambda tx: put_attempts(tx, org_id, launch.job, COUNT))

    def end(tx: Tx) -> None:
        for one in tx.attempts.open(job_id=launch.job.id):
            tx.attempts.close(one.id, Closing(code="Interested", source="app", system_code="Answer Human", ended_at=AT))
        tx.jobs(None).set_state(launch.job.id, JobState.COMPLETED, because="test", by="test")

    await store.write(end)
    return set(ids)


def in_the_ledger(store: Store) -> set[str]:
    """The attempts that are still there."""
    return store.read_now(lambda tx: set(tx.connection.scalars(sa.select(attempts.c.id))))


async def test_a_killed_run_loses_nothing_and_the_next_one_ends_the_work(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    everything = await ledger_of_a_job_that_is_over(store, org_id)
    url = store.url.render_as_string(hide_password=False)
    config = tmp_path / "dialer.toml"
    config.write_text(
        f'[node]\ndata_dir = "{tmp_path}"\n[database]\nurl = "{url}"\n[retention]\nattempts = 90\nkeep_free_mb = 0\n'
    )
    left = COUNT
    # in the middle of a file; between the file and the first removal; between two removals
    for failpoint in ("P0:kill9@120", "P1:kill9", "P2:kill9@2"):
        words, said = ("dialer", "retention", "run", "--config", str(config)), tmp_path / "said"
        killed = Forked(*words, env={**os.environ, "OUTDIAL_FAIL": failpoint}, out=said)
        assert await asyncio.to_thread(killed.wait, PATIENCE_S) == -signal.SIGKILL, said.read_text()
        there = in_the_ledger(store)
        assert there | {row["id"] for row in archived(tmp_path)} == everything, failpoint
        left = len(there)
        # As if two minutes had passed, after which a run that says nothing is taken for dead.
        silent = sa.update(retention_runs).values(seen_at=datetime.now(UTC) - timedelta(minutes=3))
        store.write_now(lambda tx, silent=silent: tx.connection.execute(silent))  # type: ignore[misc]
    assert 0 < left < COUNT, "the last one was killed in the middle of its removals"
    run = run_retention(store, plan(tmp_path, attempts=90), by="test")
    assert run is not None
    assert run.state is RetentionState.DONE
    assert in_the_ledger(store) == set()
    assert {row["id"] for row in archived(tmp_path)} == everything
    told = store.read_now(lambda tx: tx.retention_runs.latest())
    assert [one.because for one in told] == ["", *["it was killed"] * 3]
