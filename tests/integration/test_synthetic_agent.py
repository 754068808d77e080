"""Agents who are programs work on the desk as people do, and come back when they are cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from dialer.domain.agent import AgentRules, AgentState
from dialer.domain.desk_call import CallKind, DeskCall
from dialer.domain.desk_tasks import CodeFrom
from dialer.domain.ids import AttemptId, ContactId, JobId
from dialer.engine.clock import SystemClock
from dialer.lab.desk_client import DeskClient, DeskLost
from dialer.lab.shift import Seat, work_a_shift
from dialer.lab.synthetic_agent import Habits, SyntheticAgent
from dialer.pacing.distributions import Bell
from dialer.web.agent_desk import DeskOptions, make_agent_desk_app
from tests.desk_floor import DeskFloor
from tests.engine_kit import until
from tests.fake_floor import ANN, ANNS_TOKEN, BOB, BOBS_TOKEN, Tokens

pytestmark = pytest.mark.integration

BRIEF = Bell(1.0, 0.3, 0.5, 2.0)
HABITS = Habits(talk=BRIEF, wrap=BRIEF, reads=BRIEF, rings=BRIEF, speed=50.0)


def call(kind: CallKind, number: int = 1) -> DeskCall:
    return DeskCall(
        job_id=JobId(1),
        contact_id=ContactId(number),
        campaign="Spring",
        kind=kind,
        rules=AgentRules(codes=("Sold", "Not sold")),
        attempt_id=None if kind is CallKind.PREVIEW else AttemptId(f"{number:026d}"),
    )


@asynccontextmanager
async def desk_of(habits: Habits) -> AsyncIterator[tuple[DeskFloor, SyntheticAgent]]:
    """A synthetic Ann who works."""
    floor = DeskFloor(ANN)
    app = make_agent_desk_app(floor, Tokens({ANNS_TOKEN: ANN}).books, SystemClock(), DeskOptions())
    async with (
        TestServer(app) as server,
        ClientSession() as http,
        SyntheticAgent.seated(http, str(server.make_url("/")), ANNS_TOKEN, habits, phone="phone-1", seed=(7, 1)) as ann,
    ):
        working = asyncio.create_task(ann.work())
        yield floor, ann
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def test_a_synthetic_agent_talks_chooses_a_code_and_is_ready_again() -> None:
    async with desk_of(HABITS) as (floor, ann):
        for number in range(4):
            await until(lambda: floor.desks[ANN.id].state is AgentState.READY)
            floor.assign(ANN, call(CallKind.PACED, number))
        await until(lambda: len(floor.closed) == 4)
        await until(lambda: ann.journal.codes.total() == 4)
        assert {one.code for one in floor.closed} == {"Sold", "Not sold"}
        assert {one.source for one in floor.closed} == {CodeFrom.AGENT}
        assert ann.journal.talks == 4
        assert ann.journal.codes.total() == 4
        assert not ann.journal.refused
        assert 0.03 < ann.journal.seconds["talking"] < 1.0
        assert ann.journal.seconds["wrap_up"] > 0.03
    assert floor.desks[ANN.id].state is AgentState.LOGGED_OUT


async def test_a_synthetic_agent_reads_and_dials_or_passes_over() -> None:
    async with desk_of(HABITS) as (floor, _ann):
        await until(lambda: floor.desks[ANN.id].state is AgentState.READY)
        floor.offer(ANN, call(CallKind.PREVIEW))
        await until(lambda: len(floor.closed) == 1)
        assert floor.closed[0].call.joined_at is not None
    async with desk_of(Habits(reads=BRIEF, wrap=BRIEF, passed_over=1.0, speed=50.0)) as (floor, _ann):
        await until(lambda: floor.desks[ANN.id].state is AgentState.READY)
        floor.offer(ANN, call(CallKind.PREVIEW))
        await until(lambda: bool(floor.closed or floor.given_back))
        assert not any(one.call.joined_at for one in floor.closed)


async def test_a_synthetic_agent_calls_elsewhere_for_a_manual_campaign() -> None:
    async with desk_of(HABITS) as (floor, _ann):
        for number in range(6):
            await until(lambda: floor.desks[ANN.id].state is AgentState.READY)
            floor.offer(ANN, call(CallKind.MANUAL, number))
        await until(lambda: len(floor.closed) == 6)
        assert {bool(one.call.joined_at) for one in floor.closed} == {True, False}
        assert {type(task).__name__ for task in floor.tasks} == {"RingLeg", "CloseAttempt"}


async def test_who_is_cut_off_in_mid_call_goes_on_where_things_stand() -> None:
    async with desk_of(HABITS) as (floor, ann):
        await until(lambda: floor.desks[ANN.id].state is AgentState.READY)
        floor.assign(ANN, call(CallKind.PACED))
        ann.desk.drop()
        await until(lambda: len(floor.closed) == 1)
        await until(lambda: ann.desk.connections == 2)
        assert not ann.journal.refused


async def test_a_desk_that_refuses_the_token_is_told_at_once() -> None:
    app = make_agent_desk_app(DeskFloor(ANN), Tokens().books, SystemClock(), DeskOptions())
    async with TestServer(app) as server, ClientSession() as http:
        with pytest.raises(DeskLost, match="token is missing or wrong"):
            async with DeskClient.connected(http, str(server.make_url("/")), "nobody"):
                pass


async def test_the_example_of_the_manual_works_as_it_stands() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "agents.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    exec(manual.split("```python\n")[1].split("```")[0], names)  # noqa: S102 - our own manual
    floor = DeskFloor(ANN)
    app = make_agent_desk_app(floor, Tokens({ANNS_TOKEN: ANN}).books, SystemClock(), DeskOptions())
    async with TestServer(app) as server:
        working = asyncio.create_task(names["work"](str(server.make_url("")).rstrip("/"), ANNS_TOKEN, "phone-1"))
        await until(lambda: floor.desks[ANN.id].state is AgentState.READY)
        floor.assign(ANN, call(CallKind.PACED))
        await until(lambda: [one.code for one in floor.closed] == ["Sold"])
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def test_a_shift_says_what_came_of_it() -> None:
    floor = DeskFloor(ANN, BOB)
    app = make_agent_desk_app(floor, Tokens({ANNS_TOKEN: ANN, BOBS_TOKEN: BOB}).books, SystemClock(), DeskOptions())
    numbers = iter(range(1000))

    def feed(agents: Sequence[SyntheticAgent]) -> None:
        for one in (ANN, BOB):
            if floor.desks[one.id].is_idle:
                floor.assign(one, call(CallKind.PACED, next(numbers)))

    async with TestServer(app) as server:
        seats = [Seat(token=ANNS_TOKEN, phone="1"), Seat(token=BOBS_TOKEN, phone="2")]
        url = str(server.make_url("/"))
        result = await work_a_shift(url, seats, replace(HABITS, codes={"Sold": 1.0}), seconds=2.2, watch=feed)
    assert set(result.codes) == {"Sold"}
    assert result.talks == len(floor.closed) >= 4
    assert 0 < result.occupancy < 1
    assert result.idle_s > 0
    assert (result.refused, result.lost) == ((), ())
    assert all(desk.state is AgentState.LOGGED_OUT for desk in floor.desks.values())


async def test_who_comes_back_to_a_dialer_that_began_anew_logs_in_again() -> None:
    floor, again = DeskFloor(ANN), DeskFloor(ANN)
    tokens = Tokens({ANNS_TOKEN: ANN})
    first = TestServer(make_agent_desk_app(floor, tokens.books, SystemClock(), DeskOptions()))
    await first.start_server()
    second = TestServer(make_agent_desk_app(again, tokens.books, SystemClock(), DeskOptions()), port=first.port)
    try:
        async with (
            ClientSession() as http,
            SyntheticAgent.seated(http, str(first.make_url("/")), ANNS_TOKEN, HABITS, phone="phone-1") as ann,
        ):
            working = asyncio.create_task(ann.work())
            await until(lambda: floor.desks[ANN.id].state is AgentState.READY)
            await first.close()
            await second.start_server()
            await until(lambda: again.desks[ANN.id].state is AgentState.READY)
            again.assign(ANN, call(CallKind.PACED))
            await until(lambda: len(again.closed) == 1)
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
    finally:
        await second.close()
