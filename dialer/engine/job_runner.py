"""Dial one job: claim contacts that are due, decide how many to attempt now, write the intents, place the calls."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import structlog

from dialer.domain.campaign import Job, Pace
from dialer.domain.channel import Channel
from dialer.domain.strategy import CallHandler, Strategy
from dialer.engine.breaker import Breaker
from dialer.engine.calls import Calls
from dialer.engine.claims import Claims
from dialer.engine.deliveries import Deliveries
from dialer.engine.floor.agent_dialling import AgentDialling
from dialer.engine.floor.floor import Floor
from dialer.engine.floor.pacing import FloorPacing
from dialer.engine.late_rings import LateRings
from dialer.engine.nuisance import NuisanceMessage
from dialer.engine.placing import Placing
from dialer.errors import StoreDown
from dialer.pacing.agentless import Agentless
from dialer.pacing.guard import Guard
from dialer.pacing.shares import Shares, Want
from dialer.pacing.snapshot import Decision, Memory, Pacer, Snapshot
from dialer.ports import Clock, VoicePort
from dialer.services.custom_restrictions import CustomRestrictions
from dialer.services.launching import Route, commit_intents
from dialer.store.job_contacts import JobContact
from dialer.store.store import Store

log = structlog.get_logger()

TICK_S = 0.05
AGAIN_S = 0.5  # what the database could not do is tried again this often
LOOK_AHEAD_S = 1.0  # contacts are claimed this much ahead of the pace
UNLIMITED = 1_000_000
NOT_BEGUN = Decision(n=0, because="not begun")


@dataclass(slots=True)
class Standing:
    """What the runner last decided, for whoever asks why."""

    decision: Decision = NOT_BEGUN
    nobody_due: bool = False
    trouble: str = ""


class JobRunner:
    """One running job: its calls go out on one trunk, what needs no switch by its channel."""

    def __init__(
        self,
        *,
        store: Store,
        voice: VoicePort,
        calls: Calls,
        deliveries: Deliveries,
        restrictions: CustomRestrictions,
        clock: Clock,
        job: Job,
        strategy: Strategy,
        trunk: str,
        caller_id: str,
        node: str,
        breaker: Breaker,
        lease_s: float = 30.0,
        shares: Shares | None = None,
        floor: Floor | None = None,
    ) -> None:
        """`floor`: where the agents are, for a job that has some."""
        self._shares = shares or Shares()
        self.job, self.standing = job, Standing()
        self._store, self._voice, self._calls, self._deliveries, self._clock = store, voice, calls, deliveries, clock
        self._strategy, self._trunk, self._node = strategy, trunk, node
        self._breaker, self._memory = breaker, Memory()
        self._floor = floor if job.definition.pacing.has_agents else None
        self._pacing: FloorPacing | None = None
        self._desks: AgentDialling | None = None
        self._nuisance = None if self._floor is None else NuisanceMessage(self._floor.sound_of, clock)
        self._placing = Placing(
            voice=voice,
            calls=calls,
            clock=clock,
            job=job,
            strategy=strategy,
            caller_id=caller_id,
            breaker=breaker,
            nuisance=self._nuisance,
        )
        if self._floor is not None:
            self._pacing, self._desks = self._with_agents(self._floor)
        self._late = LateRings(calls, voice, clock)
        self._pacer = pacer_for(job.pace, self._pacing)
        self._claims = Claims(
            store=store, clock=clock, job=job, strategy=strategy, restrictions=restrictions, node=node, lease_s=lease_s
        )
        self._lanes = self._claims.lanes
        self._rooms: dict[Channel, int] = {}  # what the last decision found
        self._stopping = self._leaving = False

    @property
    def stops(self) -> bool:
        """Whether it places no more calls, and only looks after those that still ring."""
        return self._stopping

    @property
    def calls(self) -> bool:
        """Whether its strategy calls anybody: else no trunk can hold it up."""
        return Channel.VOICE in self._lanes.channels

    def update(self, job: Job) -> None:
        """The job as it is in the database now: an operator may have changed its pace."""
        if job.pace != self.job.pace:
            self._pacer = pacer_for(job.pace, self._pacing)
        self.job = self._placing.job = self._claims.job = job
        if self._pacing is not None and self._desks is not None and self._floor is not None:
            self._pacing.update(job)
            self._desks.job = job
            self._floor.jobs.update(job)

    def stop(self) -> None:
        """Place no more calls; `run` returns when none rings any more that could be given up."""
        self._stopping = True

    def leave(self) -> None:
        """Stop, and let what rings ring: `run` returns soon."""
        self._stopping = self._leaving = True

    async def run(self) -> None:
        """Dial until stopped. What was claimed and not dialled is given back."""
        try:
            await self._open_floor()
            async with asyncio.TaskGroup() as placing:
                while not self._stopping:
                    try:
                        trouble = await self._no_message()
                        if not trouble:
                            await self._tick(placing)
                        self.standing.trouble = trouble
                    except StoreDown as down:
                        self.standing.trouble = f"the database does not commit: {down}"
                        log.error("no call is placed while the database cannot commit", job=self.job.id, reason=str(down))
                        await self._clock.sleep(AGAIN_S)
                    await self._clock.sleep(TICK_S)
                await self._ring_out(placing)
        finally:
            self._shares.leave(int(self.job.id))
            if self._floor is not None:
                self._floor.records.end(self.job.id)
                self._floor.close(self.job.id)
            await self._claims.give_back()

    async def _ring_out(self, placing: asyncio.TaskGroup) -> None:
        """No more calls are placed. Those that ring are given up as before, should agents run short: they go elsewhere now."""
        self._shares.leave(int(self.job.id))
        await self._claims.give_back()
        if self._floor is None or self._pacing is None:
            return
        self._floor.close(self.job.id)
        while self._pacing.gives_up and not self._leaving and self.job.id in self._floor.jobs:
            if not (ringing := self._calls.ringing(self.job.id)):
                break
            self.standing.decision = Decision(n=0, because=f"no more calls are placed; {ringing} still ring")
            self._pacing.decide(self._snapshot(self._clock.monotonic_s()), self._memory)
            self._late.give_up(self._pacing.take_late(), placing)
            await self._clock.sleep(TICK_S)

    async def _no_message(self) -> str:
        """Why nobody may be called: who finds no agent could not be told who called."""
        plan = self.job.definition.pacing
        return await self._nuisance.missing(plan.nuisance_message) if self._nuisance is not None and plan.dials else ""

    async def _tick(self, placing: asyncio.TaskGroup) -> None:
        now_s = self._clock.monotonic_s()
        wanted = min(max(4, self._look_ahead(), self.job.pace.min_ports), self.job.pace.max_ports)
        await self._claims.fill(wanted, now_s, lambda channel: self._is_full(channel, now_s), placing)
        self.standing.nobody_due = self._lanes.nobody_due
        decision = self._decide(now_s)
        self.standing.decision, self._memory = decision, decision.memory
        if self._pacing is not None:
            self._late.give_up(self._pacing.take_late(), placing)
        if self._stopping or not decision.n:
            return
        batch = self._lanes.take(decision.n, self._rooms)
        held = None if self._floor is None else self._floor.jobs.get(self.job.id)
        if held is None:
            await self._begin(batch, placing)
            return
        held.ordered = len(batch)  # an agent who asks to leave from here on is one whom they count on
        try:
            await self._begin(batch, placing)
        finally:
            held.ordered = 0

    async def _begin(self, batch: list[JobContact], placing: asyncio.TaskGroup) -> None:
        """Offer, or write the intents and place the calls."""
        if self._desks is not None and batch:
            taken = len(batch)
            batch = await self._desks.offer(batch)
            self._memory = self._memory.spent(taken - len(batch))
        if not batch:
            return
        route = self._route()
        judged = self._claims.take_judged(batch)
        intents = await commit_intents(self._store, self.job, self._strategy, batch, route, now=self._clock.now(), judged=judged)
        self._memory = self._memory.spent(len(intents.to_place))
        if self._pacing is not None:
            self._pacing.placed(len(intents.to_place))
        for one in intents.completed:
            self._calls.on_completed(one)
        calls = [attempt for attempt in intents.to_place if attempt.channel is Channel.VOICE]
        self._shares.placed(int(self.job.id), len(calls))
        for attempt in intents.to_place:
            if attempt.channel is not Channel.VOICE:
                self._deliveries.start(attempt, sender=intents.senders.get(attempt.id, ""))
        for attempt in calls:
            call = self._calls.begin(attempt)
            call.placing = True
            work = self._placing.place(call, attempt, intents.senders.get(attempt.id, ""))
            placing.create_task(work, name=f"place {attempt.id}")

    def _route(self) -> Route:
        return Route(trunk=self._trunk, switch=self._voice.switch_for(self._trunk), node=self._node)

    def _with_agents(self, floor: Floor) -> tuple[FloorPacing, AgentDialling]:
        job = self.job
        detected = any(one.detect_machine for one in self._strategy.handlers if isinstance(one, CallHandler))
        pacing = FloorPacing(
            job, lambda: floor.jobs.picture(job.id), lambda: floor.jobs.take_facts(job.id), self._clock, detected=detected
        )
        desks = AgentDialling(
            store=self._store,
            floor=floor,
            calls=self._calls,
            clock=self._clock,
            job=job,
            strategy=self._strategy,
            route=self._route(),
            place=self._placing.place,
        )
        return pacing, desks

    async def _open_floor(self) -> None:
        """The floor learns of the job: its budget, and what earlier pacers learned, are read before a call is placed."""
        floor, pacing, desks = self._floor, self._pacing, self._desks
        if floor is None or pacing is None or desks is None:
            return
        while not self._stopping:
            try:
                await floor.open(self.job, self._voice.switch_for(self._trunk))
                await floor.records.begin(self.job.id, pacing)
                floor.jobs.placers[self.job.id] = desks.place
                return
            except StoreDown as down:
                self.standing.trouble = f"the database does not answer: {down}"
                await self._clock.sleep(AGAIN_S)

    def _decide(self, now_s: float) -> Decision:
        """The pacer's decision, within this job's share of the trunk's room: other jobs want to dial there, too."""
        self._rooms = {channel: self._room(channel, now_s) for channel in self._lanes.channels}
        seen = self._snapshot(now_s)
        if Channel.VOICE not in self._rooms:
            return self._pacer.decide(self._within(seen), self._memory)
        wanted = self._pacer.decide(replace(seen, room=UNLIMITED), self._memory).n
        want = Want(
            n=0 if self._stopping else min(wanted, self._lanes.waiting(Channel.VOICE)),
            in_flight=seen.in_flight,
            reserved=self.job.pace.min_ports,
            priority=self.job.definition.priority,
            at_s=now_s,
        )
        room = self._rooms[Channel.VOICE]
        self._rooms[Channel.VOICE] = mine = self._shares.room(int(self.job.id), want, room)
        decision = self._pacer.decide(self._within(seen), self._memory)
        if mine < min(want.n, room):
            return replace(decision, because=f"{mine} of the trunk's room for {room}; other jobs have their share")
        return decision

    def _room(self, channel: Channel, now_s: float) -> int:
        if channel is not Channel.VOICE:
            return self._deliveries.room(channel, self._strategy)
        if not self.job.definition.pacing.dials:
            return UNLIMITED  # agents call elsewhere
        room = self._voice.room(self._trunk)
        limit = self._breaker.limit(now_s, self._calls.on_trunk(self._trunk))
        return room if limit is None else min(room, limit)

    def _is_full(self, channel: Channel, now_s: float) -> bool:
        """Whether nothing could go out there, even if its trunk did not rest."""
        on_trunk = channel is Channel.VOICE and self.job.definition.pacing.dials
        return (self._voice.room(self._trunk) if on_trunk else self._room(channel, now_s)) == 0

    def _snapshot(self, now_s: float) -> Snapshot:
        in_flight, ringing = self._calls.in_flight(self.job.id), self._calls.ringing(self.job.id)
        sending = self._deliveries.sending(self.job.id)
        return Snapshot(
            now_s=now_s,
            in_flight=in_flight + sending,
            ringing=ringing,
            answered=in_flight - ringing,
            due=self._lanes.due() if any(self._rooms.values()) else None,  # with no room at all nobody looks for who is due
        )

    def _within(self, seen: Snapshot) -> Snapshot:
        """With the room that there is on each channel."""
        return replace(seen, due=seen.due if seen.due is None else self._lanes.due(self._rooms), room=sum(self._rooms.values()))

    def _look_ahead(self) -> int:
        """How many contacts may be wanted within a second."""
        if self._pacing is None:
            return int(self.job.pace.calls_per_s * LOOK_AHEAD_S)
        seen = self._pacing.seen
        if self.job.definition.pacing.reads_first:
            return 0 if seen is None else seen.idle
        return 0 if seen is None else 2 * (seen.idle + len(seen.talking_s) + len(seen.wrapping_s))


def pacer_for(pace: Pace, paced_by_agents: Pacer | None = None) -> Pacer:
    """The guarded pacer of a job: the clock's, or that of its agents."""
    pacer = paced_by_agents or Agentless(calls_per_s=pace.calls_per_s, min_ports=pace.min_ports, max_ports=pace.max_ports)
    return Guard(pacer=pacer, max_ports=pace.max_ports)
