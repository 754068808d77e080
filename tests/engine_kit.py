"""A running engine on a real database, with callees and channels made by the tests, in time that passes quickly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dialer.domain.campaign import JobState
from dialer.domain.ids import JobId
from dialer.domain.installation import InstallationMode
from dialer.engine.engine import Engine, EngineOptions
from dialer.engine.trunk import Trunk
from dialer.ports import VoicePort
from dialer.store.store import Store
from dialer.testing.voice import FakeVoice
from tests.patience import PATIENCE_S, own_s

TELEPHONY = InstallationMode.TELEPHONY

# What does not depend on the kind of database need not be run on both.
ON_SQLITE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


class FastClock:
    """Real time, several times as fast: the engine's pauses are short, the database and the loop are as they are.

    It stands while the machine has no processor for this process: otherwise each such moment would be so many times as long.
    """

    def __init__(self, factor: float = 6.0, began_at: datetime | None = None) -> None:
        self._factor = factor
        self._began, self._began_at = own_s(), began_at or datetime.now(UTC)
        self._reached = 0.0

    def now(self) -> datetime:
        """The wall clock of this time."""
        return self._began_at + timedelta(seconds=self.monotonic_s())

    def monotonic_s(self) -> float:
        """Seconds since it began."""
        self._reached = max(self._reached, (own_s() - self._began) * self._factor)
        return self._reached

    async def sleep(self, seconds: float) -> None:
        """Wait, for so long of this time."""
        over = self.monotonic_s() + seconds
        await asyncio.sleep(seconds / self._factor)
        left_s = over - self.monotonic_s()
        while left_s > 0:
            await asyncio.sleep(left_s / self._factor)
            left_s = over - self.monotonic_s()


@asynccontextmanager
async def running(
    store: Store,
    voice: VoicePort,
    *,
    clock: FastClock,
    sweep_s: float = 1.0,
    mode: InstallationMode = TELEPHONY,
    **parts: Any,
) -> AsyncIterator[Engine]:
    """Run an engine; `parts`: its processors, channels and whatever else it takes."""
    engine = Engine(
        store=store,
        voice=voice,
        clock=clock,
        trunks=[Trunk(name="trunk", caller_id="")],
        options=EngineOptions(node="test", sweep_s=sweep_s, drain_s=0.0, mode=mode),
        **parts,
    )
    engine.treatment_ready()
    task = asyncio.create_task(engine.run(), name="engine")
    try:
        yield engine
    finally:
        engine.drain()
        try:
            await task
        finally:
            outlived = isinstance(voice, FakeVoice) and voice.tasks  # by calls, which have their telephones still
            for telephones in (parts.get("agents"), parts.get("queues")):
                if telephones is not None and not outlived:
                    await telephones.stop()


async def until(condition: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
    """Wait, bounded, until something is so."""
    for _ in range(int(within_s / 0.05)):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("not in time")


def completed(store: Store, job_id: JobId) -> Callable[[], bool]:
    """Whether a job is over."""
    return lambda: store.read_now(lambda tx: tx.jobs(None).get(job_id)).state is JobState.COMPLETED
