"""`dialer serve` as a process: one engine for one database, and an orderly end that the next start goes on from."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.campaign import JobState
from dialer.lab.behaviours import INTERESTED
from tests.patience import PATIENCE_S
from tests.rig import APPS, Rig, number

pytestmark = pytest.mark.acceptance


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, rig: Rig) -> Rig:
    """A dialer on each kind of database, started as a user does."""
    rig.anew = True
    if request.param == "postgresql":
        rig.database_url = request.getfixturevalue("postgres_url")
    return rig


async def test_one_engine_serves_a_database_and_sigterm_drains_it(either: Rig) -> None:
    rig = either
    rig.apps = APPS
    rig.start()
    await rig.until(lambda: "dialer up" in rig.log(), "it serves")
    second = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "dialer", "serve", "--config", str(rig.config)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_S,
    )
    assert second.returncode == 2
    assert "another dialer is already serving this database" in second.stderr + second.stdout
    assert "Traceback" not in second.stderr + second.stdout
    job_id = rig.campaign([number(index, "30") for index in range(36)], app="holds", seconds=1.5, pace_per_s=5)
    await rig.until(lambda: rig.up(job_id) >= 1, "a call is up")
    assert rig.process is not None
    rig.process.send_signal(signal.SIGTERM)
    asked_at, watch = datetime.now(UTC), rig.watch()
    assert await rig.ended_s() < 8, "the calls in flight had three seconds, and then it ended"
    assert rig.process.returncode == 0
    before = rig.attempts(job_id)
    assert {one.code for one in before} == {INTERESTED}, "calls in flight ended by themselves"
    assert not [one for one in rig.calls() if one.at > asked_at + timedelta(seconds=0.75 + watch.lost_s())]
    assert len(before) < 36, "it was stopped in the middle"
    assert rig.job(job_id).state is JobState.RUNNING
    rig.start()
    await rig.completed(job_id)
    assert rig.stop() == 0
    rig.check_invariants(job_id)
    assert rig.codes(job_id) == {INTERESTED: 36}
