"""How soon a person who answers talks with an agent: a floor of agents on a real Asterisk."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.bare_probe import percentile_ms
from bench.load_lab import cpu_s
from dialer.channels.asterisk.agent_voice import AsteriskAgentVoice
from dialer.channels.asterisk.config import SwitchConfig, TrunkConfig
from dialer.channels.asterisk.voice import AsteriskVoice
from dialer.domain.ids import AttemptId, LegId, new_attempt_id, new_leg_id
from dialer.engine.clock import SystemClock
from dialer.lab.lab import Lab
from dialer.lab.phones import RANGE
from dialer.ports import CallOrder, SwitchEvent, SwitchState, VoiceEventKind
from dialer.ports_agents import AgentVoiceKind, LegOrder

TALK_S = 1.5
WAIT_S = 2.0
MAX_CPS = 100.0
STEP_S = 60.0  # no step of the run takes longer


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentJoinResult:
    """`answer_to_talking`: from the switch's word that the contact answered to its word that both are in one bridge."""

    agents: int
    calls: int
    joined: int
    nobody_came: int  # contacts who heard the nuisance message: all agents were busy
    answer_to_talking_ms_p50: float
    answer_to_talking_ms_p99: float
    answer_to_talking_ms_max: float
    waiting_to_talking_ms_p50: float  # the same from the moment at which the dialplan says that the contact waits
    waiting_to_talking_ms_p99: float
    parked_again_ms_p50: float  # from our hang-up of the contact to the leg that is idle again
    parked_again_ms_p99: float
    calls_per_s: float
    asterisk_cpu_share: float  # of one core, carrier not included
    load_before: float


@dataclass(slots=True)
class Floor:
    """Whoever is idle gets whoever waits, at once."""

    voice: AsteriskVoice
    agents: AsteriskAgentVoice
    idle: deque[LegId] = field(default_factory=deque)
    waiting: deque[AttemptId] = field(default_factory=deque)
    answered: dict[AttemptId, float] = field(default_factory=dict)
    waits: dict[AttemptId, float] = field(default_factory=dict)
    released: dict[LegId, float] = field(default_factory=dict)
    talking: list[tuple[AttemptId, float]] = field(default_factory=list)  # who, and when they were joined
    parked_again: list[float] = field(default_factory=list)
    nuisances: int = 0
    over: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def hear_calls(self) -> None:
        async for event in self.voice.events():
            if isinstance(event, SwitchEvent):
                if event.state is SwitchState.RECONCILING:
                    self.voice.ready(event.switch)
            elif event.kind is VoiceEventKind.ANSWERED:
                self.answered[event.attempt_id] = time.monotonic()
            elif event.kind is VoiceEventKind.HANGUP:
                self.over += 1

    async def hear_floor(self) -> None:
        async for event in self.agents.events():
            if event.kind is AgentVoiceKind.LEG_PARKED and event.leg_id is not None:
                if event.leg_id in self.released:
                    self.parked_again.append(time.monotonic() - self.released.pop(event.leg_id))
                self.idle.append(event.leg_id)
            elif event.kind is AgentVoiceKind.CONTACT_WAITING and event.attempt_id is not None:
                self.waits[event.attempt_id] = time.monotonic()
                self.waiting.append(event.attempt_id)
            elif event.kind is AgentVoiceKind.NUISANCE and event.attempt_id is not None:
                self.nuisances += 1
                if event.attempt_id in self.waiting:
                    self.waiting.remove(event.attempt_id)
            while self.idle and self.waiting:
                task = asyncio.create_task(self.serve(self.waiting.popleft(), self.idle.popleft()))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)

    async def serve(self, attempt_id: AttemptId, leg_id: LegId) -> None:
        if await self.agents.join(attempt_id, leg_id) is not None:
            self.idle.append(leg_id)
            return
        self.talking.append((attempt_id, time.monotonic()))
        await asyncio.sleep(TALK_S)
        self.released[leg_id] = time.monotonic()
        await self.agents.release(attempt_id)


async def until(condition: Callable[[Floor], bool], floor: Floor) -> None:
    deadline = time.monotonic() + STEP_S
    while not condition(floor):
        if time.monotonic() > deadline:
            raise SystemExit("the floor stands still")
        await asyncio.sleep(0.01)


async def measure(agents: int, calls: int, per_s: float) -> AgentJoinResult:
    """Log in all agents, then call, evenly spaced."""
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="outdial-bench-") as folder:
        async with Lab.started(Path(folder) / "lab", say=print) as lab:
            at = lab.switch
            voice = AsteriskVoice(
                switches=[
                    SwitchConfig(name="lab", host=at.host, port=at.port, username=at.username, secret=at.secret, max_cps=MAX_CPS)
                ],
                trunks=[TrunkConfig(name="trunk", switch="lab", endpoint=lab.trunk, max_cps=MAX_CPS, tag_calls=True)],
                node="bench",
                agi_address="127.0.0.1:9",
                clock=SystemClock(),
            )
            floor = Floor(voice, AsteriskAgentVoice(voice))
            listening = [asyncio.create_task(floor.hear_calls()), asyncio.create_task(floor.hear_floor())]
            await voice.start()
            try:
                await until(lambda floor: floor.voice.room("trunk") > 0, floor)
                return await run(floor, lab, agents, calls, per_s, load_before)
            finally:
                await floor.agents.stop()
                await voice.stop()
                for task in listening:
                    task.cancel()
                await asyncio.gather(*listening, *floor.tasks, return_exceptions=True)


async def run(floor: Floor, lab: Lab, agents: int, calls: int, per_s: float, load_before: float) -> AgentJoinResult:
    for number in range(agents):
        phone = f"{RANGE}{number:05d}00"
        await floor.agents.ring(LegOrder(leg_id=new_leg_id(), phone=phone, switch="lab", trunk="trunk"))
    await until(lambda floor: len(floor.idle) == agents, floor)
    began, cpu_before = time.monotonic(), cpu_s(lab.switch_pid)
    for number in range(calls):
        await asyncio.sleep(max(0.0, began + number / per_s - time.monotonic()))
        await floor.voice.place(
            CallOrder(
                attempt_id=new_attempt_id(),
                number=f"{RANGE}{number:05d}00",
                trunk="trunk",
                caller_id=lab.caller_id,
                ring_timeout_s=20,
                nonce="nonce-1234567890",
                floor=True,
                wait_s=WAIT_S,
                nuisance="beep",
            )
        )
    await until(lambda floor: floor.over == calls, floor)
    seconds = time.monotonic() - began
    answer = [joined - floor.answered[one] for one, joined in floor.talking if one in floor.answered]
    wait = [joined - floor.waits[one] for one, joined in floor.talking]
    return AgentJoinResult(
        agents=agents,
        calls=calls,
        joined=len(floor.talking),
        nobody_came=floor.nuisances,
        answer_to_talking_ms_p50=percentile_ms(answer, 50),
        answer_to_talking_ms_p99=percentile_ms(answer, 99),
        answer_to_talking_ms_max=round(max(answer, default=0) * 1000, 1),
        waiting_to_talking_ms_p50=percentile_ms(wait, 50),
        waiting_to_talking_ms_p99=percentile_ms(wait, 99),
        parked_again_ms_p50=percentile_ms(floor.parked_again, 50),
        parked_again_ms_p99=percentile_ms(floor.parked_again, 99),
        calls_per_s=round(calls / seconds, 2),
        asterisk_cpu_share=round((cpu_s(lab.switch_pid) - cpu_before) / seconds, 3),
        load_before=round(load_before, 2),
    )


def main(argv: Sequence[str] = ()) -> None:
    """20 agents, 300 calls, 8 a second; or as the options say."""
    parser = argparse.ArgumentParser(prog="bench.agent_join", description=__doc__)
    parser.add_argument("--agents", type=int, default=20)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--rate", type=float, default=8.0, help="calls per second")
    given = parser.parse_args(argv)
    result = asyncio.run(measure(given.agents, given.calls, given.rate))
    print(json.dumps({"bench": "agent_join", **asdict(result)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
