"""Puts queues on a bench for the contract tests: the fake, and Asterisk with callers of the lab's carrier."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count

from dialer.channels.asterisk.agent_voice import AsteriskAgentVoice
from dialer.channels.asterisk.queues import AsteriskQueues
from dialer.channels.asterisk.voice import AsteriskVoice
from dialer.domain.ids import ConsultId, LegId, OfferId, new_consult_id, new_leg_id
from dialer.engine.clock import SystemClock
from dialer.lab.lab import Lab
from dialer.ports import SwitchState
from dialer.ports_agents import AgentVoiceKind, ConsultOrder, ContactState, LegOrder, LegState
from dialer.ports_queues import QueueNews, QueueNewsKind, QueuePort
from dialer.testing.agents import FakeAgentVoice
from dialer.testing.queues import FakeQueues
from dialer.testing.voice import FakeCallee, FakeVoice
from tests.agents_kit import asterisk_voice
from tests.patience import PATIENCE_S

NUMBERS = count(5_550_000_001)
PHONE, EXPERT = "+19990007100", "+19990009100"
SLOW, DECLINES = "+19990009210540", "+19990009314"  # answers after half a second, or then declines
STAYS, LATE = FakeCallee(ring_s=None, answer_s=0.01), FakeCallee(ring_s=None, answer_s=0.5)


class QueueBench:
    """A port with one reader; callers come and go as they are told."""

    def __init__(
        self,
        voice: FakeVoice | AsteriskVoice,
        agents: FakeAgentVoice | AsteriskAgentVoice,
        queues: FakeQueues | AsteriskQueues,
        lab: Lab | None,
    ) -> None:
        self.voice, self.agents, self.lab = voice, agents, lab
        self.queues: QueuePort = queues
        self.fake = queues if isinstance(queues, FakeQueues) else None
        self.told: list[tuple[AgentVoiceKind, LegId | None]] = []
        self.answered, self.gone = list[ConsultId](), list[ConsultId]()
        self.switch = voice.switches()[0]
        self.heard: list[QueueNews] = []

    async def listen(self) -> None:
        async for news in self.queues.news():
            self.heard.append(news)

    async def listen_to_legs(self) -> None:
        async for event in self.agents.events():
            self.told.append((event.kind, event.leg_id))
            if event.kind is AgentVoiceKind.CONSULT_UP and event.consult_id is not None:
                self.answered.append(event.consult_id)
            if event.kind is AgentVoiceKind.CONSULT_DOWN and event.consult_id is not None:
                self.gone.append(event.consult_id)

    async def call_in(self, queue: str) -> QueueNews:
        """Somebody calls, and waits; what is told of it."""
        before, number = len(self.said(QueueNewsKind.JOINED)), f"+1{next(NUMBERS)}"
        if self.fake is not None:
            self.fake.call_in(queue, switch=self.switch, number=number)
        elif self.lab is not None:
            await self.lab.call_in(queue, number)
        await self.until(lambda: len(self.said(QueueNewsKind.JOINED)) > before)
        return self.said(QueueNewsKind.JOINED)[-1]

    async def parked(self) -> LegId:
        """An agent's leg that is up and idle."""
        order = LegOrder(leg_id=new_leg_id(), phone=PHONE, switch=self.switch, trunk="trunk", ring_timeout_s=20)
        await self.agents.ring(order)
        await self.until(lambda: (AgentVoiceKind.LEG_PARKED, order.leg_id) in self.told)
        return order.leg_id

    async def offered(self, queue: str, leg_id: LegId) -> OfferId:
        """Somebody calls, and is offered to a leg that is in the queue."""
        await self.call_in(queue)
        await self.until(lambda: bool(self.said(QueueNewsKind.OFFERED)))
        news = self.said(QueueNewsKind.OFFERED)[-1]
        assert (news.queue, news.leg_id) == (queue, leg_id)
        assert news.number.startswith("+1555")
        assert news.offer is not None
        return news.offer

    async def talking(self) -> tuple[OfferId, LegId]:
        """A caller and an agent who talk."""
        leg_id = await self.parked()
        await self.queues.enter(self.switch, "support", leg_id, "ann@1", paused=False)
        offer = await self.offered("support", leg_id)
        assert await self.queues.take(self.switch, offer, leg_id)
        await self.until(lambda: bool(self.said(QueueNewsKind.TAKEN)))
        await self.queues.enter(self.switch, "support", leg_id, "ann@1", paused=True)
        return offer, leg_id

    async def rung(self, offer: OfferId, leg_id: LegId, number: str) -> ConsultId:
        """A third party who is called; the caller is held."""
        order = ConsultOrder(consult_id=new_consult_id(), leg_id=leg_id, number=number, trunk="trunk", ring_timeout_s=20.0)
        assert await self.agents.consult(offer, order) is None
        return order.consult_id

    async def asked(self, offer: OfferId, leg_id: LegId) -> ConsultId:
        """A third party who has answered the agent; the caller is held."""
        consult_id = await self.rung(offer, leg_id, EXPERT)
        await self.until(lambda: consult_id in self.answered)
        return consult_id

    async def states(self) -> list[tuple[ContactState, LegId | None]]:
        """The callers whom agents have, by the switch's own list."""
        return [(one.state, one.leg_id) for one in (await self.agents.look(self.switch)).callers]

    async def until_states(self, wanted: list[tuple[ContactState, LegId | None]]) -> None:
        """They are so: the dialplan has said so a moment before the list does."""
        deadline = time.monotonic() + PATIENCE_S
        while (found := await self.states()) != wanted:
            assert time.monotonic() < deadline, f"{found}, not {wanted}"
            await asyncio.sleep(0.02)

    async def until_over(self, offer: OfferId) -> None:
        """The talk has ended, and nobody waits in its queue."""
        await self.until(lambda: [one.offer for one in self.said(QueueNewsKind.GONE)] == [offer])
        seen = await self.queues.look(self.switch, "support")
        assert seen is not None
        assert not seen.callers

    async def until_waits_again(self, offer: OfferId) -> None:
        """The caller is in the queue again; then they hang up."""
        await self.until(lambda: [one.offer for one in self.said(QueueNewsKind.GONE)][:1] == [offer])
        await self.until(lambda: len(self.said(QueueNewsKind.JOINED)) == 2)
        await self.until_states([])
        await self.hang_up(self.said(QueueNewsKind.JOINED)[1].caller)

    async def clear(self) -> None:
        """Hang up everything of ours, and wait until it is gone: the lab is shared."""
        for queue in ("support", "sales"):
            for leg_id in await self.legs(queue):
                await self.queues.leave(self.switch, queue, leg_id)
        there = await self.agents.look(self.switch)
        for consult_id in there.consults:
            await self.agents.cancel_consult(consult_id)
        for caller in there.callers:
            await self.queues.drop(self.switch, caller.offer)
        for leg in there.legs:
            await self.agents.drop(leg.leg_id)
        deadline = time.monotonic() + PATIENCE_S
        while (there := await self.agents.look(self.switch)).consults or there.callers or there.legs:
            assert time.monotonic() < deadline, f"still there: {there}"
            await asyncio.sleep(0.02)
        for queue in ("support", "sales"):
            left = await self.queues.look(self.switch, queue)
            for waiting in left.callers if left is not None else ():
                await self.hang_up(waiting.caller)

    def said(self, kind: QueueNewsKind) -> list[QueueNews]:
        return [one for one in self.heard if one.kind is kind]

    async def legs(self, queue: str) -> dict[LegId, bool]:
        seen = await self.queues.look(self.switch, queue)
        assert seen is not None
        return dict(seen.legs)

    async def hang_up(self, caller: str) -> None:
        """A caller gives up."""
        if self.fake is not None:
            self.fake.hang_up(caller)
        elif isinstance(self.voice, AsteriskVoice):
            await self.voice.switch(self.switch).link.call({"Action": "Hangup", "Channel": caller})

    async def until_leg(self, leg_id: LegId, state: LegState) -> None:
        """A leg is in a state by the switch's own list."""
        deadline = time.monotonic() + PATIENCE_S
        while (leg_id, state) not in [(one.leg_id, one.state) for one in (await self.agents.look(self.switch)).legs]:
            assert time.monotonic() < deadline, f"the leg is not {state}"
            await asyncio.sleep(0.02)

    async def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, f"it did not come about; heard: {self.heard}"
            await asyncio.sleep(0.005)


def fake_bench() -> QueueBench:
    """The fakes of the tests."""
    voice = FakeVoice(SystemClock(), callees={SLOW: LATE, DECLINES: FakeCallee(answer_s=None, hangup_s=0.5, cause=21)})
    legs = FakeAgentVoice(SystemClock(), voice, default=STAYS)
    return QueueBench(voice, legs, FakeQueues(SystemClock(), voice, agents=legs), None)


def asterisk_bench(lab: Lab) -> QueueBench:
    """The lab's switch, with callers of its carrier."""
    voice = asterisk_voice(lab, node="queues")
    agents = AsteriskAgentVoice(voice)
    return QueueBench(voice, agents, AsteriskQueues(voice, agents), lab)


@asynccontextmanager
async def linked(bench: QueueBench) -> AsyncIterator[QueueBench]:
    """Queues of a switch that is linked; afterwards nothing of ours is left there."""
    listening = [asyncio.create_task(bench.listen()), asyncio.create_task(bench.listen_to_legs())]
    await bench.voice.start()
    try:
        await bench.until(lambda: bench.voice.state_of(bench.switch) is SwitchState.RECONCILING)
        await bench.agents.look(bench.switch)
        bench.voice.ready(bench.switch)
        yield bench
        if bench.voice.state_of(bench.switch) is SwitchState.READY:
            await bench.clear()
    finally:
        if bench.fake is not None:
            await bench.fake.stop()
        await bench.agents.stop()
        await bench.voice.stop()
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
