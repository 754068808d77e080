"""Agents' legs and the contacts who talk with them, on our Asterisks: the agents' side of the voice channel."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from dialer.channels.asterisk import agent_words as words
from dialer.channels.asterisk.agent_adopt import adopt
from dialer.channels.asterisk.agent_asks import FloorAsks
from dialer.channels.asterisk.agent_conferences import Conferences
from dialer.channels.asterisk.agent_memory import FloorMemory, Leg, OnFloor
from dialer.channels.asterisk.agent_thirds import ThirdParties
from dialer.channels.asterisk.agent_words import AGENT, DIGITS, FLOOR, Action, context_of
from dialer.channels.asterisk.originate import SOUND, is_offer
from dialer.channels.asterisk.voice import AsteriskVoice
from dialer.domain.ids import AttemptId, ConsultId, LegId, PersonId
from dialer.errors import MaybeSent, NotSent, Rejected
from dialer.ports import SwitchState
from dialer.ports_agents import (
    AgentVoiceEvent,
    ConsultOrder,
    ContactState,
    FloorSeen,
    LegOrder,
    Missing,
    Parting,
    SpyMode,
)

BETWEEN_DIGITS_S = 0.1
OLD_DIALPLAN = (
    "its dialplan knows no hold for callers of queues: write extensions_outdial_agents.conf anew (dialer switch config)"
)


class AsteriskAgentVoice:
    """The `AgentVoicePort` over the links of an `AsteriskVoice`."""

    def __init__(self, voice: AsteriskVoice) -> None:
        self.voice, self.ids, self.clock = voice, voice.ids, voice.clock
        self.memory = FloorMemory(self.ids, self.clock, self)
        self.asks = FloorAsks(voice, self.memory)
        self.thirds, self.conferences = ThirdParties(self), Conferences(self)
        voice.also.append(self.memory.hear)

    async def events(self) -> AsyncIterator[AgentVoiceEvent]:
        """Everything that happens, in the order of arrival. One reader."""
        memory = self.memory
        while True:
            while memory.unread:
                yield memory.unread.popleft()
            memory.arrived.clear()
            await memory.arrived.wait()

    async def stop(self) -> None:
        """End what is under way; legs and calls that are up stay up."""
        await self.asks.stop()

    async def look(self, switch: str) -> FloorSeen:
        """What there is, for adoption after a restart or a lost link. Raises NotSent when it cannot be had whole."""
        asked_at, link = self.clock.monotonic_s(), self.voice.switch(switch).link
        anew = link.state is not SwitchState.READY
        try:
            frames = await link.fetch_list({"Action": "CoreShowChannels"}, "CoreShowChannelsComplete")
        except (MaybeSent, Rejected) as exc:
            raise NotSent(f"the channel list of {switch} cannot be had: {exc}") from exc
        seen, conferences = words.floor_seen(frames, self.ids), words.conferences_in(frames, self.ids)
        return adopt(self.memory, switch, seen, asked_at, anew=anew, conferences=conferences)

    # -- legs ----------------------------------------------------------------------------------------------------------------

    async def ring(self, order: LegOrder) -> None:
        """Ring an agent's phone; waits for its turn under the CPS caps of the trunk."""
        trunk = self.voice.trunk(order.trunk) if order.trunk else None
        if trunk is not None and trunk.switch != order.switch:
            raise Rejected("the agent's trunk is on another switch")
        action = words.ring(order, trunk, self.ids)
        switch = self.voice.switch(order.switch)
        if order.leg_id in self.memory.legs:
            raise Rejected("there is a leg of this name")
        self.memory.legs[order.leg_id] = Leg(switch=order.switch, changed=self.clock.monotonic_s())
        try:
            if trunk is not None:
                await self.asks.launch(self.ids.leg(order.leg_id), trunk.name, action)
            else:
                switch.may_write()
                await switch.link.call(action)
        except (NotSent, Rejected):
            self.memory.legs.pop(order.leg_id, None)
            raise

    async def drop(self, leg_id: LegId) -> None:
        """End a leg; a contact who talks with it waits again."""
        if (leg := self.memory.legs.get(leg_id)) is not None:
            await self.asks.give_up(leg.switch, self.ids.leg(leg_id), up=leg.up)

    def given_up(self, switch: str, channel: str) -> None:
        self.asks.spawn(self.asks.give_up(switch, channel, up=True), f"given-up-{channel}")

    def overrun(self, switch: str) -> None:
        self.voice.switch(switch).link.resync("events of the floor were not read in time")

    async def park(self, leg_id: LegId) -> Missing | None:
        """The leg is idle again, whatever it was in."""
        leg = self.memory.legs.get(leg_id)
        if leg is None or not leg.up:
            return Missing.LEG
        contact, channel = self.memory.contacts.get(leg.contact) if leg.contact is not None else None, self.ids.leg(leg_id)
        if contact is not None:
            contact.parting = Parting.PASSED_ON
        try:
            gone = await self.asks.send(leg.switch, words.redirect(channel, AGENT, "s"), ("OutdialParked", channel))
        finally:
            if contact is not None:
                contact.parting = None
        return Missing.LEG if gone else None

    async def talk(self, leg_id: LegId, other: LegId) -> Missing | None:
        """Let two agents talk, until `park`."""
        await self.asks.back(leg_id, other)
        one, two = self.memory.legs.get(leg_id), self.memory.legs.get(other)
        if one is None or two is None or not (one.up and two.up):
            return Missing.LEG
        switch = self.asks.same_switch(one.switch, two.switch)
        channels = self.ids.leg(leg_id), self.ids.leg(other)
        if await self.asks.ask(switch, words.bridge(*channels), before=[self.taken(one) for one in channels]):
            return Missing.LEG
        one.partner, two.partner, one.idle, two.idle = other, leg_id, False, False
        return None

    async def spy(self, leg_id: LegId, on: LegId, mode: SpyMode) -> Missing | None:
        """A supervisor's leg takes part in what another leg hears and says."""
        leg, other = self.memory.legs.get(leg_id), self.memory.legs.get(on)
        if leg is None or other is None or not (leg.up and other.up):
            return Missing.LEG
        switch, channel = self.asks.same_switch(leg.switch, other.switch), self.ids.leg(leg_id)
        gone = await self.asks.send(
            switch,
            words.redirect(channel, AGENT, "spy"),
            ("OutdialSpying", channel),
            before=(
                words.set_variable(channel, "OUTDIAL_SPY_ON", self.ids.leg(on)),
                words.set_variable(channel, "OUTDIAL_SPY_MODE", words.SPY_OPTIONS[mode]),
            ),
        )
        leg.idle, leg.spying = False, not gone
        return Missing.LEG if gone else None

    # -- contacts ------------------------------------------------------------------------------------------------------------

    async def join(self, person: PersonId, leg_id: LegId, *, tone: bool = True) -> Missing | None:
        """Let a contact and an agent talk; returns when they do."""
        await self.asks.back(leg_id)
        contact, leg = self.memory.contacts.get(person), self.memory.legs.get(leg_id)
        if contact is None:
            return Missing.CONTACT
        if leg is None or not leg.up:
            return Missing.LEG
        switch = self.asks.same_switch(contact.switch, leg.switch)
        if (missing := await self.leave_rooms(person, contact, leg_id, leg)) is not None:
            return missing
        before, contact.parting = set(contact.legs) - {leg_id}, Parting.PASSED_ON
        self.memory.will_join(person, leg_id)
        channel = self.ids.of(person)
        try:
            gone = await self.asks.ask(
                switch,
                words.bridge(self.ids.leg(leg_id), channel, tone=tone),
                before=(self.taken(self.ids.leg(leg_id)), words.set_variable(channel, "OUTDIAL_WITH", "agent")),
            )
            if not gone and self.memory.joined(person, leg_id):
                for one in before:
                    self.memory.part(person, one, Parting.PASSED_ON)
                return None
        finally:
            contact.parting = None
        return await self.not_joined(person, contact, leg_id)

    def taken(self, leg_channel: str) -> Action:
        """Before a leg is bridged: one that has said to be parked, and is not yet, must not come back there without a word."""
        return words.set_variable(leg_channel, "OUTDIAL_WITH", "somebody")

    async def not_joined(self, person: PersonId, contact: OnFloor, leg_id: LegId) -> Missing:
        """Who is gone; the contact, if there, goes on waiting as if nobody had been about to come."""
        contact.legs.pop(leg_id, None)
        if person not in self.memory.contacts:
            return Missing.CONTACT
        reset = words.set_variable(self.ids.of(person), "OUTDIAL_WITH", "")
        if contact.state is not ContactState.TALKING and await self.asks.ask(contact.switch, reset):
            return Missing.CONTACT
        return Missing.LEG

    async def leave_rooms(self, person: PersonId, contact: OnFloor, leg_id: LegId, leg: Leg) -> Missing | None:
        """Nobody can be taken out of a conference, or away from spying, by a bridge alone."""
        if contact.conference and (missing := await self.hold(person)) is not None:
            return missing
        other = self.memory.contacts.get(leg.contact) if leg.contact is not None else None
        if leg.spying or (other is not None and other.conference):
            return await self.park(leg_id)
        return None

    async def resume(self, person: PersonId, leg_id: LegId) -> Missing | None:
        """End the hold: a join without a tone."""
        return await self.join(person, leg_id, tone=False)

    async def hold(self, person: PersonId) -> Missing | None:
        """The contact hears music, and its agent is parked."""
        contact = self.memory.contacts.get(person)
        if contact is None:
            return Missing.CONTACT
        channel = self.ids.of(person)
        if is_offer(person) and await self.asks.variable(contact.switch, channel, "OUTDIAL_HOLDS") == "":
            raise Rejected(f"{contact.switch}: {OLD_DIALPLAN}")  # it would hang the caller up
        contact.parting = Parting.HELD
        # Their parking belongs to it: told after the next join it would part those who have just been joined.
        parked = [("OutdialParked", self.ids.leg(one)) for one in contact.legs]
        gone = await self.asks.send(
            contact.switch, words.redirect(channel, context_of(person), "held"), ("OutdialHeld", channel), *parked
        )
        return Missing.CONTACT if gone else None

    async def release(self, attempt_id: AttemptId) -> None:
        """Hang up the contact; its agent is parked."""
        if (contact := self.memory.contacts.get(attempt_id)) is not None:
            await self.voice.hang_up(attempt_id, contact.switch)

    async def send_digits(self, person: PersonId, digits: str) -> Missing | None:
        """Press keys towards the contact; returns when all are sent."""
        if not DIGITS.match(digits):
            raise Rejected("these are no keys: 1 to 32 of 0-9 * # A-D")
        contact = self.memory.contacts.get(person)
        if contact is None:
            return Missing.CONTACT
        for place, digit in enumerate(digits):
            if place:
                await self.clock.sleep(BETWEEN_DIGITS_S)
            # The switch answers when the tone has been sent, and nothing else of ours meanwhile: so it is a short one.
            if await self.asks.ask(contact.switch, words.press(self.ids.of(person), digit)):
                return Missing.CONTACT
        return None

    async def play_message(self, attempt_id: AttemptId, sound: str = "") -> Missing | None:
        """Take the contact out of whatever it is in, say a sound, and hang up."""
        if sound and not SOUND.match(sound):
            raise Rejected("this is not the plain name of a sound")
        contact = self.memory.contacts.get(attempt_id)
        if contact is None:
            return Missing.CONTACT
        contact.parting = Parting.PASSED_ON
        channel = self.ids.of(attempt_id)
        gone = await self.asks.send(
            contact.switch,
            words.redirect(channel, FLOOR, "message"),
            ("OutdialMessage", channel),
            before=(words.set_variable(channel, "OUTDIAL_MESSAGE", sound),),
        )
        return Missing.CONTACT if gone else None

    # -- third parties and conferences ---------------------------------------------------------------------------------------

    async def consult(self, person: PersonId, order: ConsultOrder) -> Missing | None:
        """Hold the contact and call a third party, who talks with the agent once they answer."""
        return await self.thirds.ask(person, order)

    def third_answered(self, consult_id: ConsultId) -> None:
        self.asks.spawn(self.thirds.meet(consult_id), f"consult-{consult_id}")

    async def cancel_consult(self, consult_id: ConsultId) -> None:
        """Hang up the third party, answered or not."""
        await self.thirds.cancel(consult_id)

    async def transfer(self, person: PersonId, consult_id: ConsultId) -> Missing | None:
        """Let the contact talk with the third party; the agent is parked."""
        return await self.thirds.transfer(person, consult_id)

    async def conference(self, person: PersonId, legs: Sequence[LegId], consults: Sequence[ConsultId] = ()) -> Sequence[Missing]:
        """Let all of them talk. Returns who was not there."""
        return await self.conferences.begin(person, legs, consults)

    async def end_conference(self, person: PersonId, leg_id: LegId) -> Missing | None:
        """The contact goes on with this one agent; the dialplan parks other agents and hangs up third parties."""
        return await self.conferences.end(person, leg_id)

    def left_alone(self, person: PersonId) -> None:
        self.asks.spawn(self.conferences.wait_again(person), f"alone-{person}")
