"""Manual campaigns: an agent is told of a contact, calls elsewhere, and says what came of it; nothing goes through a switch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from dialer.domain.codes import SystemCode
from dialer.domain.ids import JobId
from dialer.domain.pacing_plan import Pacing, PacingKind
from dialer.lab.desk_client import DeskClient
from dialer.services.agents import new_token
from dialer.services.dnc import add_to_dnc
from dialer.store.store import Store
from dialer.testing.agents import FakeAgentVoice
from dialer.testing.voice import FakeVoice
from dialer.web.agent_desk import DeskOptions, make_agent_desk_app
from dialer.web.agent_questions import DeskBooks
from tests.engine_kit import ON_SQLITE, FastClock, completed, running, until
from tests.floor_kit import attempts, hire, make_job, number
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

MANUAL = Pacing(kind=PacingKind.MANUAL)


class ManualAgent:
    """An agent's program for a manual campaign; no telephone of ours."""

    def __init__(self, desk: DeskClient) -> None:
        self.desk = desk

    async def do(self, command: str, **arguments: Any) -> dict[str, Any]:
        answer = await self.desk.ask(command, **arguments)
        assert answer["result"] == 0, answer
        said: dict[str, Any] = answer.get("said", {})
        return said

    async def comes(self) -> None:
        """Log in, as soon as the engine is up, and be ready."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if not (await self.desk.ask("log_in"))["result"]:
                    break
                await asyncio.sleep(0.02)
        await self.do("go_ready")

    async def told(self, stage: str) -> dict[str, Any]:
        """Wait until a contact has come so far."""
        async with asyncio.timeout(PATIENCE_S):
            while (event := await self.desk.events.get()) is not None:
                if event["event"] == "call_changed" and event["stage"] == stage:
                    return event
        raise AssertionError(f"the desk has ended: {self.desk.because}")

    async def offered(self) -> str:
        """The number of the contact that is offered next."""
        await self.told("offered")
        card = (await self.do("contact"))["contact"]
        return str(card["address"])


@asynccontextmanager
async def at_the_desk(store: Store, who: str = "agent") -> AsyncIterator[tuple[ManualAgent, FakeVoice]]:
    """An agent who is ready, at the desk of a running engine."""
    clock = FastClock(factor=6)
    voice = FakeVoice(clock)
    (ann,) = await hire(store, 1, prefix=who)
    await store.write(lambda tx: tx.agents(ann.org_id).change(ann.id, name="", phone="", active=True, supervisor=False))
    token = await new_token(store, ann.org_id, ann.login)
    async with running(store, voice, clock=clock, agents=FakeAgentVoice(clock, voice)) as engine:
        assert engine.floor is not None
        app = make_agent_desk_app(engine.floor, DeskBooks.reading(store), clock, DeskOptions())
        async with (
            TestServer(app) as server,
            ClientSession() as http,
            DeskClient.connected(http, str(server.make_url("/")), token) as desk,
        ):
            agent = ManualAgent(desk)
            await agent.comes()
            yield agent, voice


def codes(store: Store, job_id: JobId) -> dict[str, tuple[str | None, str | None]]:
    """By number: the code, and who said it."""
    return {one.address: (one.code, one.code_source) for one in attempts(store, job_id)}


@pytest.mark.row(134)
async def test_an_agent_calls_elsewhere_and_says_what_came_of_it(store: Store) -> None:
    job_id = make_job(store, 5, MANUAL)
    barred = number(4)
    await add_to_dnc(store, (await store.read(lambda tx: tx.jobs(None).get(job_id))).org_id, barred, reason="asked")
    async with at_the_desk(store) as (agent, voice):
        reached = await agent.offered()
        refused = await agent.desk.ask("dial_preview")  # nothing is originated, whoever asks for it
        assert refused["error"] == "refused"
        await agent.do("manual_connect")
        await agent.told("joined")
        await agent.do("manual_disconnect")
        await agent.told("gone")
        await agent.do("wrap_up", code="Sale", note="wants the blue one")
        busy = await agent.offered()
        await agent.do("manual_disconnect", code="Call Busy")
        unsaid = await agent.offered()
        await agent.do("manual_release")
        await agent.do("wrap_up")
        skipped = await agent.offered()
        await agent.do("manual_cancel")
        await agent.do("wrap_up")
        await until(completed(store, job_id))
        assert len({reached, busy, unsaid, skipped, barred}) == 5
        found = codes(store, job_id)
        assert found[reached] == ("Sale", "agent")
        assert found[busy] == (SystemCode.CALL_BUSY, "agent")
        assert found[unsaid][0] == SystemCode.CALL_CANCELLED
        assert found[skipped][0] == SystemCode.PREVIEW_CANCELLED
        assert barred not in found  # who may not be called is offered to nobody
        assert not voice.placed
        sale = next(one for one in attempts(store, job_id) if one.code == "Sale")
        assert (sale.agent, sale.switch, sale.trunk) == ("agent0", "", "")
        assert sale.app_note == "wants the blue one"


@ON_SQLITE
async def test_a_desk_that_goes_away_keeps_its_contact_for_who_comes_back(store: Store) -> None:
    job_id = make_job(store, 1, MANUAL)
    async with at_the_desk(store) as (agent, voice):
        await agent.offered()
        await agent.do("manual_connect")
        agent.desk.drop()
        await agent.do("manual_disconnect", code="Sale")
        await until(completed(store, job_id))
        assert [code for code, _ in codes(store, job_id).values()] == ["Sale"]
        assert agent.desk.connections == 2
        assert not voice.placed


@ON_SQLITE
async def test_what_nobody_saw_of_a_manual_call_is_unknown_when_the_dialer_is_back(store: Store) -> None:
    job_id = make_job(store, 1, MANUAL)
    async with at_the_desk(store) as (agent, _):
        await agent.offered()
        await agent.do("manual_connect")
    assert list(codes(store, job_id).values()) == [(None, None)]
    async with at_the_desk(store, "next") as (_, voice):
        await until(completed(store, job_id))
        assert list(codes(store, job_id).values()) == [(SystemCode.UNKNOWN, "reconcile")]
        assert not voice.placed
