"""Ask a switch something for the floor, and wait until its dialplan has done it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence

import structlog

from dialer.channels.asterisk.agent_memory import DIALPLAN_SAYS_S, FloorMemory
from dialer.channels.asterisk.agent_words import Action
from dialer.channels.asterisk.switch import Switch
from dialer.channels.asterisk.voice import AsteriskVoice
from dialer.domain.ids import LegId
from dialer.errors import MaybeSent, NotSent, Rejected, WireError
from dialer.tasks import Tasks

log = structlog.get_logger()

ALREADY_GONE = ("exist", "o such channel", "not found", "channel not up")  # Asterisk's several ways to say it


class FloorAsks:
    """The actions that `AsteriskAgentVoice` is made of, and the steps that nobody waits for."""

    def __init__(self, voice: AsteriskVoice, memory: FloorMemory) -> None:
        self.voice, self.memory = voice, memory
        self.tasks = Tasks()

    def same_switch(self, one: str, other: str) -> str:
        """Raises Rejected unless both are the same switch: no bridge spans two."""
        if one != other:
            raise Rejected(f"one of them is on the switch {one}, the other on {other}")
        return one

    async def launch(self, channel: str, trunk: str, action: Action) -> None:
        """Write an Originate when its turn has come under the caps of its trunk."""
        line_id = self.voice.line_of(channel)
        if line_id is None:
            raise Rejected("this is no channel of ours")
        await self.voice.launch(line_id, self.voice.trunk(trunk), action)

    async def ask(self, switch: str, action: Action, *, before: Sequence[Action] = ()) -> bool:
        """One action, and others written right before it without waiting for their answers. True: its channel was not there."""
        link = self.linked(switch).link
        *_, answer = await asyncio.gather(*(link.call(one) for one in (*before, action)), return_exceptions=True)
        if isinstance(answer, Rejected):
            if _is_gone(answer):
                return True
            raise answer
        if isinstance(answer, BaseException):
            raise answer
        return False

    async def variable(self, switch: str, channel: str, name: str) -> str | None:
        """A variable of a channel; None where the channel is not there."""
        try:
            answer = await self.linked(switch).link.call({"Action": "Getvar", "Channel": channel, "Variable": name})
        except Rejected as exc:
            if _is_gone(exc):
                return None
            raise
        return answer.get("Value", "")

    async def send(self, switch: str, action: Action, *said: tuple[str, str], before: Sequence[Action] = ()) -> bool:
        """The same, and wait until the dialplan has said what it is to say. True: the channel was not there, or is gone."""
        expected = [self.memory.expect(*one) for one in said]
        if await self.ask(switch, action, before=before):
            return True
        try:
            async with asyncio.timeout(DIALPLAN_SAYS_S):
                await asyncio.gather(*expected)
        except TimeoutError as exc:
            raise MaybeSent(f"the dialplan of {switch} did not say {said[0][0]} within {DIALPLAN_SAYS_S:g} s") from exc
        return self.memory.is_gone(said[0][1])

    async def back(self, *leg_ids: LegId) -> None:
        """Wait for legs on their way to the park: taken away between a bridge and their dialplan, they would be hung up."""
        for leg_id in [one for one in leg_ids if self.memory.is_coming_back(one)]:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DIALPLAN_SAYS_S):
                    await self.memory.expect("OutdialParked", self.voice.ids.leg(leg_id))

    async def give_up(self, switch: str, channel: str, *, up: bool) -> None:
        """Hang up; also what was ordered so shortly ago that the switch has no channel of it yet. Quiet when it is gone."""
        if not up:
            self.memory.unwanted.add(channel)
        absent = await self.ask(switch, {"Action": "Hangup", "Channel": channel})
        if up or not absent:
            self.memory.unwanted.discard(channel)

    def linked(self, name: str) -> Switch:
        """The switch. Raises NotFound, and NotSent while it does not answer."""
        switch = self.voice.switch(name)
        if switch.link.doubtful():
            raise NotSent(f"the switch {name} does not answer at the moment")
        return switch

    # -- what nobody waits for -----------------------------------------------------------------------------------------------

    def spawn(self, work: Coroutine[None, None, None], name: str) -> None:
        """Let it run; what becomes of it is told by events."""
        task = self.tasks.start(self.quietly(work), name=name)
        task.add_done_callback(lambda _: work.close())  # where it was cancelled before it began

    async def quietly(self, work: Coroutine[None, None, None]) -> None:
        """What the wire says against it is logged, and raised to nobody."""
        try:
            await work
        except WireError as exc:
            log.warning("agent_voice_step_failed", text=str(exc))

    async def stop(self) -> None:
        """End what is under way."""
        await self.tasks.stop()


def _is_gone(refused: Rejected) -> bool:
    """Whether a switch refused because there is no such channel."""
    return any(said in str(refused) for said in ALREADY_GONE)
