"""Agents who are programs work on the desk as people do, and come back when they are cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from dialer.domain.agent import AgentRules, AgentState
from dialer.domain.desk_call import CallKind, DeskCall
from dialer.domain.desk_tasks import CodeFrom
from dialer.domain.ids import AttemptId, ContactId, JobId
from dialer.engine.clock import SystemClock
from dialer.lab.desk_client import DeskClient, DeskLost
from dialer.lab.synthetic_agent import Habits, SyntheticAgent
from dialer.pacing.distributions import Bell
from dialer.web.agent_desk import DeskOptions, make_agent_desk_app
from tests.desk_floor import DeskFloor
from tests.engine_kit import until
from tests.fake_floor import ANN, ANNS_TOKEN, Tokens

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
    app = make_agent_desk_app(floor, Tokens({ANNS_TOKEN: ANN}).identify, SystemClock(), DeskOptions())
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
        await ann.desk.drop()
        await until(lambda: len(floor.closed) == 1)
        await until(lambda: ann.desk.connections == 2)
        assert not ann.journal.refused


async def test_a_desk_that_refuses_the_token_is_told_at_once() -> None:
    app = make_agent_desk_app(DeskFloor(ANN), Tokens().identify, SystemClock(), DeskOptions())
    async with TestServer(app) as server, ClientSession() as http:
        with pytest.raises(DeskLost, match="token is missing or wrong"):
            async with DeskClient.connected(http, str(server.make_url("/")), "nobody"):
                pass
