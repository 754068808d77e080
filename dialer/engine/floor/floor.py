"""The floor: agents and contacts brought together, in the two seconds that the law gives, and everything that agents ask for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from dialer.domain.agent import AgentState
from dialer.domain.agent_commands import Command, LogIn
from dialer.domain.agent_events import AgentEvent
from dialer.domain.campaign import Job
from dialer.domain.desk import Desk, Refused
from dialer.domain.desk_happenings import SocketBack, SocketLost
from dialer.domain.ids import AgentId, JobId
from dialer.engine.calls import Calls
from dialer.engine.floor.attaching import Attaching
from dialer.engine.floor.callers import Callers
from dialer.engine.floor.desk_commands import DeskCommands
from dialer.engine.floor.desk_endings import DeskEndings
from dialer.engine.floor.desk_phones import DeskPhones
from dialer.engine.floor.desk_work import DeskWork
from dialer.engine.floor.desks import Desks
from dialer.engine.floor.events import FloorEvents
from dialer.engine.floor.ground import Ground
from dialer.engine.floor.jobs import FloorJobs
from dialer.engine.floor.leaving import Leaving
from dialer.engine.floor.listenings import Listenings
from dialer.engine.floor.matching import Matching
from dialer.engine.floor.old_talks import OldTalks
from dialer.engine.floor.options import FloorOptions
from dialer.engine.floor.records import FloorRecords
from dialer.engine.floor.seat import Seat
from dialer.engine.floor.seats import Seats
from dialer.ports import Clock, VoicePort
from dialer.ports_agents import AgentVoicePort, SoundOf, as_it_is
from dialer.ports_queues import QueuePort
from dialer.services.agent_floor import BUSY, Done
from dialer.services.completion import StrategyOf
from dialer.store.store import Store

TICK_S = 0.1  # how exactly the times of previews and wrap-ups are kept
ATTACH_S = 1.0  # how often it is looked for whom the agents work
GONE = "the dialer began anew"


class Floor:
    """Implements `services.agent_floor.AgentFloor`. All of it happens in one event loop: a desk changes at once, wires follow."""

    def __init__(
        self,
        *,
        store: Store,
        voice: VoicePort,
        agents: AgentVoicePort | None,
        calls: Calls,
        clock: Clock,
        strategy_of: StrategyOf,
        options: FloorOptions,
        sound_of: SoundOf = as_it_is,
        queues: QueuePort | None = None,
    ) -> None:
        """`agents`: None where nobody has a telephone of ours; agents then call by other means, and tell us."""
        self.sound_of, self._clock = sound_of, clock
        self._attached_s = -ATTACH_S
        self.seats = Seats()
        self.records = FloorRecords(store, clock, lambda attempt_id: calls.get(attempt_id) is not None)
        self.jobs = FloorJobs(
            store=store,
            clock=clock,
            calls=calls,
            seats=self.seats,
            records=self.records,
            behind_s=lambda switch: self._events.behind_s(switch),
            callers=lambda job: self._callers.seen(job),
        )
        self.ground = Ground(
            store=store,
            voice=voice,
            telephones=agents,
            calls=calls,
            clock=clock,
            strategy_of=strategy_of,
            options=options,
            seats=self.seats,
            jobs=self.jobs,
        )
        self.desks = Desks(self.ground, self._moved)
        self._attaching, self.matching = Attaching(self.ground, self.desks), Matching(self.ground, self.desks)
        self._callers = Callers(self.ground, self.desks, queues)
        self._old_talks = OldTalks(self.ground, self.desks)
        self.listenings = Listenings(self.ground)
        self.endings = DeskEndings(self.ground, self.matching)
        self._work = DeskWork(
            self.ground,
            self.desks,
            endings=self.endings,
            phones=DeskPhones(self.ground, self.desks, self._old_talks, self._callers),
            callers=self._callers,
            matching=self.matching,
        )
        self._leaving = Leaving(self.ground, self.desks)
        self._commands = DeskCommands(self.ground, self.desks, self._work, self._leaving)
        self._events = FloorEvents(
            self.ground,
            self.desks,
            matching=self.matching,
            old_talks=self._old_talks,
            callers=self._callers,
            listenings=self.listenings,
        )
        calls.on_over = self._events.call_over

    @property
    def has_telephones(self) -> bool:
        """Whether contacts can be joined with agents here."""
        return self.ground.telephones is not None

    # ── what agents' desktops ask ─────────────────────────────────────────────────────────────────────────────────────

    async def command(self, agent_id: AgentId, command: Command) -> Done | Refused:
        """Carry out a command, or say why not."""
        if self.ground.group is None:
            return BUSY
        if isinstance(command, LogIn) and self.listenings.listens(agent_id):
            return Refused("you listen to an agent", "stop listening first")
        return await self._commands.carry_out(agent_id, command)

    def calls_for(self, job_id: JobId) -> bool:
        """Whether an agent of the job has asked for a call that is about to be placed: again perhaps, to its last contact."""
        desks = [seat.desk for seat in self.seats.values()]
        return any(one.state is AgentState.DIALLING and one.call is not None and one.call.job_id == job_id for one in desks)

    def listen(self, agent_id: AgentId) -> AsyncGenerator[AgentEvent, None]:
        """What the agent is told, from now on."""
        return self.ground.audience.listen(agent_id)

    async def socket_lost(self, agent_id: AgentId) -> None:
        """The agent's desktop has gone away."""
        self.listenings.desktop(agent_id, there=False)
        if (seat := self.seats.get(agent_id)) is not None:
            self.desks.apply(seat, SocketLost())

    async def socket_back(self, agent_id: AgentId) -> None:
        """A desktop of this agent is there."""
        self.listenings.desktop(agent_id, there=True)
        if (seat := self.seats.get(agent_id)) is not None:
            self.desks.apply(seat, SocketBack())

    async def desk(self, agent_id: AgentId) -> Desk | None:
        """The agent's state as it is now; None for one who is not logged in."""
        seat = self.seats.get(agent_id)
        return None if seat is None or seat.desk.state is AgentState.LOGGED_OUT else seat.desk

    # ── jobs come and go ──────────────────────────────────────────────────────────────────────────────────────────────

    async def open(self, job: Job, switch: str) -> None:
        """A job with agents begins, or begins again. Raises StoreDown."""
        if await self.jobs.open(job, switch):
            self._old_talks.take_up(self.jobs[job.id])
        self._attach()
        self.matching.match()
        await self._callers.queues.look()  # before its first call

    def close(self, job_id: JobId) -> None:
        """A job places no more calls; whoever still answers, and whoever still talks, is looked after until nobody is left."""
        if job_id in self.jobs:
            self.jobs.close(job_id)
            self._attach()

    # ── the floor's own life ──────────────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Bring people together until cancelled; what agents were writing then gets the code that it would have got in time."""
        await self.records.nobody_is_there(GONE)
        try:
            async with asyncio.TaskGroup() as group:
                self.ground.group = group
                if self.ground.telephones is not None:
                    group.create_task(self._events.run(self.ground.telephones), name="hear the floor")
                group.create_task(self.records.run(self.jobs), name="keep the floor's records")
                group.create_task(self._callers.run(), name="look after callers")
                group.create_task(self.listenings.run(), name="look after supervisors")
                while True:
                    self.desks.ring_alarms()
                    self._leaving.look()
                    if self._clock.monotonic_s() - self._attached_s >= ATTACH_S:
                        self._attach()
                    await self._clock.sleep(TICK_S)
        finally:
            self.ground.group = None
            await self._leave()

    async def look(self, switch: str) -> None:
        """The link to a switch is up again: what it has of the floor now is what there is. Raises WireError."""
        if self.ground.telephones is not None:
            await self._events.look(self.ground.telephones, switch)

    def _moved(self, seat: Seat, before: Desk) -> None:
        """A desk is another now: what follows from it for everybody else."""
        desk = seat.desk
        self.records.changed(before, desk)
        self.listenings.moved(seat, before)
        if before.call is not None and desk.call is None:
            self.seats.lose_contact(seat, before.call.attempt_id)
        self.jobs.moved(desk, before)
        if before.is_idle and not (desk.is_idle or desk.is_engaged) and seat.attached is not None:
            self.jobs.look_anew(seat.attached)
        if before.state is AgentState.LOGGED_OUT or desk.state is AgentState.LOGGED_OUT:
            self._attach()
        if desk.is_idle and not before.is_idle:
            self.matching.match()

    def _attach(self) -> None:
        """Jobs or agents have come or gone, or it has been a while: look anew who works for whom."""
        self._attached_s = self._clock.monotonic_s()
        self.jobs.forget()
        self._callers.attach()
        self._attaching.look()

    async def _leave(self) -> None:
        """The dialer stops: desks are empty from now on, and listeners are told that this was all."""
        await self.listenings.leave()
        await self._work.leave(self.seats.values())
        await self.records.leave(one.desk for one in self.seats.values())
        self.ground.audience.close()
