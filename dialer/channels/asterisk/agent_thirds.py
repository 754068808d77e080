"""Third parties whom agents ask for help: called, joined with the agent, given the contact, or let go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dialer.channels.asterisk import agent_words as words
from dialer.channels.asterisk.agent_memory import OnFloor, Third
from dialer.channels.asterisk.agent_words import THIRD
from dialer.channels.asterisk.originate import is_offer
from dialer.domain.ids import ConsultId, PersonId
from dialer.errors import NotSent, Rejected
from dialer.ports_agents import AgentVoiceKind, ConsultOrder, ContactState, Missing, Parting

if TYPE_CHECKING:
    from dialer.channels.asterisk.agent_voice import AsteriskAgentVoice


class ThirdParties:
    """Of one `AsteriskAgentVoice`."""

    def __init__(self, floor: AsteriskAgentVoice) -> None:
        self.floor, self.ids, self.memory, self.asks = floor, floor.ids, floor.memory, floor.asks

    async def ask(self, person: PersonId, order: ConsultOrder) -> Missing | None:
        """Hold the contact and call a third party, who talks with the agent once they answer."""
        trunk = self.floor.voice.trunk(order.trunk)
        action = words.consult(order, trunk, self.ids)
        leg = self.memory.legs.get(order.leg_id)
        if leg is None or not leg.up:
            return Missing.LEG
        self.asks.same_switch(trunk.switch, leg.switch)
        contact = self.memory.contacts.get(person)
        if contact is None:
            return Missing.CONTACT
        if contact.state is not ContactState.HELD and (missing := await self.floor.hold(person)) is not None:
            return missing
        self.memory.thirds[order.consult_id] = Third(switch=leg.switch, leg_id=order.leg_id, since=self.floor.clock.monotonic_s())
        try:
            await self.asks.launch(self.ids.third(order.consult_id), trunk.name, action)
        except (NotSent, Rejected):
            self.memory.thirds.pop(order.consult_id, None)
            raise
        return None

    async def meet(self, consult_id: ConsultId) -> None:
        """Let the agent and the third party, who has just answered, talk. Where that fails the dialplan hangs up."""
        third = self.memory.thirds.get(consult_id)
        if third is not None and third.gets is not None:
            await self.hand_to(consult_id, third, third.gets)
            return
        leg = self.memory.legs.get(third.leg_id) if third is not None and third.leg_id is not None else None
        if third is None or third.leg_id is None or leg is None:
            return
        was_idle = leg.idle
        third.up, leg.partner, leg.idle = True, consult_id, False
        channel = self.ids.leg(third.leg_id)
        action = words.bridge(channel, self.ids.third(consult_id))
        if not await self.asks.ask(third.switch, action, before=(self.floor.taken(channel),)):
            self.memory.tell(AgentVoiceKind.CONSULT_UP, third.switch, consult_id=consult_id, leg_id=third.leg_id)
        elif leg.contact is None and leg.partner in (
            consult_id,
            None,
        ):  # the third party was let go in the same moment: the leg is where it was
            leg.partner, leg.idle = None, was_idle
            self.memory.came("OutdialParked", channel)

    async def cancel(self, consult_id: ConsultId) -> None:
        """Hang up the third party, answered or not."""
        if (third := self.memory.thirds.get(consult_id)) is not None:
            await self.asks.give_up(third.switch, self.ids.third(consult_id), up=third.up)
            leg = self.memory.legs.get(third.leg_id) if third.leg_id is not None else None
            if leg is not None and leg.partner == consult_id:
                leg.partner = None

    async def transfer(self, person: PersonId, consult_id: ConsultId) -> Missing | None:
        """Let the contact talk with the third party; the agent is parked."""
        contact, third = self.memory.contacts.get(person), self.memory.thirds.get(consult_id)
        if contact is None:
            return Missing.CONTACT
        if third is not None and not third.up and is_offer(person):
            third.gets, third.leg_id, contact.keeper = person, None, None
            return None
        if third is None or not third.up:
            return Missing.THIRD
        switch, channel = self.asks.same_switch(contact.switch, third.switch), self.ids.of(person)
        if is_offer(person):
            return await self.pass_on(channel, contact, consult_id)
        if contact.conference and consult_id in contact.thirds:  # they talk already: the agents leave
            if await self.asks.ask(switch, words.set_variable(channel, "OUTDIAL_WITH", "third")):
                return Missing.CONTACT
            for leg_id in list(contact.legs):
                await self.floor.park(leg_id)
            return None
        contact.parting = Parting.PASSED_ON
        contact.thirds.add(consult_id)
        try:
            gone = await self.asks.ask(
                switch,
                words.bridge(channel, self.ids.third(consult_id)),
                before=(words.set_variable(channel, "OUTDIAL_WITH", "third"),),
            )
        finally:
            contact.parting = None
        if not gone:
            contact.state, contact.keeper = ContactState.TALKING, None
            return None
        contact.thirds.discard(consult_id)
        reset = words.set_variable(channel, "OUTDIAL_WITH", "")
        return Missing.CONTACT if await self.asks.ask(switch, reset) else Missing.THIRD

    async def hand_to(self, consult_id: ConsultId, third: Third, caller: PersonId) -> None:
        """A third party has answered who is to get a caller; where the caller is gone they are let go."""
        third.up = True
        contact = self.memory.contacts.get(caller)
        if contact is None or await self.pass_on(self.ids.of(caller), contact, consult_id) is not None:
            await self.cancel(consult_id)

    async def pass_on(self, channel: str, caller: OnFloor, consult_id: ConsultId) -> Missing | None:
        """A caller leaves the queue for the third party, and the dialplan joins them: or they are in the queue again."""
        third, switch = self.ids.third(consult_id), caller.switch
        if caller.conference and await self.asks.send(switch, words.redirect(third, THIRD, "passed"), ("OutdialPassed", third)):
            return Missing.THIRD
        name = await self.asks.variable(switch, channel, "CHANNEL")
        if name is None or await self.asks.ask(switch, words.pass_on(name, third)):
            return Missing.CONTACT
        return None
