"""The callers' side of the floor: who waits in the queues that campaigns give way to, and the agents who talk with them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping

import structlog

from dialer.domain.agent import AgentRules, AgentState
from dialer.domain.agent_commands import CancelConsult, Resume
from dialer.domain.desk_call import DeskCaller
from dialer.domain.desk_happenings import CallerFound, CallerGone, CallerJoined, CallerOffered
from dialer.domain.desk_tasks import DropCaller, ResumeContact, TakeCaller
from dialer.domain.ids import LegId, OfferId
from dialer.engine.floor.blending import Blending
from dialer.engine.floor.desks import Desks
from dialer.engine.floor.ground import Ground
from dialer.engine.floor.job import FloorJob
from dialer.engine.floor.queues import CallersWaiting, Queues
from dialer.engine.floor.seat import Seat
from dialer.engine.floor.takers import Takers, name_of, takers_of
from dialer.errors import WireError
from dialer.pacing.floor import InboundArrived
from dialer.ports_queues import QueueNews, QueueNewsKind, QueuePort, QueueTalk

log = structlog.get_logger()

TICK_S = 0.1  # how soon an agent who is free is offered callers
WIRE_S = 4.0


class Callers:
    """Of one floor."""

    def __init__(self, ground: Ground, desks: Desks, port: QueuePort | None) -> None:
        self._ground, self._desks, self._port = ground, desks, port
        self.queues = Queues(port, ground.clock, self)
        self._takers = None if port is None else Takers(ground, desks, port)
        self._blending = Blending(ground, desks, self.seen)
        self._old: dict[tuple[str, OfferId], QueueTalk] = {}  # talks that a dead dialer has left
        self._up: dict[OfferId, str] = {}  # who was taken, and is there -> the switch

    async def run(self) -> None:
        """Look after callers until cancelled."""
        if self._takers is None:
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.queues.run(), name="watch the queues")
                while True:
                    self._blending.look()
                    await self._takers.keep()
                    await self._ground.clock.sleep(TICK_S)
        finally:
            await asyncio.shield(self._takers.stop())

    def attach(self) -> None:
        """Jobs have begun, ended or changed: look after the queues that they name now."""
        self.queues.watch({(job.switch, one) for job in self._ground.jobs.values() for one in job.inbound.queues})

    def seen(self, job: FloorJob) -> CallersWaiting:
        """Who waits in the queues that a job gives way to."""
        return self.queues.seen(job.switch, job.inbound.queues)

    async def linked(self, switch: str) -> None:
        """The link to a switch is there again: who talks there, talks, and is held who is; who is not there is gone."""
        await self.queues.linked(switch)
        if self._port is not None:
            talks = await self._port.talks(switch)
            self._up = {one: place for one, place in self._up.items() if place != switch} | {one.offer: switch for one in talks}
            self._adopt(switch, {one.offer: one for one in talks})
            with_caller = [one.desk for one in self._ground.seats.values() if one.desk.state is not AgentState.WRAP_UP]
            mine = {desk.caller.offer for desk in with_caller if desk.caller is not None}
            for lost in [one for one in talks if one.held and one.offer not in mine]:  # by an agent of a dialer that has died
                await self._put_back(switch, lost.offer)
            left = [one for one in talks if one.leg_id not in self._ground.seats.legs and not one.held]
            elsewhere = {place: talk for place, talk in self._old.items() if place[0] != switch}
            self._old = elsewhere | {(switch, one.offer): one for one in left}
            if self._takers is not None:
                self._takers.found((switch, one.queue, one.leg_id) for one in left)

    def _adopt(self, switch: str, talks: Mapping[OfferId, QueueTalk]) -> None:
        """Desks with a caller on a switch agree with what the switch has."""
        for seat in [one for one in self._ground.seats.values() if one.switch == switch and one.desk.caller is not None]:
            caller = seat.desk.caller
            if caller is None or seat.desk.state is AgentState.WRAP_UP:
                continue
            if (talk := talks.get(caller.offer)) is None:
                self._desks.apply(seat, CallerGone(offer=caller.offer))
            elif seat.desk.state is AgentState.DIALLING:
                self._desks.apply(seat, CallerJoined(offer=caller.offer))
            elif talk.held and seat.desk.state is AgentState.TALKING:
                seat.tasks.put_nowait(ResumeContact(call=caller))  # it was asked for, and did not arrive

    async def put_back(self, seat: Seat, caller: DeskCaller) -> None:
        """A caller whom this agent held, and has no more, waits in the queue again."""
        home = self._ground.voice.switch_for(self._ground.options.leg_trunk)  # of a telephone that is down now, too
        await self._put_back(seat.switch or home, caller.offer)

    def waits(self, offer: OfferId) -> None:
        """A caller has been on hold for as long as the switch allows: they are with the agent again, or else in the queue."""
        if (seat := self._with(offer)) is not None:
            self._desks.apply(seat, Resume() if seat.desk.state is AgentState.HELD else CancelConsult())

    def give_back(self, seat: Seat) -> bool:
        """Put the caller with whom an agent's telephone talks, as it did when a dialer died, before the agent who is back."""
        name, stays = name_of(seat.desk.agent), not seat.desk.is_engaged
        place = next((one for one, talk in self._old.items() if talk.name == name and stays), None)
        if place is None:
            return False
        talk = self._old.pop(place)
        caller = DeskCaller(offer=talk.offer, queue=talk.queue, number=talk.number, rules=self._rules(seat, talk.queue))
        self._ground.seats.take_leg(seat, talk.leg_id, place[0])
        self._desks.apply(seat, CallerFound(caller=caller))
        return True

    async def give(self, seat: Seat, caller: DeskCaller, to: Seat | None) -> bool:
        """A colleague has the caller from now on. False where the colleague has left them: they are in the queue again."""
        now = None if to is None else to.desk.caller
        if to is None or now is None or not now.is_own or now.offer != caller.offer:
            await self.put_back(seat, caller)
            return False
        if caller.offer not in self._up:  # hung up while they were handed over
            self._desks.apply(to, CallerGone(offer=caller.offer))
        elif self._port is not None:
            if self._takers is not None and seat.leg_id is not None:
                self._takers.handed_over((seat.switch, caller.queue, seat.leg_id))
            keeps = self._port.give(seat.switch, caller.offer, name_of(to.desk.agent))
            await self._ask(keeps, seat.switch, "the next dialer will not know whose caller it is")
        return True

    async def do(self, seat: Seat, task: TakeCaller | DropCaller) -> None:
        """What a desk wants of the caller before it."""
        caller, leg_id = task.caller, seat.leg_id
        match task:
            case TakeCaller() if leg_id is None or self._port is None:
                self._desks.apply(seat, CallerGone(offer=caller.offer))
            case TakeCaller() if leg_id is not None and self._port is not None:
                if not await self._port.take(seat.switch, caller.offer, leg_id):
                    self._desks.apply(seat, CallerGone(offer=caller.offer))
            case DropCaller():
                await self._drop(seat.switch, caller.offer)

    # -- what the switches tell ----------------------------------------------------------------------------------------------

    def heard(self, news: QueueNews) -> None:
        """Somebody has come, is offered to an agent, talks, or has gone."""
        if news.kind is QueueNewsKind.GONE and news.offer is not None:
            self._old.pop((news.switch, news.offer), None)
            self._up.pop(news.offer, None)
        elif news.kind is QueueNewsKind.TAKEN and news.offer is not None:
            self._up[news.offer] = news.switch
        match news.kind:
            case QueueNewsKind.JOINED:
                self._arrived(news.switch, news.queue)
            case QueueNewsKind.OFFERED if news.offer is not None:
                self._offered(news, news.offer)
            case QueueNewsKind.TAKEN if news.offer is not None and (seat := self._with(news.offer)) is not None:
                self._desks.apply(seat, CallerJoined(offer=news.offer))
            case QueueNewsKind.GONE if news.offer is not None and (seat := self._with(news.offer)) is not None:
                self._desks.apply(seat, CallerGone(offer=news.offer))
            case _:
                pass

    def looked(self, switch: str, queue: str, legs: dict[LegId, bool]) -> None:
        """A queue was looked at: these legs of ours are in it, paused or not."""
        if self._takers is not None:
            self._takers.seen(switch, queue, legs)

    def _arrived(self, switch: str, queue: str) -> None:
        """What pacers learn: a caller for whom no agent was waiting will take one from them."""
        jobs = [job for job in self._ground.jobs.values() if job.switch == switch and queue in job.inbound.queues]
        for job in jobs:
            if not any(seat.desk.can_take_caller for seat in takers_of(job, self._ground.seats)):
                job.learn(InboundArrived())

    def _offered(self, news: QueueNews, offer: OfferId) -> None:
        seat = None if news.leg_id is None else self._ground.seats.legs.get(news.leg_id)
        if seat is None:  # of nobody who is here: the queue offers the caller to somebody else
            self._ground.begin(self._drop(news.switch, offer), "refuse a caller")
            return
        caller = DeskCaller(offer=offer, queue=news.queue, number=news.number, rules=self._rules(seat, news.queue))
        self._desks.apply(seat, CallerOffered(caller=caller))

    def _rules(self, seat: Seat, queue: str) -> AgentRules:
        """Those of the campaign that gives way to the queue, as far as they concern a caller."""
        jobs = (job for job in self._ground.jobs.values() if queue in job.inbound.queues and not job.refuses(seat))
        return next((job.rules for job in jobs), AgentRules())

    def _with(self, offer: OfferId) -> Seat | None:
        """Whose caller it is, not who was asked about them."""
        desks = ((seat, seat.desk.caller) for seat in self._ground.seats.values())
        return next((seat for seat, one in desks if one is not None and one.is_own and one.offer == offer), None)

    async def _drop(self, switch: str, offer: OfferId) -> None:
        if self._port is not None:
            await self._ask(self._port.drop(switch, offer), switch, "a caller was not let go")

    async def _put_back(self, switch: str, offer: OfferId) -> None:
        if self._port is not None:
            await self._ask(self._port.put_back(switch, offer), switch, "a caller stays on hold until the switch ends it")

    async def _ask(self, asked: Awaitable[None], switch: str, otherwise: str) -> None:
        try:
            async with asyncio.timeout(WIRE_S):
                await asked
        except (WireError, TimeoutError) as trouble:
            log.warning(otherwise, switch=switch, reason=str(trouble) or "no answer in time")
