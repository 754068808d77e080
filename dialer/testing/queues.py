"""Queues without a switch, for tests: callers come and go as a test says, beside a `FakeVoice`. Never for users."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection, Coroutine, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from dialer.domain.ids import LegId, OfferId
from dialer.errors import NotSent, Rejected
from dialer.ports import Clock, SwitchState
from dialer.ports_agents import ContactState, Parting
from dialer.ports_queues import QueueNews, QueueNewsKind, QueueSeen, QueueTalk, WaitingCaller
from dialer.tasks import Tasks
from dialer.testing.agents import FakeAgentVoice
from dialer.testing.voice import FakeVoice

TAKEN_WITHIN_S = 2.0
AGAIN_S = 1.0  # a caller whom nobody took is offered again

Place = tuple[str, str]


@dataclass(slots=True)
class FakeOffer:
    """A caller at an agent's leg."""

    place: Place
    caller: str
    number: str
    leg_id: LegId  # to whom the queue offered them
    taken: bool = False
    given_to: str = ""


class FakeQueues:
    """Implements `QueuePort` in the time of its clock. `queues` are those of every switch of the voice.

    `agents`: whose legs take callers; a leg that is hung up leaves its caller in the queue.
    """

    def __init__(
        self,
        clock: Clock,
        voice: FakeVoice,
        *,
        queues: Collection[str] = ("support", "sales"),
        agents: FakeAgentVoice | None = None,
    ) -> None:
        self.clock, self.voice, self.agents = clock, voice, agents
        self.waiting: dict[Place, dict[str, float]] = {(switch, queue): {} for switch in voice.switches() for queue in queues}
        self.numbers: dict[str, str] = {}
        self.legs: dict[Place, dict[LegId, bool]] = {place: {} for place in self.waiting}  # -> whether paused
        self.names: dict[LegId, str] = {}
        self.never_busy: set[LegId] = set()  # have entered anew, although the queue took them for busy
        self.offers: dict[OfferId, FakeOffer] = {}
        self.unread: deque[QueueNews] = deque()
        self.arrived = asyncio.Event()
        self.tasks = Tasks()
        self._ids = count(1)
        if agents is not None:
            agents.on_leg_down, agents.on_caller = self.leg_down, self.left

    # -- the port ------------------------------------------------------------------------------------------------------------

    async def news(self) -> AsyncIterator[QueueNews]:
        while True:
            while self.unread:
                yield self.unread.popleft()
            self.arrived.clear()
            await self.arrived.wait()

    async def look(self, switch: str, queue: str) -> QueueSeen | None:
        self._reachable(switch)
        place = (switch, queue)
        if place not in self.waiting:
            return None
        now_s = self.clock.monotonic_s()
        callers = [WaitingCaller(caller=one, waits_s=now_s - since) for one, since in self.waiting[place].items()]
        return QueueSeen(callers=callers, legs=dict(self.legs[place]))

    async def talks(self, switch: str) -> Sequence[QueueTalk]:
        self._reachable(switch)
        return [
            QueueTalk(
                offer=offer,
                leg_id=self._talks_with(offer) or one.leg_id,
                queue=one.place[1],
                number=one.number,
                name=one.given_to or (self.names.get(one.leg_id, "") if one.leg_id in self.legs[one.place] else ""),
                held=self._held(offer),
            )
            for offer, one in self.offers.items()
            if one.taken and one.place[0] == switch
        ]

    async def enter(self, switch: str, queue: str, leg_id: LegId, name: str, *, paused: bool, anew: bool = False) -> None:
        self._reachable(switch)
        if (switch, queue) not in self.legs:
            raise Rejected("Unable to add interface to queue: No such queue")
        if anew:
            self.never_busy.add(leg_id)
        self.legs[switch, queue][leg_id], self.names[leg_id] = paused, name
        self._offer_all()

    async def leave(self, switch: str, queue: str, leg_id: LegId) -> None:
        self._reachable(switch)
        self.legs.get((switch, queue), {}).pop(leg_id, None)

    async def take(self, switch: str, offer: OfferId, leg_id: LegId) -> bool:
        self._reachable(switch)
        found = self.offers.get(offer)
        if found is None:
            return False
        self.waiting[found.place].pop(found.caller)
        self._say(QueueNewsKind.LEFT, found.place, caller=found.caller)
        found.taken = True
        if self.agents is not None and leg_id in self.agents.legs:
            self.agents.took(switch, offer, leg_id)
        self._say(QueueNewsKind.TAKEN, found.place, offer=offer)
        return True

    async def give(self, switch: str, offer: OfferId, name: str) -> None:
        self._reachable(switch)
        if offer in self.offers:
            self.offers[offer].given_to = name

    async def drop(self, switch: str, offer: OfferId) -> None:
        self._reachable(switch)
        self._end(offer)

    async def put_back(self, switch: str, offer: OfferId) -> None:
        self._reachable(switch)
        if self.agents is not None and offer in self.agents.contacts:
            self.agents.leave_all(offer, Parting.PASSED_ON)
            self.agents.wait(offer, again=True)

    # -- what a test can do to it --------------------------------------------------------------------------------------------

    def call_in(self, queue: str, *, switch: str = "switch", number: str = "") -> str:
        """Somebody calls in and waits; returns the name of the call."""
        caller = f"caller-{next(self._ids)}"
        self.numbers[caller] = number
        self._wait((switch, queue), caller)
        return caller

    def hang_up(self, caller: str) -> None:
        """A caller gives up, or ends the talk."""
        for offer in [one for one, found in self.offers.items() if found.caller == caller]:
            self._end(offer)
        for place, waiting in self.waiting.items():
            if waiting.pop(caller, None) is not None:
                self._say(QueueNewsKind.LEFT, place, caller=caller)

    def leg_down(self, leg_id: LegId) -> None:
        """An agent's telephone was hung up: whoever was offered to it waits on."""
        for offer, found in list(self.offers.items()):
            if found.leg_id == leg_id and not found.taken:
                del self.offers[offer]
                self._say(QueueNewsKind.GONE, found.place, offer=offer)

    def left(self, offer: OfferId, waits: bool) -> None:
        """A caller who was taken is with no agent any more, and waits again, or talks with somebody else."""
        found = self.offers.pop(offer)
        self._say(QueueNewsKind.GONE, found.place, offer=offer)
        if waits:
            self._wait(found.place, found.caller)
        else:
            self._spawn(self._offer_again())

    async def stop(self) -> None:
        """End everything that waits."""
        await self.tasks.stop()

    # -- inside --------------------------------------------------------------------------------------------------------------

    def _wait(self, place: Place, caller: str) -> None:
        self.waiting[place][caller] = self.clock.monotonic_s()
        self._say(QueueNewsKind.JOINED, place, caller=caller)
        self._offer_all()

    def _offer_all(self) -> None:
        """Each caller who is not at an agent yet, to an agent who is free."""
        for place, waiting in self.waiting.items():
            at_agents = {one.caller for one in self.offers.values()}
            for caller in [one for one in waiting if one not in at_agents]:
                busy = {one.leg_id for one in self.offers.values()} - self.never_busy
                free = [leg_id for leg_id, paused in self.legs[place].items() if not paused and leg_id not in busy]
                if free:
                    self._offer(place, caller, free[0])

    def _offer(self, place: Place, caller: str, leg_id: LegId) -> None:
        offer = OfferId(f"offer-{next(self._ids)}")
        number = self.numbers.get(caller, "")
        self.offers[offer] = FakeOffer(place, caller, number, leg_id)
        self._say(QueueNewsKind.OFFERED, place, offer=offer, leg_id=leg_id, number=number)
        self._spawn(self._not_taken(offer))

    async def _not_taken(self, offer: OfferId) -> None:
        await self.clock.sleep(TAKEN_WITHIN_S)
        if offer in self.offers and not self.offers[offer].taken:
            self._end(offer)

    def _end(self, offer: OfferId) -> None:
        found = self.offers.pop(offer, None)
        if found is None:
            return
        self._say(QueueNewsKind.GONE, found.place, offer=offer)
        if found.taken and self.agents is not None:
            self.agents.contact_ended(offer)
        self._spawn(self._offer_again())

    async def _offer_again(self) -> None:
        await self.clock.sleep(AGAIN_S)
        self._offer_all()

    def _talks_with(self, offer: OfferId) -> LegId | None:
        contact = None if self.agents is None else self.agents.contacts.get(offer)
        return None if contact is None else next(iter(contact.legs), None)

    def _held(self, offer: OfferId) -> bool:
        contact = None if self.agents is None else self.agents.contacts.get(offer)
        return contact is not None and contact.state is ContactState.HELD

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        self.tasks.start(work, name="fake-queues")

    def _say(self, kind: QueueNewsKind, place: Place, **facts: Any) -> None:
        if self._linked(place[0]):  # else it is lost
            switch, queue = place
            self.unread.append(QueueNews(kind=kind, switch=switch, queue=queue, at=self.clock.now(), **facts))
            self.arrived.set()

    def _reachable(self, switch: str) -> None:
        if not self._linked(switch):
            raise NotSent(f"the switch {switch} is {self.voice.state_of(switch).value}")

    def _linked(self, switch: str) -> bool:
        return self.voice.state_of(switch) in (SwitchState.READY, SwitchState.RECONCILING)
