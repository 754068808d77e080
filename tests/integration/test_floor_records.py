"""What the floor keeps of its agents and its budgets: nothing twice, and one count for all jobs that share it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest

from dialer.domain.agent import AgentState
from dialer.domain.desk_machine import new_desk
from dialer.domain.ids import JobId
from dialer.engine.floor.job import FloorJob
from dialer.engine.floor.records import LEDGER_S, FloorRecords
from dialer.services.agent_times import agent_history
from dialer.store.store import Store, Tx
from tests.engine_kit import ON_SQLITE
from tests.floor_kit import PROGRESSIVE, hire, make_job
from tests.still_clock import StillClock

pytestmark = [pytest.mark.integration, ON_SQLITE]

T = TypeVar("T")
NOW = datetime(2026, 5, 11, 12, 0, tzinfo=UTC)


class SlowToAnswer(Store):
    """What is written is on disk for a while before whoever wrote it hears so."""

    on_disk: asyncio.Event
    may_answer: asyncio.Event

    async def write(self, work: Callable[[Tx], T]) -> T:
        answer = await super().write(work)
        self.on_disk.set()
        await self.may_answer.wait()
        return answer


@pytest.fixture
async def slow(store: Store) -> AsyncIterator[SlowToAnswer]:
    opened = SlowToAnswer(store.url.render_as_string(hide_password=False))
    opened.on_disk, opened.may_answer = asyncio.Event(), asyncio.Event()
    yield opened
    await opened.close()


async def test_states_that_are_being_written_when_the_floor_closes_are_on_record_once(store: Store, slow: SlowToAnswer) -> None:
    clock = StillClock(NOW)
    (agent,) = await hire(store, 1)
    records = FloorRecords(slow, clock, lambda attempt_id: False)
    gone = new_desk(agent, NOW)
    there = replace(gone, state=AgentState.NOT_READY)
    records.changed(gone, there)
    writing = asyncio.create_task(records.run({}))
    await slow.on_disk.wait()
    writing.cancel()
    leaving = asyncio.create_task(records.leave([there]))
    await asyncio.sleep(0)
    slow.may_answer.set()
    await leaving
    with pytest.raises(asyncio.CancelledError):
        await writing
    history = await agent_history(
        store, agent.org_id, agent.login, since=NOW - timedelta(seconds=1), until=NOW + timedelta(seconds=1)
    )
    assert [one.state for one in history] == [AgentState.NOT_READY, AgentState.LOGGED_OUT]


async def test_a_job_that_begins_while_records_are_written_shares_its_budget_with_those_that_come(
    store: Store, slow: SlowToAnswer
) -> None:
    clock = StillClock(NOW)
    job_id = make_job(store, 1, PROGRESSIVE)
    (agent,) = await hire(store, 1)
    job = await store.read(lambda tx: tx.jobs(None).get(job_id))
    records, jobs = FloorRecords(slow, clock, lambda attempt_id: False), dict[JobId, FloorJob]()
    ledger = await records.ledger_of(job)  # of an earlier job of the campaign
    clock.at += timedelta(seconds=LEDGER_S)
    desk = new_desk(agent, NOW)
    records.changed(desk, replace(desk, state=AgentState.NOT_READY))
    running = asyncio.create_task(records.run(jobs))
    await slow.on_disk.wait()
    jobs[job_id] = FloorJob(job, await records.ledger_of(job), (), "switch")
    slow.may_answer.set()
    for _ in range(50):
        await store.read(lambda tx: None)
    running.cancel()
    await asyncio.wait([running])
    assert await records.ledger_of(job) is ledger is jobs[job_id].ledger
