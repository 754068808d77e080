"""A backup that is put back is noticed: whoever was called since is not called again before an operator has looked."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dialer.domain.campaign import JobState
from dialer.domain.ids import OrgId
from dialer.domain.node_status import NodeStatus
from dialer.engine.engine import Engine, EngineOptions
from dialer.engine.trunk import Trunk
from dialer.services.jobs import resume_campaign, start_campaign
from dialer.services.restored import RESTORED, Memory, pause_all
from dialer.store.store import Store
from dialer.testing.voice import BUSY, FakeVoice
from tests.campaign_texts import ready_campaign
from tests.engine_kit import FastClock, until

pytestmark = pytest.mark.integration


@asynccontextmanager
async def dialling(store: Store, memory: Path) -> AsyncIterator[FakeVoice]:
    """A dialer on this database, and the calls that it places."""
    clock = FastClock()
    voice = FakeVoice(clock, default=BUSY)
    options = EngineOptions(node="n1", sweep_s=5.0, drain_s=0.0, memory=memory)
    engine = Engine(store=store, voice=voice, clock=clock, trunks=[Trunk(name="trunk", caller_id="")], options=options)
    engine.treatment_ready()

    task = asyncio.create_task(engine.run(), name="engine")
    try:
        yield voice
    finally:
        engine.drain()
        await task


def beat(store: Store) -> int:
    """How often the dialer has told its status; 0 before the first time."""
    return max((one.beat for one in store.read_now(lambda tx: tx.node_statuses.all())), default=0)


async def test_nobody_is_called_from_a_restored_database_until_an_operator_resumes(
    sqlite_file: Path, sqlite_url: str, tmp_path: Path
) -> None:
    backup, memory = tmp_path / "backup.db", tmp_path / "data" / "n1.seen"
    store = Store(sqlite_url)
    store.migrate()
    org_id = store.write_now(lambda tx: tx.organisations.ensure("default"))
    await ready_campaign(store, org_id)
    job = await start_campaign(store, org_id, "Blood", by="test")
    store.close_now()
    shutil.copy(sqlite_file, backup)

    store = Store(sqlite_url)
    async with dialling(store, memory) as voice:
        await until(lambda: len(voice.placed) >= 3 and memory.exists())
    async with dialling(store, memory):
        await until(lambda: beat(store) > 8)
        told = store.read_now(lambda tx: tx.jobs(None).get(job.id))
        assert told.changed_by != RESTORED, "an ordinary start notices nothing"
    store.close_now()
    for rest in sqlite_file.parent.glob(f"{sqlite_file.name}-*"):
        rest.unlink()
    shutil.copy(backup, sqlite_file)

    store = Store(sqlite_url)
    async with dialling(store, memory) as voice:
        await until(lambda: store.read_now(lambda tx: tx.jobs(None).get(job.id)).state is JobState.PAUSED)
        told = store.read_now(lambda tx: tx.jobs(None).get(job.id))
        assert told.changed_by == RESTORED
        assert "all calls to" in told.because
        await until(lambda: beat(store) > 0)
        seen = beat(store)
        await until(lambda: beat(store) > seen + 5)
        assert voice.placed == []
        await resume_campaign(store, org_id, "Blood", by="operator")
        await until(lambda: len(voice.placed) >= 3)
    async with dialling(store, memory):
        told = store.read_now(lambda tx: tx.jobs(None).get(job.id))
        assert told.changed_by != RESTORED, "it is told once"
    store.close_now()


async def test_what_is_missing_is_told_with_the_jobs(store: Store, org_id: OrgId) -> None:
    await ready_campaign(store, org_id)
    job = await start_campaign(store, org_id, "Blood", by="test")
    since, to = datetime(2026, 5, 11, 12, tzinfo=UTC), datetime(2026, 5, 11, 14, 30, tzinfo=UTC)
    assert await pause_all(store, since=since, until=to) == [job.id]
    told = (await store.read(lambda tx: tx.jobs(None).get(job.id))).because
    assert "the calls from 2026-05-11 12:00:00 to 2026-05-11 14:30:00 UTC are missing" in told
    assert await pause_all(store, since=since, until=to) == [], "what is paused stays as it is"


async def test_a_note_of_another_database_or_a_spoilt_one_says_nothing(store: Store, tmp_path: Path) -> None:
    at, path = datetime(2026, 5, 11, tzinfo=UTC), tmp_path / "n1.seen"
    Memory(beat=7, at=at).keep(path, store)
    assert Memory.recall(path, store) == Memory(beat=7, at=at)
    other = Store(f"sqlite:///{tmp_path / 'other.db'}")
    assert Memory.recall(path, other) is None
    other.close_now()
    path.write_text("{")
    assert Memory.recall(path, store) is None
    assert NodeStatus.from_json("n1", at, {}).beat == 0, "as an older program wrote it"
