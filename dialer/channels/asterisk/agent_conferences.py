"""Conferences of contacts and callers with agents and third parties: begun from wherever they are, and ended with one agent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dialer.channels.asterisk import agent_words as words
from dialer.channels.asterisk.agent_memory import OnFloor
from dialer.channels.asterisk.agent_words import AGENT, THIRD, context_of
from dialer.domain.ids import ConsultId, LegId, PersonId
from dialer.ports_agents import Missing

if TYPE_CHECKING:
    from dialer.channels.asterisk.agent_voice import AsteriskAgentVoice


class Conferences:
    """Of one `AsteriskAgentVoice`."""

    def __init__(self, floor: AsteriskAgentVoice) -> None:
        self.floor, self.ids, self.memory, self.asks = floor, floor.ids, floor.memory, floor.asks

    async def begin(self, person: PersonId, legs: Sequence[LegId], consults: Sequence[ConsultId] = ()) -> Sequence[Missing]:
        """Let all of them talk. Returns who was not there."""
        contact = self.memory.contacts.get(person)
        if contact is None:
            return [Missing.CONTACT]
        here = [one for one in legs if one in self.memory.legs and self.memory.legs[one].up]
        thirds = [one for one in consults if one in self.memory.thirds and self.memory.thirds[one].up]
        missing = [Missing.LEG] * (len(legs) - len(here)) + [Missing.THIRD] * (len(consults) - len(thirds))
        switch = contact.switch
        for one in (self.memory.legs[leg_id].switch for leg_id in here):
            self.asks.same_switch(switch, one)
        running = contact.conference
        new_legs = [one for one in here if not (running and one in contact.legs)]
        new_thirds = [one for one in thirds if not (running and one in contact.thirds)]
        contact.conference, contact.parting = True, None
        contact.thirds.update(thirds)
        channels = {self.ids.leg(one): AGENT for one in new_legs} | {self.ids.third(one): THIRD for one in new_thirds}
        for channel in channels:
            await self.asks.ask(switch, words.set_variable(channel, "OUTDIAL_CONFERENCE", person))
        if not running:
            channels[self.ids.of(person)] = context_of(person)
        pairs = self.pairs(person, contact, new_legs)
        for leg_id in here:
            self.memory.will_join(person, leg_id)
        for one, other in pairs:
            if other not in channels:
                action = words.redirect(one, channels.pop(one), "conference")
            else:
                action = words.redirect_two((one, channels.pop(one)), (other, channels.pop(other)), "conference")
            await self.asks.send(switch, action, ("OutdialConference", one))
        for channel, context in channels.items():
            await self.asks.send(switch, words.redirect(channel, context, "conference"), ("OutdialConference", channel))
        for leg_id in here:
            if not self.memory.joined(person, leg_id):
                missing.append(Missing.LEG)
        return missing

    def pairs(self, person: PersonId, contact: OnFloor, legs: Sequence[LegId]) -> list[tuple[str, str]]:
        """Who of them talk with each other now: they are sent on together, for whoever is left behind is hung up or parked."""
        pairs: list[tuple[str, str]] = []
        for leg_id in legs:
            partner, channel = self.memory.legs[leg_id].partner, self.ids.leg(leg_id)
            if leg_id in contact.legs:
                pairs.append((channel, self.ids.of(person)))
            elif partner is not None and partner in self.memory.thirds:
                pairs.append((channel, self.ids.third(ConsultId(partner))))
            elif partner is not None and partner in legs and not any(channel in pair for pair in pairs):
                pairs.append((channel, self.ids.leg(LegId(partner))))
        return pairs

    async def end(self, person: PersonId, leg_id: LegId) -> Missing | None:
        """The contact goes on with this one agent; the dialplan parks other agents and hangs up third parties."""
        leg = self.memory.legs.get(leg_id)
        if leg is None or person not in self.memory.contacts:
            return Missing.LEG if leg is None else Missing.CONTACT
        leg.moving = True
        try:
            missing = await self.floor.hold(person)
        finally:
            leg.moving = False
        if missing is None:
            return await self.floor.join(person, leg_id, tone=False)
        if leg.idle:
            self.memory.parked(leg.switch, leg_id)
        return missing

    async def wait_again(self, person: PersonId) -> None:
        """A contact whom everybody has left waits for another agent."""
        if (contact := self.memory.contacts.get(person)) is not None:
            await self.asks.ask(contact.switch, words.redirect(self.ids.of(person), context_of(person), "again"))
