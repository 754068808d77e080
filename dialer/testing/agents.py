"""Agents' telephones without telephones, for tests: each phone does what a test says, beside the `FakeVoice` of the contacts.

Never for users. The real channel is `dialer.channels.asterisk.agent_voice`; one contract test holds both to the same words.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from dialer.domain.ids import AttemptId, ConsultId, LegId, PersonId
from dialer.errors import Rejected
from dialer.ports_agents import (
    AgentVoiceEvent,
    ConsultOrder,
    ContactState,
    FloorSeen,
    LegOrder,
    LegState,
    LiveCaller,
    LiveContact,
    LiveLeg,
    Missing,
    Parting,
    SpyMode,
)
from dialer.testing.floor import FakeFloor, FakeLeg, FakeThird


class FakeAgentVoice(FakeFloor):
    """Implements `AgentVoicePort` beside a `FakeVoice`, in the time of its clock. It takes the place of the voice's callbacks.

    `phones` says what each agent's phone does (`default` the others); third parties do what the voice's `callees` say.
    A phone or third party with `hangup_s` hangs up so long after the order. `message_s` is how long a message lasts.
    """

    # -- the port: legs ------------------------------------------------------------------------------------------------------

    async def events(self) -> AsyncIterator[AgentVoiceEvent]:
        while True:
            while self.unread:
                yield self.unread.popleft()
            self.arrived.clear()
            await self.arrived.wait()

    async def ring(self, order: LegOrder) -> None:
        self.reachable(order.switch)
        if order.leg_id in self.legs:
            raise Rejected("there is a leg of this name")
        self.legs[order.leg_id] = FakeLeg(order, self.clock.monotonic_s())
        self.spawn(self.live_leg(order))

    async def drop(self, leg_id: LegId) -> None:
        if (leg := self.legs.get(leg_id)) is not None:
            self.reachable(leg.order.switch)
            self.hang_up_phone(leg_id)

    async def spy(self, leg_id: LegId, on: LegId, mode: SpyMode) -> Missing | None:
        leg, other = self.legs.get(leg_id), self.legs.get(on)
        if leg is None or other is None or other.state is LegState.RINGING:
            return Missing.LEG
        self.reachable(leg.order.switch)
        leg.state, leg.spies_on = LegState.SPYING, (on, mode)
        return None

    async def park(self, leg_id: LegId) -> Missing | None:
        leg = self.legs.get(leg_id)
        if leg is None or leg.state is LegState.RINGING:
            return Missing.LEG
        self.reachable(leg.order.switch)
        if leg.contact is not None:
            self.wait_again(leg.contact, leg_id, Parting.PASSED_ON)
        self.leave_third(leg)
        self.back_to_park(leg_id)
        return None

    async def look(self, switch: str) -> FloorSeen:
        self.reachable(switch)
        now = self.clock.monotonic_s()
        return FloorSeen(
            legs=[
                LiveLeg(
                    leg_id=leg_id,
                    state=leg.state,
                    attempt_id=None if leg.contact is None or self.contacts[leg.contact].offer else AttemptId(leg.contact),
                    offer=None if leg.contact is None else self.contacts[leg.contact].offer,
                    age_s=now - leg.began,
                )
                for leg_id, leg in self.legs.items()
                if leg.order.switch == switch
            ],
            contacts=[
                LiveContact(
                    attempt_id=contact.order.attempt_id, state=contact.state, leg_id=contact.legs[0] if contact.legs else None
                )
                for contact in self.contacts.values()
                if contact.switch == switch and contact.order is not None
            ],
            callers=[
                LiveCaller(offer=contact.offer, state=contact.state, leg_id=contact.legs[0] if contact.legs else None)
                for contact in self.contacts.values()
                if contact.switch == switch and contact.offer is not None
            ],
            consults=[consult_id for consult_id, third in self.thirds.items() if third.switch == switch],
        )

    # -- the port: contacts --------------------------------------------------------------------------------------------------

    async def join(self, person: PersonId, leg_id: LegId, *, tone: bool = True) -> Missing | None:
        contact, leg = self.contacts.get(person), self.legs.get(leg_id)
        if contact is None:
            return Missing.CONTACT
        if leg is None or leg.state is LegState.RINGING:
            return Missing.LEG
        self.reachable(contact.switch)
        self.leave_all(person, Parting.PASSED_ON, but=leg_id)
        self.leave_third(leg)
        if leg.contact is not None and leg.contact != person:
            self.wait_again(leg.contact, leg_id, Parting.PASSED_ON)
        self.connect(person, leg_id)
        return None

    async def resume(self, person: PersonId, leg_id: LegId) -> Missing | None:
        return await self.join(person, leg_id, tone=False)

    async def hold(self, person: PersonId) -> Missing | None:
        if (contact := self.contacts.get(person)) is None:
            return Missing.CONTACT
        self.reachable(contact.switch)
        self.stop_timer(contact)
        contact.keeper = next(iter(contact.legs), contact.keeper)
        self.leave_all(person, Parting.HELD)
        contact.state = ContactState.HELD
        return None

    async def release(self, attempt_id: AttemptId) -> None:
        if (contact := self.contacts.get(attempt_id)) is not None:
            await self.voice.hang_up(attempt_id, contact.switch)

    async def send_digits(self, person: PersonId, digits: str) -> Missing | None:
        if not digits or len(digits) > 32 or set(digits) - set("0123456789*#ABCD"):
            raise Rejected("these are no keys")
        if (contact := self.contacts.get(person)) is None:
            return Missing.CONTACT
        self.reachable(contact.switch)
        contact.digits += digits
        return None

    async def play_message(self, attempt_id: AttemptId, sound: str = "") -> Missing | None:
        if (contact := self.contacts.get(attempt_id)) is None:
            return Missing.CONTACT
        self.reachable(contact.switch)
        self.stop_timer(contact)
        self.leave_all(attempt_id, Parting.PASSED_ON)
        contact.timer = self.spawn(self.message(attempt_id, sound or (contact.order.nuisance if contact.order else "")))
        return None

    # -- the port: third parties ---------------------------------------------------------------------------------------------

    async def consult(self, person: PersonId, order: ConsultOrder) -> Missing | None:
        contact, leg = self.contacts.get(person), self.legs.get(order.leg_id)
        if contact is None:
            return Missing.CONTACT
        if leg is None:
            return Missing.LEG
        await self.hold(person)
        self.thirds[order.consult_id] = FakeThird(order, contact.switch)
        self.spawn(self.live_third(order))
        return None

    async def talk(self, leg_id: LegId, other: LegId) -> Missing | None:
        one, two = self.legs.get(leg_id), self.legs.get(other)
        if one is None or two is None or LegState.RINGING in (one.state, two.state):
            return Missing.LEG
        self.reachable(one.order.switch)
        for leg, partner in ((one, other), (two, leg_id)):
            leg.state, leg.third = LegState.TALKING, partner
        return None

    async def cancel_consult(self, consult_id: ConsultId) -> None:
        if consult_id in self.thirds:
            self.hang_up_third(consult_id)

    async def transfer(self, person: PersonId, consult_id: ConsultId) -> Missing | None:
        contact, third = self.contacts.get(person), self.thirds.get(consult_id)
        if contact is None:
            return Missing.CONTACT
        if third is not None and not third.up and contact.offer is not None:
            third.gets, contact.keeper = person, None
            return None
        if third is None or not third.up:
            return Missing.THIRD
        self.reachable(contact.switch)
        self.pass_on(person, consult_id)
        if (leg := self.legs.get(third.order.leg_id)) is not None and leg.third == consult_id:
            self.back_to_park(third.order.leg_id)
        return None

    async def conference(self, person: PersonId, legs: Sequence[LegId], consults: Sequence[ConsultId] = ()) -> Sequence[Missing]:
        if (contact := self.contacts.get(person)) is None:
            return [Missing.CONTACT]
        self.reachable(contact.switch)
        self.stop_timer(contact)
        here = tuple(leg_id for leg_id in legs if leg_id in self.legs)
        thirds = tuple(one for one in consults if one in self.thirds and self.thirds[one].up)
        for leg_id in here:
            self.legs[leg_id].third = None
            if leg_id not in contact.legs:
                self.connect(person, leg_id)
        contact.thirds = thirds
        return [Missing.LEG] * (len(legs) - len(here)) + [Missing.THIRD] * (len(consults) - len(thirds))

    async def end_conference(self, person: PersonId, leg_id: LegId) -> Missing | None:
        contact = self.contacts.get(person)
        thirds = contact.thirds if contact is not None else ()
        missing = await self.join(person, leg_id, tone=False)
        if missing is None:
            for one in thirds:
                self.hang_up_third(one)
        return missing
