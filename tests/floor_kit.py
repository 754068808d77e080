"""A floor for tests of the engine: agents who are programs at the engine's own floor, contacts who answer as they are told."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from dialer.domain.agent import Agent
from dialer.domain.agent_commands import DialPreview, GoReady, LogIn, LogOut, Release, WrapUp
from dialer.domain.agent_events import AgentEvent, CallChanged, CallStage, StateChanged
from dialer.domain.attempt import Attempt
from dialer.domain.campaign import Campaign, Pace, PaceUnit
from dialer.domain.codes import CustomCode
from dialer.domain.contact import NewAddress, NewContact
from dialer.domain.desk import Refused
from dialer.domain.ids import CampaignId, JobId
from dialer.domain.pacing_plan import Pacing, PacingKind
from dialer.engine.engine import Engine
from dialer.engine.floor.floor import Floor
from dialer.ports import Clock
from dialer.services import agents as agents_service
from dialer.store.store import Store, Tx
from dialer.testing.agents import FakeAgentVoice
from dialer.testing.queues import FakeQueues
from dialer.testing.voice import FakeCallee, FakeVoice
from tests.engine_kit import FastClock, running
from tests.patience import PATIENCE_S

STRATEGY = """\
strategy: floor_test
status: completed
handlers:
  - state: initial
    call:
      ring_timeout_s: 20
      detect_machine: false
      addresses: [{attribute: mobile, from: "00:00", to: "24:00"}]
      results:
        otherwise: done
"""


ANSWERS = FakeCallee(ring_s=0.1, answer_s=0.5)
PROGRESSIVE = Pacing(kind=PacingKind.PROGRESSIVE, wrap_up_s=30.0)


def number(index: int) -> str:
    return f"+4930{index:07d}"


def make_job(
    store: Store,
    count: int,
    pacing: Pacing,
    *,
    name: str = "Floor",
    max_ports: int = 200,
    first: int = 0,
    caller_id: str = "",
) -> JobId:
    """A queued job with agents over `count` contacts, whose numbers are number(first) and on."""

    def work(tx: Tx) -> JobId:
        org = tx.organisations.ensure("default")
        contact_list = tx.contact_lists(org).ensure(f"people of {name}", ["city"])
        people = [
            NewContact(
                user_contact_id=f"{name}{index}", addresses=(NewAddress(name="mobile", value=number(index), zones=("UTC",)),)
            )
            for index in range(first, first + count)
        ]
        tx.contacts(org).upsert_batch(contact_list.id, people, on_duplicate="update")
        tx.strategies(org).add_version("floor_test", STRATEGY)
        if tx.codes(org).find("Sale") is None:
            tx.codes(org).create(CustomCode(name="Sale", is_success=True))
        campaign = tx.campaigns(org).create(
            Campaign(
                id=CampaignId(0),
                org_id=org,
                name=name,
                strategy="floor_test",
                contact_lists=(contact_list.name,),
                codes=("Sale",),
                pace=Pace(calls=1, per=PaceUnit.SECOND, max_ports=max_ports),
                pacing=pacing,
                caller_id=caller_id,
            )
        )
        ids = tx.campaigns(org).list_ids(campaign.id)
        return tx.jobs(org).create(campaign, strategy_text=STRATEGY, list_ids=ids, by="test").id

    return store.write_now(work)


async def hire(store: Store, count: int, *, prefix: str = "agent", **how: Any) -> list[Agent]:
    """Agents who may work."""
    org = await store.write(lambda tx: tx.organisations.ensure("default"))
    return [
        await agents_service.add_agent(store, org, f"{prefix}{index}", phone=f"phone-{prefix}{index}", **how)
        for index in range(count)
    ]


@dataclass
class Worker:
    """One agent at work: talks for a while, hangs up, writes the code, and takes the next."""

    floor: Floor
    agent: Agent
    clock: Clock
    talk_s: float = 5.0
    wrap_s: float = 1.0
    code: str = "Sale"
    dials: bool = True  # previews, at once
    writes: bool = True  # codes
    rng: random.Random | None = None
    told: list[AgentEvent] = field(default_factory=list)
    seen: Counter[CallStage] = field(default_factory=Counter)

    async def work(self) -> None:
        """Until the floor closes."""
        events = self.floor.listen(self.agent.id)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if not isinstance(await self.say(LogIn()), Refused):
                    break
                await asyncio.sleep(0.01)  # the floor is not open yet
        await self.say(GoReady())
        async for event in events:
            self.told.append(event)
            if isinstance(event, CallChanged):
                self.seen[event.stage] += 1
                await self.react(event)

    async def react(self, event: CallChanged) -> None:
        match event.stage:
            case CallStage.OFFERED if self.dials:
                await self.say(DialPreview())
            case CallStage.JOINED:
                await self.clock.sleep(self.some(self.talk_s))
                await self.floor.command(self.agent.id, Release())  # the contact may have hung up before
            case CallStage.GONE | CallStage.FAILED if self.writes and self.floor.seats[self.agent.id].desk.call is not None:
                await self.clock.sleep(self.some(self.wrap_s))
                await self.floor.command(self.agent.id, WrapUp(code=self.code))
            case _:
                pass

    def some(self, seconds: float) -> float:
        return seconds if self.rng is None else seconds * self.rng.uniform(0.4, 1.6)

    async def say(self, command: Any) -> Any:
        return await self.floor.command(self.agent.id, command)

    async def leave(self) -> None:
        await self.say(LogOut())

    @property
    def states(self) -> list[str]:
        return [one.state.value for one in self.told if isinstance(one, StateChanged)]


async def crew(
    engine: Engine, agents: Sequence[Agent], clock: Clock, **how: Any
) -> tuple[list[Worker], list[asyncio.Task[None]]]:
    """All of them at work."""
    workers = [Worker(engine.floor, one, clock, **how) for one in agents]
    return workers, [asyncio.create_task(one.work(), name=f"worker {one.agent.login}") for one in workers]


def wires(factor: float, *, default: FakeCallee = ANSWERS) -> tuple[FastClock, FakeVoice, FakeAgentVoice]:
    """Time that passes quickly, contacts who do as `default` says, and the agents' telephones beside them."""
    clock = FastClock(factor)
    voice = FakeVoice(clock, default=default)
    return clock, voice, FakeAgentVoice(clock, voice)


@asynccontextmanager
async def at_work(
    store: Store,
    clock: FastClock,
    voice: FakeVoice,
    agents: FakeAgentVoice,
    staff: Sequence[Agent],
    *,
    queues: FakeQueues | None = None,
    **how: Any,
) -> AsyncIterator[tuple[Engine, list[Worker]]]:
    """A dialer, and all of them at work, for as long as the block lasts."""
    async with running(store, voice, clock=clock, agents=agents, queues=queues) as engine:
        workers, tasks = await crew(engine, staff, clock, **how)
        try:
            yield engine, workers
        finally:
            await dismiss(tasks)


def attempts(store: Store, job_id: JobId) -> list[Attempt]:
    return store.read_now(lambda tx: tx.attempts.of_job(job_id))


async def dismiss(tasks: Sequence[asyncio.Task[None]]) -> None:
    """The shift is over; whatever went wrong at work is told now."""
    for task in tasks:
        task.cancel()
    for found in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(found, Exception):
            raise found
