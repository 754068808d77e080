"""Put what is known of the floor right by a switch's own list, after a lost link and in every sweep."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace

from dialer.channels.asterisk.agent_memory import FloorMemory, Leg, OnFloor, Third
from dialer.domain.ids import ConsultId, PersonId
from dialer.ports_agents import ContactState, FloorSeen, LegState, LiveCaller, LiveContact, LiveLeg

EVENTS_LAG_S = 1.0  # what a list shows may be told as much later by the events
SETTLE_S = 5.0  # an order written so shortly before a channel list may have its channel only after it


def adopt(
    memory: FloorMemory,
    switch: str,
    seen: FloorSeen,
    asked_at: float,
    *,
    anew: bool,
    conferences: Mapping[PersonId, Collection[ConsultId]],
) -> FloorSeen:
    """Make the memory agree with what a switch had at `asked_at`, and give that back with those who had just been ordered.

    `anew` after a lost link; else the memory knows better what has changed since. `conferences`: the persons who are in one, and
    the third parties there. Nothing is told: who looked knows.
    """
    settled = math.inf if anew else asked_at - EVENTS_LAG_S
    ordered_after = asked_at - SETTLE_S
    legs = {one.leg_id: one for one in seen.legs}
    contacts: dict[PersonId, LiveContact | LiveCaller] = {one.attempt_id: one for one in seen.contacts}
    contacts |= {one.offer: one for one in seen.callers}
    for leg_id, leg in [(one, leg) for one, leg in memory.legs.items() if leg.switch == switch and one not in legs]:
        if leg.changed < (settled if leg.up else ordered_after):
            del memory.legs[leg_id]
    for person in [one for one, contact in memory.contacts.items() if contact.switch == switch and one not in contacts]:
        if memory.contacts[person].changed < settled:
            del memory.contacts[person]
    for consult_id in [one for one, third in memory.thirds.items() if third.switch == switch and one not in seen.consults]:
        if memory.thirds[consult_id].since < (settled if memory.thirds[consult_id].up else ordered_after):
            del memory.thirds[consult_id]
    for person, live in contacts.items():
        contact = memory.contacts.setdefault(person, OnFloor(switch=switch))
        if contact.changed < settled:
            contact.state, contact.parting = live.state, None
            contact.legs = {one.leg_id: True for one in seen.legs if person in (one.attempt_id, one.offer)}
            contact.conference = person in conferences
            if live.state is not ContactState.TALKING or contact.conference:
                contact.thirds = set(conferences.get(person, ()))
    for leg_id, one in legs.items():
        leg = memory.legs.setdefault(leg_id, Leg(switch=switch))
        if leg.changed < settled:
            leg.up, leg.idle = one.state is not LegState.RINGING, one.state is LegState.PARKED
            leg.spying, leg.contact = one.state is LegState.SPYING, one.attempt_id or one.offer
            leg.partner = leg.partner if one.state is LegState.TALKING and leg.contact is None else None
    for consult_id in seen.consults:
        memory.thirds.setdefault(consult_id, Third(switch=switch, leg_id=None, since=asked_at, up=True))
    ordered = [one for one, leg in memory.legs.items() if leg.switch == switch and one not in legs and not leg.up]
    asked = [one for one, third in memory.thirds.items() if third.switch == switch and one not in seen.consults and not third.up]
    ringing = [LiveLeg(leg_id=one, state=LegState.RINGING) for one in ordered]
    return replace(seen, legs=[*seen.legs, *ringing], consults=[*seen.consults, *asked])
