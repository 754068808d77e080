"""Agents' telephones without telephones, for tests: each phone does what a test says, beside the `FakeVoice` of the contacts.

Never for users. The real channel is `dialer.channels.asterisk.agent_voice`; one contract test holds both to the same words.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence

from dialer.domain.ids import AttemptId, ConsultId, LegId
from dialer.errors import NotSent, Rejected
from dialer.ports import CallOrder, Clock, SwitchState
from dialer.ports_agents import (
    AgentVoiceEvent,
    AgentVoiceKind,
    ConsultOrder,
    ContactState,
    FloorSeen,
    LegOrder,
    LegState,
    LiveContact,
    LiveLeg,
    Missing,
    Parting,
    SpyMode,
)
from dialer.testing_floor import FakeContact, FakeLeg, FakeThird
from dialer.testing_voice import FakeCallee, FakeVoice

PICKS_UP = FakeCallee(ring_s=None, answer_s=0.05)


class FakeAgentVoice:
    """Implements `AgentVoicePort` beside a `FakeVoice`, in the time of its clock. It takes the place of the voice's callbacks.

    `phones` says what each agent's phone does (`default` the others); third parties do what the voice's `callees` say.
    A phone or third party with `hangup_s` hangs up so long after the order. `message_s` is how long a message lasts.
    """

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
        self.contacts: dict[AttemptId, FakeContact] = {}
        self.thirds: dict[ConsultId, FakeThird] = {}
        self.unread: deque[AgentVoiceEvent] = deque()
        self.arrived = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()
        voice.on_answer, voice.on_end = self.answered, self.contact_ended

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
                LiveLeg(leg_id=leg_id, state=leg.state, attempt_id=leg.contact, age_s=now - leg.began)
                for leg_id, leg in self.legs.items()
                if leg.order.switch == switch
            ],
            contacts=[
                LiveContact(attempt_id=attempt_id, state=contact.state, leg_id=contact.legs[0] if contact.legs else None)
                for attempt_id, contact in self.contacts.items()
                if contact.switch == switch
            ],
            consults=[consult_id for consult_id, third in self.thirds.items() if third.switch == switch],
        )

    # -- the port: contacts --------------------------------------------------------------------------------------------------

    async def join(self, attempt_id: AttemptId, leg_id: LegId, *, tone: bool = True) -> Missing | None:
        contact, leg = self.contacts.get(attempt_id), self.legs.get(leg_id)
        if contact is None:
            return Missing.CONTACT
        if leg is None or leg.state is LegState.RINGING:
            return Missing.LEG
        self.reachable(contact.switch)
        self.leave_all(attempt_id, Parting.PASSED_ON, but=leg_id)
        self.leave_third(leg)
        if leg.contact is not None and leg.contact != attempt_id:
            self.wait_again(leg.contact, leg_id, Parting.PASSED_ON)
        self.connect(attempt_id, leg_id)
        return None

    async def resume(self, attempt_id: AttemptId, leg_id: LegId) -> Missing | None:
        return await self.join(attempt_id, leg_id, tone=False)

    async def hold(self, attempt_id: AttemptId) -> Missing | None:
        if (contact := self.contacts.get(attempt_id)) is None:
            return Missing.CONTACT
        self.reachable(contact.switch)
        self.stop_timer(contact)
        contact.keeper = next(iter(contact.legs), contact.keeper)
        self.leave_all(attempt_id, Parting.HELD)
        contact.state = ContactState.HELD
        return None

    async def release(self, attempt_id: AttemptId) -> None:
        if (contact := self.contacts.get(attempt_id)) is not None:
            await self.voice.hang_up(attempt_id, contact.switch)

    async def send_digits(self, attempt_id: AttemptId, digits: str) -> Missing | None:
        if not digits or len(digits) > 32 or set(digits) - set("0123456789*#ABCD"):
            raise Rejected("these are no keys")
        if (contact := self.contacts.get(attempt_id)) is None:
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
        contact.timer = self.spawn(self.message(attempt_id, sound or contact.order.nuisance))
        return None

    # -- the port: third parties ---------------------------------------------------------------------------------------------

    async def consult(self, attempt_id: AttemptId, order: ConsultOrder) -> Missing | None:
        contact, leg = self.contacts.get(attempt_id), self.legs.get(order.leg_id)
        if contact is None:
            return Missing.CONTACT
        if leg is None:
            return Missing.LEG
        await self.hold(attempt_id)
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

    async def transfer(self, attempt_id: AttemptId, consult_id: ConsultId) -> Missing | None:
        contact, third = self.contacts.get(attempt_id), self.thirds.get(consult_id)
        if contact is None:
            return Missing.CONTACT
        if third is None or not third.up:
            return Missing.THIRD
        self.reachable(contact.switch)
        self.stop_timer(contact)
        self.leave_all(attempt_id, Parting.PASSED_ON)
        contact.state, contact.thirds, contact.transferred = ContactState.TALKING, (consult_id,), True
        if (leg := self.legs.get(third.order.leg_id)) is not None and leg.third == consult_id:
            self.back_to_park(third.order.leg_id)
        return None

    async def conference(
        self, attempt_id: AttemptId, legs: Sequence[LegId], consults: Sequence[ConsultId] = ()
    ) -> Sequence[Missing]:
        if (contact := self.contacts.get(attempt_id)) is None:
            return [Missing.CONTACT]
        self.reachable(contact.switch)
        self.stop_timer(contact)
        here = tuple(leg_id for leg_id in legs if leg_id in self.legs)
        thirds = tuple(one for one in consults if one in self.thirds and self.thirds[one].up)
        for leg_id in here:
            self.legs[leg_id].third = None
            if leg_id not in contact.legs:
                self.connect(attempt_id, leg_id)
        contact.thirds = thirds
        return [Missing.LEG] * (len(legs) - len(here)) + [Missing.THIRD] * (len(consults) - len(thirds))

    async def end_conference(self, attempt_id: AttemptId, leg_id: LegId) -> Missing | None:
        contact = self.contacts.get(attempt_id)
        thirds = contact.thirds if contact is not None else ()
        missing = await self.join(attempt_id, leg_id, tone=False)
        if missing is None:
            for one in thirds:
                self.hang_up_third(one)
        return missing

    # -- what a test can do to it --------------------------------------------------------------------------------------------

    def hang_up_phone(self, leg_id: LegId, *, cause: int = 16, tech_cause: int | None = None) -> None:
        """The agent's phone is hung up, by the agent or by chance."""
        leg = self.legs.pop(leg_id, None)
        if leg is None:
            return
        self.say(AgentVoiceKind.LEG_DOWN, leg.order.switch, leg_id=leg_id, cause=cause, tech_cause=tech_cause)
        if leg.contact is not None:
            self.wait_again(leg.contact, leg_id, Parting.LEG_GONE)
        self.leave_third(leg)
        for attempt_id, contact in self.contacts.items():
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
        for leg_id, leg in self.legs.items():
            if leg.third == consult_id:
                self.back_to_park(leg_id)
        for attempt_id, contact in list(self.contacts.items()):
            if consult_id in contact.thirds:
                contact.thirds = tuple(one for one in contact.thirds if one != consult_id)
                if not contact.legs and contact.transferred and attempt_id in self.voice.calls:
                    self.voice.calls[attempt_id].cut.set()
                elif not contact.legs and not contact.thirds:
                    self.wait(attempt_id, again=True)

    def restart(self, switch: str) -> None:
        """Everything on a switch is gone, and nobody tells: call it beside `FakeVoice.restart`."""
        for attempt_id in [one for one, contact in self.contacts.items() if contact.switch == switch]:
            self.stop_timer(self.contacts.pop(attempt_id))
        self.legs = {one: leg for one, leg in self.legs.items() if leg.order.switch != switch}
        self.thirds = {one: third for one, third in self.thirds.items() if third.switch != switch}

    async def stop(self) -> None:
        """End everything that waits."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    # -- inside --------------------------------------------------------------------------------------------------------------

    async def answered(self, order: CallOrder) -> None:
        """A contact has answered: `FakeVoice` tells."""
        if order.floor:
            contact = FakeContact(order, self.voice.switch_for(order.trunk))
            self.contacts[order.attempt_id] = contact
            self.wait(order.attempt_id, again=False)

    def contact_ended(self, attempt_id: AttemptId) -> None:
        """A contact has hung up: `FakeVoice` tells."""
        contact = self.contacts.pop(attempt_id, None)
        if contact is not None:
            self.stop_timer(contact)
            for leg_id in contact.legs:
                self.say(
                    AgentVoiceKind.PARTED,
                    contact.switch,
                    attempt_id=attempt_id,
                    leg_id=leg_id,
                    parting=Parting.CONTACT_GONE,
                )
                self.back_to_park(leg_id)
            for one in contact.thirds:
                self.hang_up_third(one)

    async def live_leg(self, order: LegOrder) -> None:
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
        callee = self.voice.callees.get(order.number, self.voice.default)
        if callee.answer_s is None or callee.answer_s > order.ring_timeout_s:
            limit = order.ring_timeout_s
            await self.clock.sleep(limit if callee.hangup_s is None else min(limit, callee.hangup_s))
            self.hang_up_third(order.consult_id, cause=callee.cause, tech_cause=callee.tech_cause)
            return
        await self.clock.sleep(callee.answer_s)
        third, leg = self.thirds.get(order.consult_id), self.legs.get(order.leg_id)
        if third is None or leg is None:
            self.hang_up_third(order.consult_id)
            return
        third.up, leg.state, leg.third = True, LegState.TALKING, order.consult_id
        self.say(AgentVoiceKind.CONSULT_UP, third.switch, consult_id=order.consult_id, leg_id=order.leg_id)
        if callee.hangup_s is not None:
            await self.clock.sleep(callee.hangup_s - callee.answer_s)
            self.hang_up_third(order.consult_id)

    async def nobody_came(self, attempt_id: AttemptId) -> None:
        contact = self.contacts[attempt_id]
        await self.clock.sleep(contact.order.wait_s)
        self.say(AgentVoiceKind.NUISANCE, contact.switch, attempt_id=attempt_id)
        await self.message(attempt_id, contact.order.nuisance)

    async def message(self, attempt_id: AttemptId, sound: str) -> None:
        contact = self.contacts[attempt_id]
        contact.state, contact.heard = ContactState.MESSAGE, sound
        await self.clock.sleep(self.message_s)
        if attempt_id in self.voice.calls:
            self.voice.calls[attempt_id].cut.set()

    def connect(self, attempt_id: AttemptId, leg_id: LegId) -> None:
        contact, leg = self.contacts[attempt_id], self.legs[leg_id]
        self.stop_timer(contact)
        contact.state = ContactState.TALKING
        leg.state, leg.contact, leg.spies_on = LegState.TALKING, attempt_id, None
        if leg_id not in contact.legs:
            contact.legs += (leg_id,)
            self.say(AgentVoiceKind.JOINED, contact.switch, attempt_id=attempt_id, leg_id=leg_id)

    def back_to_park(self, leg_id: LegId) -> None:
        leg = self.legs[leg_id]
        leg.state, leg.contact, leg.third, leg.spies_on = LegState.PARKED, None, None, None
        self.say(AgentVoiceKind.LEG_PARKED, leg.order.switch, leg_id=leg_id)

    def leave_all(self, attempt_id: AttemptId, parting: Parting, *, but: LegId | None = None) -> None:
        """The contact leaves its agents, and third parties without hanging them up."""
        contact = self.contacts[attempt_id]
        for leg_id in [one for one in contact.legs if one != but]:
            self.say(AgentVoiceKind.PARTED, contact.switch, attempt_id=attempt_id, leg_id=leg_id, parting=parting)
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

    def wait_again(self, attempt_id: AttemptId, leg_id: LegId, parting: Parting) -> None:
        contact = self.contacts[attempt_id]
        contact.legs = tuple(one for one in contact.legs if one != leg_id)
        self.say(AgentVoiceKind.PARTED, contact.switch, attempt_id=attempt_id, leg_id=leg_id, parting=parting)
        if not contact.legs and not contact.thirds:
            self.wait(attempt_id, again=True)

    def wait(self, attempt_id: AttemptId, *, again: bool) -> None:
        contact = self.contacts[attempt_id]
        contact.state = ContactState.WAITING
        amd = self.amd if contact.order.amd else ""
        self.say(AgentVoiceKind.CONTACT_WAITING, contact.switch, attempt_id=attempt_id, amd=amd, again=again)
        contact.timer = self.spawn(self.nobody_came(attempt_id))

    def stop_timer(self, contact: FakeContact) -> None:
        if contact.timer is not None:
            contact.timer.cancel()
            contact.timer = None

    def reachable(self, switch: str) -> None:
        state = self.voice.state_of(switch)
        if state not in (SwitchState.READY, SwitchState.RECONCILING):
            raise NotSent(f"the switch {switch} is {state.value}")

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def say(self, kind: AgentVoiceKind, switch: str, **facts: object) -> None:
        """Tell it, unless the link to the switch is down: then it is lost."""
        if self.voice.states[switch] in (SwitchState.READY, SwitchState.RECONCILING):
            self.unread.append(AgentVoiceEvent(kind=kind, switch=switch, at=self.clock.now(), **facts))  # type: ignore[arg-type]
            self.arrived.set()
