"""A sweep that reads the ledger while a call ends under it."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import pytest

from dialer.domain.attempt import Attempt
from dialer.domain.campaign import JobState
from dialer.engine.calls import Calls
from dialer.engine.clock import SystemClock
from dialer.engine.reconcile import Reconciler
from dialer.ports import LiveChannel, VoiceEvent, VoiceEventKind
from dialer.services.launching import Route, claim_contacts, commit_intents
from dialer.services.strategy_shelf import StrategyShelf
from dialer.store.store import Store
from dialer.store.tx import Tx
from dialer.testing.voice import FakeVoice
from tests.integration.test_engine import make_job

pytestmark = pytest.mark.integration

T = TypeVar("T")


class SlowReads(Store):
    """A store whose answers come late: after `meanwhile` has happened."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def read(self, work: Callable[[Tx], T]) -> T:
        found = await super().read(work)
        if self.meanwhile is not None:
            await self.meanwhile()
        return found


class Lingering(FakeVoice):
    """A switch that still shows the channel of a call which is just ending."""

    shown: Sequence[LiveChannel] = ()

    async def live_channels(self, switch: str) -> Sequence[LiveChannel]:
        return self.shown


async def intent(store: Store, shelf: StrategyShelf) -> Attempt:
    """One attempt whose intent is on disk."""
    job_id, now = make_job(store, 1), datetime.now(UTC)
    job = await store.write(lambda tx: tx.jobs(None).set_state(job_id, JobState.RUNNING, because="test", by="test"))
    claims = await claim_contacts(store, job_id, limit=1, owner="test", lease_s=30, now=now)
    route = Route(trunk="trunk", switch="switch", node="test")
    intents = await commit_intents(store, job, shelf(job.id, job.strategy_text), claims, route, now=now)
    return intents.to_place[0]


async def test_a_call_that_ends_while_the_ledger_is_read_is_not_taken_up_again(ready_url: str) -> None:
    store = SlowReads(ready_url)
    shelf, clock = StrategyShelf(), SystemClock()
    voice, calls = Lingering(clock), Calls(store, shelf, clock)
    try:
        attempt = await intent(store, shelf)
        calls.begin(attempt)
        voice.shown = [LiveChannel(attempt_id=attempt.id, state="up", age_s=1.0)]

        async def hang_up() -> None:
            store.meanwhile = None
            at = clock.now()
            calls.on_event(
                VoiceEvent(attempt_id=attempt.id, switch="switch", kind=VoiceEventKind.HANGUP, at=at, cause=17, tech_cause=486)
            )
            await calls.drain(10)

        store.meanwhile = hang_up
        assert await Reconciler(store, voice, calls, clock).linked("switch", restarted=False)

        assert calls.in_flight() == 0
        closed = await store.read(lambda tx: tx.attempts.get(attempt.id))
        assert closed is not None
        assert closed.code == "Call Busy"
    finally:
        await calls.stop()
        await store.close()


async def test_a_dialer_that_stops_in_the_moment_in_which_a_call_ends_drops_nothing_on_the_way(ready_url: str) -> None:
    store = Store(ready_url)
    shelf, clock = StrategyShelf(), SystemClock()
    calls = Calls(store, shelf, clock)
    try:
        attempt = await intent(store, shelf)
        calls.close(calls.begin(attempt))
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            await calls.stop()
            gc.collect()
        assert not heard, "its end was begun, and never awaited"
        found = await store.read(lambda tx: tx.attempts.get(attempt.id))
        assert found is not None
        assert found.code is None, "the next start takes it up"
    finally:
        await store.close()
