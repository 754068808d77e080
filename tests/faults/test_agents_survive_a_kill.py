"""kill -9 of the dialer while its agents talk: nobody is cut off, everybody has their contact again, and work goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from aiohttp import ClientSession

from dialer.domain.pacing_plan import Pacing, PacingKind
from dialer.lab.behaviours import INTERESTED
from dialer.lab.lab import Lab
from dialer.lab.phones import AGENT, PERSON, RANGE, floor_number
from dialer.lab.synthetic_agent import Habits, SyntheticAgent
from dialer.pacing.distributions import Bell
from dialer.services.agents import add_agent, new_token
from tests.patience import PATIENCE_S
from tests.rig import Rig

pytestmark = pytest.mark.faults

SERIAL = count(90_000)
AGENTS = 4
HABITS = Habits(talk=Bell(600.0, 1.0, 600.0, 600.0), wrap=Bell(0.2, 0.1, 0.1, 0.3), codes={INTERESTED: 1.0})  # talk until told


@dataclass
class Crew:
    """Agents at one dialer's desk, before and after it dies."""

    rig: Rig
    http: ClientSession
    stack: AsyncExitStack

    async def comes(self, name: str) -> SyntheticAgent:
        """One more agent, at work."""
        org = await self.rig.store.write(lambda tx: tx.organisations.ensure("default"))
        phone = f"{RANGE}{next(SERIAL):05}{AGENT}"
        await add_agent(self.rig.store, org, name, phone=phone)
        token = await new_token(self.rig.store, org, name)
        agent = await self.stack.enter_async_context(SyntheticAgent.seated(self.http, self.url, token, HABITS, phone=phone))
        work = asyncio.create_task(agent.work(), name=f"work of {name}")
        self.stack.push_async_callback(_ended, work)
        return agent

    @property
    def url(self) -> str:
        return f"http://{self.rig.desk_listen}"


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        await asyncio.sleep(0.02)


async def test_agents_have_their_talks_again_after_a_kill_and_a_new_one_becomes_ready(
    lab: Lab, tmp_path: Path, tts: Sequence[str], port: int
) -> None:
    rig = Rig(lab=lab, folder=tmp_path, tts=tts, node="killed", workers=1, desk_listen=f"127.0.0.1:{port}")
    before = len(lab.truth())
    people = [floor_number(next(SERIAL), 0.3, PERSON) for _ in range(2 * AGENTS + 1)]
    job_id = rig.campaign(people, pacing=Pacing(kind=PacingKind.PROGRESSIVE, wrap_up_s=None))
    try:
        rig.start()
        await rig.until(lambda: bool(rig.desk_url), "the desk is up")
        async with ClientSession() as http, AsyncExitStack() as stack:
            crew = Crew(rig, http, stack)
            agents = [await crew.comes(f"agent-{number}") for number in range(AGENTS)]
            await until(lambda: all(one.journal.state == "talking" for one in agents), "everybody talks")
            firsts = {attempt for one in agents for attempt in one.journal.joined_at}
            await until(lambda: all(one.joined_at for one in rig.attempts(job_id)), "the ledger has it")

            rig.kill()
            rig.start()
            await rig.until(lambda: rig.log().count("agents' desk up") == 2, "the desk is up again")
            new = await crew.comes("agent-new")  # the switch is being reconciled with
            await until(lambda: all(one.is_at_work and one.journal.state == "talking" for one in agents), "all talk again")
            await until(lambda: new.journal.state == "talking", "who came during the reconciliation gets a contact")
            assert all(len(one.journal.joined_at) == 1 for one in agents), "it is the same talk"

            for one in agents:
                assert (await one.desk.ask("release"))["result"] == 0
            await until(lambda: all(len(one.journal.joined_at) == 2 for one in agents), "the next contacts come")
            for one in (*agents, new):
                await one.finish()
            await until(lambda: all(one.gone.is_set() for one in (*agents, new)), "all go home")
        await rig.completed(job_id)
    finally:
        rig.close()
    rig.check_invariants(job_id)
    found = rig.attempts(job_id)
    assert {(one.code, one.code_source) for one in found} == {(INTERESTED, "agent")}
    assert firsts <= {one.id for one in found}
    rung = [one.number for one in lab.truth()[before:] if one.number.endswith(AGENT)]
    assert len(rung) == AGENTS + 1, "no telephone that is up is rung a second time"
