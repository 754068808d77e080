"""A floor for tests: contacts and agents' phones on one voice channel, a fake one or a real Asterisk."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from dialer.channels.asterisk.agent_voice import AsteriskAgentVoice
from dialer.channels.asterisk.config import SwitchConfig, TrunkConfig
from dialer.channels.asterisk.voice import AsteriskVoice
from dialer.domain.ids import AttemptId, ConsultId, LegId, new_attempt_id, new_consult_id, new_leg_id
from dialer.engine.clock import SystemClock
from dialer.lab.lab import Lab
from dialer.ports import CallOrder, SwitchEvent, SwitchState, VoiceEvent, VoiceEventKind, VoicePort
from dialer.ports_agents import AgentVoiceEvent, AgentVoiceKind, ConsultOrder, FloorSeen, LegOrder
from dialer.testing.agents import FakeAgentVoice
from tests.patience import PATIENCE_S


def asterisk_voice(lab: Lab, *, node: str = "floor", port: int = 0) -> AsteriskVoice:
    """The voice channel of a dialer that nobody has started; `port` is the switch's, or one before it."""
    at = lab.switch
    switch = SwitchConfig(
        name="lab", host=at.host, port=port or at.port, username=at.username, secret=at.secret, max_cps=50, backoff_max_s=0.5
    )
    return AsteriskVoice(
        switches=[switch],
        trunks=[TrunkConfig(name="trunk", switch="lab", endpoint=lab.trunk, max_cps=50, tag_calls=True)],
        node=node,
        agi_address="127.0.0.1:9",  # nobody there
        clock=SystemClock(),
    )


@contextlib.asynccontextmanager
async def listened(floor: FloorBench) -> AsyncIterator[FloorBench]:
    """Both channels started and read for as long as the block runs; what is up stays up."""
    listening = asyncio.create_task(floor.listen())
    await floor.voice.start()
    try:
        yield floor
    finally:
        await floor.agents.stop()
        await floor.voice.stop()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def linked(floor: FloorBench) -> FloorSeen:
    """The link is there; what the switch has is adopted."""
    await floor.until(lambda: floor.voice.state_of(floor.switch) is SwitchState.RECONCILING)
    seen = await floor.agents.look(floor.switch)
    floor.voice.ready(floor.switch)
    return seen


class FloorBench:
    """Both ports, with one reader of each one's events."""

    def __init__(
        self, voice: VoicePort, agents: FakeAgentVoice | AsteriskAgentVoice, *, trunk: str = "trunk", lab: Lab | None = None
    ) -> None:
        self.voice, self.agents, self.trunk = voice, agents, trunk
        # Where a time is promised, it is one on a machine that has time for us and for the switch.
        self.pids = [os.getpid(), *(() if lab is None else (lab.switch_pid, lab.carrier_pid))]
        self.switch = voice.switches()[0]
        self.calls: list[VoiceEvent] = []
        self.states: list[SwitchEvent] = []
        self.heard: list[AgentVoiceEvent] = []
        self.at: dict[int, float] = {}  # place in `heard` -> monotonic seconds

    async def listen(self) -> None:
        """Read everything that happens, until cancelled."""

        async def calls() -> None:
            async for event in self.voice.events():
                if isinstance(event, VoiceEvent):
                    self.calls.append(event)
                else:
                    self.states.append(event)

        async def floor() -> None:
            async for event in self.agents.events():
                self.at[len(self.heard)] = time.monotonic()
                self.heard.append(event)

        async with asyncio.TaskGroup() as group:
            group.create_task(calls())
            group.create_task(floor())

    # -- doing ---------------------------------------------------------------------------------------------------------------

    async def dial(self, number: str, *, wait_s: float = 2.0, nuisance: str = "", amd: bool = False) -> AttemptId:
        """Call a contact who is to talk to an agent; returns when the switch has the order."""
        order = CallOrder(
            attempt_id=new_attempt_id(),
            number=number,
            trunk=self.trunk,
            caller_id="+15550100000",
            ring_timeout_s=20,
            nonce="nonce-1234567890",
            amd=amd,
            floor=True,
            wait_s=wait_s,
            nuisance=nuisance,
        )
        await self.voice.place(order)
        return order.attempt_id

    async def waiting(self, number: str, *, wait_s: float = 10.0) -> AttemptId:
        """A contact who has answered and waits."""
        attempt_id = await self.dial(number, wait_s=wait_s)
        await self.until(lambda: self.said(AgentVoiceKind.CONTACT_WAITING, attempt_id=attempt_id))
        return attempt_id

    async def ring(self, phone: str, *, ring_timeout_s: float = 20.0) -> LegId:
        """Ring an agent's phone; returns when the switch has the order."""
        order = LegOrder(leg_id=new_leg_id(), phone=phone, switch=self.switch, trunk=self.trunk, ring_timeout_s=ring_timeout_s)
        await self.agents.ring(order)
        return order.leg_id

    async def parked(self, phone: str) -> LegId:
        """An agent's leg that is up and idle."""
        leg_id = await self.ring(phone)
        await self.until(lambda: self.said(AgentVoiceKind.LEG_PARKED, leg_id=leg_id))
        return leg_id

    async def consult(self, attempt_id: AttemptId, leg_id: LegId, number: str, *, ring_timeout_s: float = 20.0) -> ConsultId:
        """Ask a third party; returns when the switch has the order."""
        order = ConsultOrder(
            consult_id=new_consult_id(), leg_id=leg_id, number=number, trunk=self.trunk, ring_timeout_s=ring_timeout_s
        )
        assert await self.agents.consult(attempt_id, order) is None
        return order.consult_id

    # -- judging -------------------------------------------------------------------------------------------------------------

    def said(self, kind: AgentVoiceKind, **facts: Any) -> list[AgentVoiceEvent]:
        """The events of one kind with these facts."""
        return [one for one in self.heard if one.kind is kind and all(getattr(one, name) == fact for name, fact in facts.items())]

    def told(self, **facts: Any) -> list[AgentVoiceKind]:
        """The kinds of all events with these facts, in their order."""
        return [one.kind for one in self.heard if all(getattr(one, name) == fact for name, fact in facts.items())]

    def hung_up(self, attempt_id: AttemptId) -> bool:
        return any(one.attempt_id == attempt_id and one.kind is VoiceEventKind.HANGUP for one in self.calls)

    async def until(self, condition: Callable[[], Any], within_s: float = PATIENCE_S) -> None:
        """Wait, bounded, until something is so."""
        deadline = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline, "it did not come about; heard:\n" + "\n".join(map(str, self.heard))
            await asyncio.sleep(0.005)

    async def clear(self) -> None:
        """Hang up everything of ours on the switch, and wait until it is gone."""
        seen = await self.agents.look(self.switch)
        for leg in seen.legs:
            await self.agents.drop(leg.leg_id)
        for consult_id in seen.consults:
            await self.agents.cancel_consult(consult_id)
        for channel in await self.voice.live_channels(self.switch):
            await self.voice.hang_up(channel.attempt_id, self.switch)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            seen, calls = await self.agents.look(self.switch), await self.voice.live_channels(self.switch)
            if not (seen.legs or seen.consults or calls):
                return
            assert time.monotonic() < deadline, f"left on the switch: {seen}, {calls}"
            await asyncio.sleep(0.05)
