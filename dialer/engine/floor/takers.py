"""Agents who take callers: each is in the queues of the campaigns that the agent works for, and paused there while busy."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Iterable

import structlog

from dialer.domain.agent import Agent, AgentState
from dialer.domain.agent_events import Notice
from dialer.domain.desk import Leg
from dialer.domain.ids import AgentId, LegId
from dialer.engine.floor.desks import Desks
from dialer.engine.floor.ground import Ground
from dialer.engine.floor.job import FloorJob
from dialer.engine.floor.seat import Seat
from dialer.engine.floor.seats import Seats
from dialer.errors import WireError
from dialer.ports import SwitchState
from dialer.ports_queues import QueuePort

log = structlog.get_logger()

Entry = tuple[str, str, LegId]  # switch, queue, and whose leg
WIRE_S = 4.0
STOPS_S = 1.0
RETRY_S = 5.0  # what a switch refused, or did not answer, is asked again
NO_QUEUE = "no campaign that runs gives way to a queue: no caller can come to you"


def name_of(agent: Agent) -> str:
    """How reports of the switch's queues call an agent: the login, with the organisation's number."""
    return f"{agent.login}@{agent.org_id}"


def takers_of(job: FloorJob, seats: Seats) -> list[Seat]:
    """The agents of a job who are blended in."""
    here = (one for one in seats.values() if one.desk.blended_in and one.desk.state is not AgentState.LOGGED_OUT)
    return [seat for seat in here if not job.refuses(seat)]


class Takers:
    """Of one floor. What the switches have is made what the desks say, again and again."""

    def __init__(self, ground: Ground, desks: Desks, port: QueuePort) -> None:
        self._ground, self._desks, self._port = ground, desks, port
        self._entered: dict[Entry, bool | None] = {}  # -> paused; None = nobody knows
        self._queues: dict[AgentId, tuple[str, ...]] = {}  # of who is blended in; they stay when the campaign ends
        self._again_s: dict[Entry, float] = {}
        self._anew: set[Entry] = set()  # the queue takes their legs for busy with callers whom they have handed over

    async def keep(self) -> None:
        """Make the switches' queues what the desks say now."""
        wanted = self._wanted()
        work = [self._leave(entry) for entry in list(self._entered) if entry not in wanted and self._may(entry)]
        changed = [one for one, paused in wanted.items() if self._entered.get(one) is not paused and self._may(one)]
        work += [self._enter(entry, wanted[entry]) for entry in changed]
        await asyncio.gather(*work)

    def seen(self, switch: str, queue: str, legs: dict[LegId, bool]) -> None:
        """What a look has found: legs of a dialer that is no more leave, and what was lost on the way is put right."""
        for entry in [one for one in self._entered if one[:2] == (switch, queue) and one[2] not in legs]:
            del self._entered[entry]
        for leg_id, paused in legs.items():
            self._entered[switch, queue, leg_id] = paused

    def found(self, entries: Iterable[Entry]) -> None:
        """These legs of a dead dialer may be in queues; whoever is not wanted there leaves."""
        self._entered |= dict.fromkeys(entries)

    def handed_over(self, entry: Entry) -> None:
        """The agent of this leg has given a caller to a colleague, and is to get the next one while those two talk."""
        if entry in self._entered:
            self._anew.add(entry)
            self._entered[entry] = None

    async def stop(self) -> None:
        """Nobody of ours takes callers any more; talks go on."""
        with contextlib.suppress(TimeoutError):  # who is left there is found, and taken out, by the next dialer
            async with asyncio.timeout(STOPS_S):
                await asyncio.gather(*(self._leave(entry) for entry in list(self._entered)))

    # -- inside --------------------------------------------------------------------------------------------------------------

    def _wanted(self) -> dict[Entry, bool]:
        wanted: dict[Entry, bool] = {}
        for seat in self._ground.seats.values():
            desk = seat.desk
            if not desk.blended_in or desk.state is AgentState.LOGGED_OUT:
                self._queues.pop(desk.agent.id, None)
            elif seat.leg_id is not None and desk.leg is Leg.UP:
                paused = not desk.can_take_caller
                wanted |= {(seat.switch, queue, seat.leg_id): paused for queue in self._of(seat)}
        return wanted

    def _of(self, seat: Seat) -> tuple[str, ...]:
        """The queues of an agent: those of the campaigns that run now, else those that were."""
        agent = seat.desk.agent.id
        mine = [job for job in self._ground.jobs.values() if not job.refuses(seat) and job.switch == seat.switch]
        found = tuple(dict.fromkeys(queue for job in mine for queue in job.inbound.queues))
        if not found and agent not in self._queues:
            self._desks.tell(seat, Notice(at=self._ground.clock.now(), text=NO_QUEUE))
        self._queues[agent] = found or self._queues.get(agent, ())
        return self._queues[agent]

    def _may(self, entry: Entry) -> bool:
        ready = self._ground.voice.state_of(entry[0]) is SwitchState.READY
        return ready and self._ground.clock.monotonic_s() >= self._again_s.get(entry, -math.inf)

    async def _enter(self, entry: Entry, paused: bool) -> None:
        switch, queue, leg_id = entry
        seat = self._ground.seats.legs.get(leg_id)
        if seat is None:
            return
        self._entered[entry], name, anew = None, name_of(seat.desk.agent), entry in self._anew
        try:
            async with asyncio.timeout(WIRE_S):
                await self._port.enter(switch, queue, leg_id, name, paused=paused, anew=anew)
        except (WireError, TimeoutError) as trouble:
            self._failed(entry, "an agent cannot take callers of a queue", trouble)
            return
        self._entered[entry] = paused
        self._anew.discard(entry)
        self._again_s.pop(entry, None)

    async def _leave(self, entry: Entry) -> None:
        switch, queue, leg_id = entry
        try:
            async with asyncio.timeout(WIRE_S):
                await self._port.leave(switch, queue, leg_id)
        except (WireError, TimeoutError) as trouble:
            self._failed(entry, "an agent does not get out of a queue", trouble)
            return
        self._entered.pop(entry, None)
        self._anew.discard(entry)
        self._again_s.pop(entry, None)

    def _failed(self, entry: Entry, what: str, trouble: Exception) -> None:
        switch, queue, leg_id = entry
        self._again_s[entry] = self._ground.clock.monotonic_s() + RETRY_S
        log.warning(what, switch=switch, queue=queue, leg=leg_id, reason=str(trouble) or "no answer in time")
