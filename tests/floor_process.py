"""A dialer's voice in a process of its own, to be killed while contacts wait: it calls, says so, and does nothing more.

python -m tests.floor_process PORT USERNAME SECRET TRUNK NUISANCE NUMBER...
"""

from __future__ import annotations

import asyncio
import sys

from dialer.channels.asterisk.agent_voice import AsteriskAgentVoice
from dialer.channels.asterisk.config import SwitchConfig, TrunkConfig
from dialer.channels.asterisk.voice import AsteriskVoice
from dialer.engine.clock import SystemClock
from dialer.ports import SwitchState
from dialer.ports_agents import AgentVoiceKind
from tests.agents_kit import FloorBench


async def call(port: int, username: str, secret: str, trunk: str, nuisance: str, numbers: list[str]) -> None:
    voice = AsteriskVoice(
        switches=[SwitchConfig(name="lab", host="127.0.0.1", port=port, username=username, secret=secret, max_cps=50)],
        trunks=[TrunkConfig(name="trunk", switch="lab", endpoint=trunk, max_cps=50, tag_calls=True)],
        node="killed",
        agi_address="127.0.0.1:9",
        clock=SystemClock(),
    )
    floor = FloorBench(voice, AsteriskAgentVoice(voice))
    async with asyncio.TaskGroup() as group:
        group.create_task(floor.listen())
        await voice.start()
        await floor.until(lambda: voice.state_of("lab") is SwitchState.RECONCILING)
        voice.ready("lab")
        for number in numbers:
            await floor.dial(number, nuisance=nuisance)
        await floor.until(lambda: len(floor.said(AgentVoiceKind.CONTACT_WAITING)) == len(numbers))
        sys.stdout.write("waiting\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _, at_port, name, word, endpoint, sound, *people = sys.argv
    asyncio.run(call(int(at_port), name, word, endpoint, sound, people))
