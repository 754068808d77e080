"""The floor of the agents' telephones that are none: who is on it, and what they do by themselves. For tests, never for users."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from dialer.domain.ids import AttemptId, ConsultId, LegId, OfferId, PersonId
from dialer.errors import NotSent
from dialer.ports import CallOrder, Clock, SwitchState
from dialer.ports_agents import (
    AgentVoiceEvent,
    AgentVoiceKind,
    ConsultOrder,
    ContactState,
    LegOrder,
    LegState,
    Parting,
    SpyMode,
)
from dialer.tasks import Tasks
from dialer.testing.voice import FakeCall, FakeCallee, FakeVoice

PICKS_UP = FakeCallee(ring_s=None, answer_s=0.05)


@dataclass(slots=True)
class FakeLeg:
    """One agent's phone that is ringing or up."""

    order: LegOrder
    began: float
    state: LegState = LegState.RINGING
    contact: PersonId | None = None  # with whom it talks, also in a conference
    third: ConsultId | LegId | None = None  # the third party, or other agent, with whom it talks
    spies_on: tuple[LegId, SpyMode] | None = None


@dataclass(slots=True)
class FakeContact:
    """One person on the floor: a contact, or a caller of a queue, who has an offer instead of an order."""

    order: CallOrder | None
    switch: str
    state: ContactState = ContactState.WAITING
    legs: tuple[LegId, ...] = ()  # with whom they talk
    thirds: tuple[ConsultId, ...] = ()
    keeper: LegId | None = None  # the agent who holds them
    transferred: bool = False  # to a third party: both calls end together
    digits: str = ""  # what was pressed towards them
    heard: str = ""  # the message that they heard last
    timer: asyncio.Task[None] | None = None
    offer: OfferId | None = None


@dataclass(slots=True)
class FakeThird:
    """One third party that is ringing or up."""

    order: ConsultOrder
    switch: str
    up: bool = False
    gets: PersonId | None = None  # the caller whom they get as soon as they answer


def contact_named(contact: FakeContact, person: PersonId) -> dict[str, PersonId]:
    """Who an event is about, as a contact or as a caller."""
    return {"attempt_id" if contact.offer is None else "offer": person}


class FakeFloor:
    """The floor of a `FakeAgentVoice`: what telephones do on it by themselves, and what a test makes them do."""

    def __init__(
        self,
        clock: Clock,
        voice: FakeVoice,
        *,
        phones: Mapping[str, FakeCallee] | None = None,
        default: FakeCallee = PICKS_UP,
        message_s: float = 1.0,
        amd: str = "HUMAN",
    ) -> None:
        self.clock, self.voice = clock, voice
        self.phones, self.default = dict(phones or {}), default
        self.message_s, self.amd = message_s, amd
        self.legs: dict[LegId, FakeLeg] = {}
        self.contacts: dict[PersonId, FakeContact] = {}
        self.thirds: dict[ConsultId, FakeThird] = {}
        self.unread: deque[AgentVoiceEvent] = deque()
        self.arrived = asyncio.Event()
        self.tasks = Tasks()
        voice.on_answer, voice.on_end = self.answered, self.contact_ended
        self.on_leg_down: Callable[[LegId], None] = lambda leg_id: None  # whoever else uses the legs: queues
        self.on_caller: Callable[[OfferId, bool], None] = lambda offer, waits: None  # passed on, or waits in the queue again

    # -- what a test can do to it --------------------------------------------------------------------------------------------

    def hang_up_phone(self, leg_id: LegId, *, cause: int = 16, tech_cause: int | None = None) -> None:
        """The agent's phone is hung up, by the agent or by chance."""
        leg = self.legs.pop(leg_id, None)
        if leg is None:
            return
        self.say(AgentVoiceKind.LEG_DOWN, leg.order.switch, leg_id=leg_id, cause=cause, tech_cause=tech_cause)
        self.on_leg_down(leg_id)
        if leg.contact is not None:
            self.wait_again(leg.contact, leg_id, Parting.LEG_GONE)
        self.leave_third(leg)
        for attempt_id, contact in list(self.contacts.items()):
            if contact.keeper == leg_id and contact.state is ContactState.HELD:
                self.wait(attempt_id, again=True)
        for spy_id, spy in self.legs.items():
            if spy.spies_on is not None and spy.spies_on[0] == leg_id:
                self.back_to_park(spy_id)

    def hang_up_third(self, consult_id: ConsultId, *, cause: int = 16, tech_cause: int | None = None) -> None:
        """The third party hangs up."""
        third = self.thirds.pop(consult_id, None)
        if third is None:
            return
        self.say(
            AgentVoiceKind.CONSULT_DOWN,
            third.switch,
            consult_id=consult_id,
            leg_id=third.order.leg_id,
            cause=cause,
            tech_cause=tech_cause,
        )
        if third.gets in self.contacts:
            self.wait(third.gets, again=True)
        for leg_id, leg in self.legs.items():
            if leg.third == consult_id:
                self.back_to_park(leg_id)
        for attempt_id, contact in list(self.contacts.items()):
            if consult_id in contact.thirds:
                contact.thirds = tuple(one for one in contact.thirds if one != consult_id)
                if not contact.legs and contact.transferred and (call := self.call_of(contact)) is not None:
                    call.cut.set()
                elif not contact.legs and not contact.thirds:
                    self.wait(attempt_id, again=True)

    def press(self, person: PersonId, keys: str) -> None:
        """The contact presses keys."""
        for key in keys:
            self.say(AgentVoiceKind.KEY, self.contacts[person].switch, attempt_id=person, key=key)

    def restart(self, switch: str) -> None:
        """Everything on a switch is gone, and nobody tells: call it beside `FakeVoice.restart`."""
        for attempt_id in [one for one, contact in self.contacts.items() if contact.switch == switch]:
            self.stop_timer(self.contacts.pop(attempt_id))
        self.legs = {one: leg for one, leg in self.legs.items() if leg.order.switch != switch}
        self.thirds = {one: third for one, third in self.thirds.items() if third.switch != switch}

    async def stop(self) -> None:
        """End everything that waits."""
        await self.tasks.stop()

    # -- inside --------------------------------------------------------------------------------------------------------------

    async def answered(self, order: CallOrder) -> None:
        """A contact has answered: `FakeVoice` tells."""
        if order.floor:
            contact = FakeContact(order, self.voice.switch_for(order.trunk))
            self.contacts[order.attempt_id] = contact
            self.wait(order.attempt_id, again=False)

    def took(self, switch: str, offer: OfferId, leg_id: LegId) -> None:
        """An agent and a caller of a queue talk: `FakeQueues` tells."""
        self.contacts[offer] = FakeContact(None, switch, offer=offer)
        self.connect(offer, leg_id)

    def contact_ended(self, person: PersonId) -> None:
        """A contact has hung up: `FakeVoice` tells. Or a caller: `FakeQueues` does."""
        contact = self.contacts.pop(person, None)
        if contact is not None:
            self.stop_timer(contact)
            for leg_id in contact.legs:
                self.say_parted(contact, person, leg_id, Parting.CONTACT_GONE)
                self.back_to_park(leg_id)
            for one in contact.thirds:
                self.hang_up_third(one)

    async def live_leg(self, order: LegOrder) -> None:
        """A telephone of an agent, from its ringing to its end."""
        phone = self.phones.get(order.phone, self.default)
        if phone.answer_s is None or phone.answer_s > order.ring_timeout_s:
            limit = order.ring_timeout_s
            await self.clock.sleep(limit if phone.hangup_s is None else min(limit, phone.hangup_s))
            self.hang_up_phone(order.leg_id, cause=phone.cause, tech_cause=phone.tech_cause)
            return
        await self.clock.sleep(phone.answer_s)
        if order.leg_id in self.legs:
            self.say(AgentVoiceKind.LEG_UP, order.switch, leg_id=order.leg_id)
            self.back_to_park(order.leg_id)
        if phone.hangup_s is not None:
            await self.clock.sleep(phone.hangup_s - phone.answer_s)
            self.hang_up_phone(order.leg_id)

    async def live_third(self, order: ConsultOrder) -> None:
        """A third party, from the ringing to the end."""
        callee = self.voice.callees.get(order.number, self.voice.default)
        if callee.answer_s is None or callee.answer_s > order.ring_timeout_s:
            limit = order.ring_timeout_s
            await self.clock.sleep(limit if callee.hangup_s is None else min(limit, callee.hangup_s))
            self.hang_up_third(order.consult_id, cause=callee.cause, tech_cause=callee.tech_cause)
            return
        await self.clock.sleep(callee.answer_s)
        third, leg = self.thirds.get(order.consult_id), self.legs.get(order.leg_id)
        if third is not None and third.gets is not None:
            third.up = True
            self.pass_on(third.gets, order.consult_id)
        elif third is None or leg is None:
            self.hang_up_third(order.consult_id)
            return
        else:
            third.up, leg.state, leg.third = True, LegState.TALKING, order.consult_id
            self.say(AgentVoiceKind.CONSULT_UP, third.switch, consult_id=order.consult_id, leg_id=order.leg_id)
        if callee.hangup_s is not None:
            await self.clock.sleep(callee.hangup_s - callee.answer_s)
            self.hang_up_third(order.consult_id)

    def pass_on(self, person: PersonId, consult_id: ConsultId) -> None:
        """Whoever it is talks with the third party, if both are there; a caller is known no more."""
        contact, third = self.contacts.get(person), self.thirds[consult_id]
        if contact is None:
            self.hang_up_third(consult_id)
            return
        self.stop_timer(contact)
        self.leave_all(person, Parting.PASSED_ON)
        third.gets = None
        if contact.offer is not None:
            del self.contacts[person]
            self.on_caller(contact.offer, False)
        contact.state, contact.thirds, contact.transferred = ContactState.TALKING, (consult_id,), True

    async def nobody_came(self, order: CallOrder) -> None:
        """What the dialplan does with a person who has waited long enough."""
        contact = self.contacts[order.attempt_id]
        await self.clock.sleep(order.wait_s)
        self.say(AgentVoiceKind.NUISANCE, contact.switch, attempt_id=order.attempt_id)
        await self.message(order.attempt_id, order.nuisance)

    async def message(self, attempt_id: AttemptId, sound: str) -> None:
        """The nuisance message, and then the end of the call."""
        contact = self.contacts[attempt_id]
        contact.state, contact.heard = ContactState.MESSAGE, sound
        await self.clock.sleep(self.message_s)
        if attempt_id in self.voice.calls:
            self.voice.calls[attempt_id].cut.set()

    def call_of(self, contact: FakeContact) -> FakeCall | None:
        """The call of a contact; None for a caller, and where it is over."""
        return None if contact.order is None else self.voice.calls.get(contact.order.attempt_id)

    def connect(self, person: PersonId, leg_id: LegId) -> None:
        contact, leg = self.contacts[person], self.legs[leg_id]
        self.stop_timer(contact)
        contact.state = ContactState.TALKING
        leg.state, leg.contact, leg.spies_on = LegState.TALKING, person, None
        if leg_id not in contact.legs:
            contact.legs += (leg_id,)
            self.say(AgentVoiceKind.JOINED, contact.switch, **contact_named(contact, person), leg_id=leg_id)

    def back_to_park(self, leg_id: LegId) -> None:
        """A leg is joined with nobody any more."""
        leg = self.legs[leg_id]
        leg.state, leg.contact, leg.third, leg.spies_on = LegState.PARKED, None, None, None
        self.say(AgentVoiceKind.LEG_PARKED, leg.order.switch, leg_id=leg_id)

    def leave_all(self, person: PersonId, parting: Parting, *, but: LegId | None = None) -> None:
        """The contact leaves its agents, and third parties without hanging them up."""
        contact = self.contacts[person]
        for leg_id in [one for one in contact.legs if one != but]:
            self.say_parted(contact, person, leg_id, parting)
            self.back_to_park(leg_id)
        contact.legs = tuple(one for one in contact.legs if one == but)
        contact.thirds = ()

    def leave_third(self, leg: FakeLeg) -> None:
        """Whom the leg talked with, if an agent, is parked; a third party is hung up."""
        third, leg.third = leg.third, None
        if third is None:
            return
        other = self.legs.get(LegId(third))
        if other is not None and other.third == leg.order.leg_id:
            self.back_to_park(other.order.leg_id)
        self.hang_up_third(ConsultId(third))

    def say_parted(self, contact: FakeContact, person: PersonId, leg_id: LegId, parting: Parting) -> None:
        facts = contact_named(contact, person)
        self.say(AgentVoiceKind.PARTED, contact.switch, **facts, leg_id=leg_id, parting=parting)

    def wait_again(self, person: PersonId, leg_id: LegId, parting: Parting) -> None:
        """Somebody whose agent is gone waits anew."""
        contact = self.contacts[person]
        contact.legs = tuple(one for one in contact.legs if one != leg_id)
        self.say_parted(contact, person, leg_id, parting)
        if not contact.legs and not contact.thirds:
            self.wait(person, again=True)

    def wait(self, person: PersonId, *, again: bool) -> None:
        """A contact waits for an agent, `again` after having had one; a caller is back in the queue."""
        contact = self.contacts[person]
        if contact.offer is not None:
            del self.contacts[person]
            self.on_caller(contact.offer, True)
        if contact.order is not None:
            contact.state = ContactState.WAITING
            amd = self.amd if contact.order.amd else ""
            self.say(AgentVoiceKind.CONTACT_WAITING, contact.switch, attempt_id=person, amd=amd, again=again)
            contact.timer = self.spawn(self.nobody_came(contact.order))

    def stop_timer(self, contact: FakeContact) -> None:
        if contact.timer is not None:
            contact.timer.cancel()
            contact.timer = None

    def reachable(self, switch: str) -> None:
        """Raises NotSent unless the switch is linked."""
        state = self.voice.state_of(switch)
        if state not in (SwitchState.READY, SwitchState.RECONCILING):
            raise NotSent(f"the switch {switch} is {state.value}")

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        return self.tasks.start(work, name="fake-floor")

    def say(self, kind: AgentVoiceKind, switch: str, **facts: Any) -> None:
        """Tell it, unless the link to the switch is down: then it is lost."""
        if self.voice.states[switch] in (SwitchState.READY, SwitchState.RECONCILING):
            self.unread.append(AgentVoiceEvent(kind=kind, switch=switch, at=self.clock.now(), **facts))
            self.arrived.set()
