"""A desktop that goes away takes its agent off the floor: no new contact at once, and nobody stale after a minute."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from dialer.domain.agent import AgentState
from dialer.domain.ids import AgentId
from dialer.engine.engine import Engine
from dialer.lab.desk_client import DeskClient
from dialer.services.agents import new_token
from dialer.store.store import Store
from dialer.testing.agents import FakeAgentVoice
from dialer.testing.voice import FakeCallee, FakeVoice
from dialer.web.agent_desk import DeskOptions, make_agent_desk_app
from dialer.web.agent_questions import DeskBooks
from tests.engine_kit import ON_SQLITE, FastClock, running, until
from tests.floor_kit import PROGRESSIVE, attempts, hire, make_job
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

STAYS = FakeCallee(ring_s=0.1, answer_s=0.5)


@asynccontextmanager
async def ready(store: Store) -> AsyncIterator[tuple[Engine, FastClock, DeskClient, AgentId]]:
    """An engine that runs sixty times as fast, and an agent at its desk who is ready."""
    clock = FastClock(factor=20)
    voice = FakeVoice(clock, default=STAYS)
    (ann,) = await hire(store, 1)
    token = await new_token(store, ann.org_id, ann.login)
    async with running(store, voice, clock=clock, agents=FakeAgentVoice(clock, voice)) as engine:
        app = make_agent_desk_app(engine.floor, DeskBooks.reading(store), clock, DeskOptions())
        async with (
            TestServer(app) as server,
            ClientSession() as http,
            DeskClient.connected(http, str(server.make_url("/")), token) as desk,
        ):
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    if not (await desk.ask("log_in"))["result"]:
                        break
                    await asyncio.sleep(0.02)  # the engine is starting
            await until(lambda: engine.floor.seats[ann.id].desk.has_line)
            await desk.ask("go_ready")
            await until(lambda: engine.floor.seats[ann.id].desk.is_idle)
            yield engine, clock, desk, ann.id


@ON_SQLITE
async def test_who_has_no_desktop_gets_no_contact_and_is_logged_out_after_a_minute(store: Store) -> None:
    async with ready(store) as (engine, _, desk, ann):
        desk.give_up()
        await until(lambda: not engine.floor.seats[ann].desk.is_idle)
        lost_at = engine.floor.seats[ann].desk.lost_at
        assert lost_at is not None
        job_id = make_job(store, 1, PROGRESSIVE)
        await until(lambda: store.read_now(lambda tx: tx.agents(None).last_states())[ann].state is AgentState.LOGGED_OUT)
        logged_out = store.read_now(lambda tx: tx.agents(None).last_states())[ann]
        assert 60 <= (logged_out.at - lost_at).total_seconds() < 75
        assert not attempts(store, job_id)  # nobody was called for an agent who is not there


@ON_SQLITE
async def test_who_loses_the_desktop_in_mid_talk_is_logged_out_when_it_is_over(store: Store) -> None:
    async with ready(store) as (engine, clock, desk, ann):
        job_id = make_job(store, 2, PROGRESSIVE)
        await until(lambda: engine.floor.seats[ann].desk.state is AgentState.TALKING)
        desk.give_up()
        await until(lambda: engine.floor.seats[ann].desk.lost_at is not None)
        lost_at = engine.floor.seats[ann].desk.lost_at
        assert lost_at is not None
        await until(lambda: engine.floor.seats[ann].desk.away)
        assert (clock.now() - lost_at).total_seconds() >= 60
        assert engine.floor.seats[ann].desk.state is AgentState.TALKING  # it is a telephone call: it goes on
        call = engine.floor.seats[ann].desk.call
        assert call is not None
        assert call.attempt_id is not None
        await engine.floor.ground.voice.hang_up(call.attempt_id, "switch")
        await until(lambda: engine.floor.seats[ann].desk.state is AgentState.LOGGED_OUT)
        first = next(one for one in attempts(store, job_id) if one.joined_at)
        await until(lambda: next(one for one in attempts(store, job_id) if one.id == first.id).code is not None)
