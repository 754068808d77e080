"""Know where every agent's leg, contact on the floor and third party is, by what the switches say; and tell what changes."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from dialer.channels.asterisk.originate import ChannelIds, is_offer
from dialer.channels.asterisk.protocol import AmiFrame
from dialer.channels.asterisk.translate import STATES, hangup_facts
from dialer.domain.ids import ConsultId, LegId, OfferId, PersonId
from dialer.ports import Clock
from dialer.ports_agents import AgentVoiceEvent, AgentVoiceKind, ContactState, Parting

MAX_UNREAD = 20_000  # events nobody has read; then the link is dropped and everything looked at, rather than memory filled
HANGUP_FOLLOWS_S = 1.0
KEYS = "0123456789*#ABCD"
DIALPLAN_SAYS_S = 2.0  # within what the dialplan says that a channel is where it was sent; seen: 1 to 4 ms, 0.5 s during a tone

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Leg:
    """One agent's leg."""

    switch: str
    changed: float = 0.0  # monotonic seconds: when it was ordered, or when we last learnt something of it
    up: bool = False
    idle: bool = False  # parked, by the last that we heard
    contact: PersonId | None = None
    partner: LegId | ConsultId | None = None  # the other agent or third party with whom it talks, outside a conference
    spying: bool = False
    moving: bool = False  # on its way from one place to another with the same contact: not told


@dataclass(slots=True, kw_only=True)
class OnFloor:
    """One contact, or one caller of a queue whom an agent has taken."""

    switch: str
    changed: float = 0.0  # monotonic seconds: when we last learnt something of it
    state: ContactState = ContactState.WAITING
    legs: dict[LegId, bool] = field(default_factory=dict)  # with whom they talk; False: about to, and not told yet
    thirds: set[ConsultId] = field(default_factory=set)
    keeper: LegId | None = None  # the agent who holds them
    conference: bool = False
    parting: Parting | None = None  # why the coming parting, where it is we who part them


@dataclass(slots=True, kw_only=True)
class Third:
    """One third party."""

    switch: str
    leg_id: LegId | None
    since: float
    up: bool = False
    gets: PersonId | None = None  # the caller whom they get as soon as they answer


class FloorListener(Protocol):
    """Who goes on where the dialplan cannot. All are called from the event loop and must return at once."""

    def third_answered(self, consult_id: ConsultId) -> None: ...

    def left_alone(self, person: PersonId) -> None:
        """All others have left a contact in a conference, or whoever held them, or was to get them, is gone."""

    def given_up(self, switch: str, channel: str) -> None:
        """A channel is not wanted: it was given up before it was there, or is of no use."""

    def overrun(self, switch: str) -> None:
        """Nobody reads what is told."""


class FloorMemory:
    """All of it, on all switches."""

    def __init__(self, ids: ChannelIds, clock: Clock, listener: FloorListener) -> None:
        self.ids, self.clock, self.listener = ids, clock, listener
        self.legs: dict[LegId, Leg] = {}
        self.contacts: dict[PersonId, OnFloor] = {}
        self.thirds: dict[ConsultId, Third] = {}
        self.unread: deque[AgentVoiceEvent] = deque()
        self.arrived = asyncio.Event()
        self.unwanted: set[str] = set()  # channels that were given up before the switch had made them
        self.expected: dict[tuple[str, str], asyncio.Future[None]] = {}

    # -- hearing -------------------------------------------------------------------------------------------------------------

    def hear(self, switch: str, frame: AmiFrame) -> None:
        """One event of a switch."""
        match frame.get("Event"):
            case "Newchannel" if frame.get("Uniqueid", "") in self.unwanted:
                self.unwanted.discard(frame["Uniqueid"])
                self.listener.given_up(switch, frame["Uniqueid"])
            case "UserEvent":
                self.hear_dialplan(switch, frame)
            case "Newstate" if STATES.get(frame.get("ChannelState", "")) == "up":
                if (leg_id := self.ids.leg_id(frame.get("Uniqueid", ""))) is not None:
                    asyncio.get_running_loop().call_later(DIALPLAN_SAYS_S, self.look_whether_told, switch, leg_id)
            case "DTMFEnd" if frame.get("Direction") == "Received":
                self.hear_key(switch, frame)
            case "Hangup":
                self.hear_end(switch, frame.get("Uniqueid", ""), *hangup_facts(frame))
            case "OriginateResponse" if frame.get("Response") == "Failure":
                # Its hang-up has the cause, and comes just before or after; where there never was a channel there is none.
                asyncio.get_running_loop().call_later(
                    HANGUP_FOLLOWS_S, self.hear_end, switch, frame.get("Uniqueid", ""), None, None
                )
            case _:
                pass

    def hear_dialplan(self, switch: str, frame: AmiFrame) -> None:
        """What one of our contexts says of the channel that is in it."""
        channel, said = frame.get("Uniqueid", ""), frame.get("UserEvent", "")
        person, leg_id, consult_id = self.person(channel), self.ids.leg_id(channel), self.ids.consult_id(channel)
        if person is not None and said in ("OutdialWaiting", "OutdialNuisance", "OutdialHeld", "OutdialMessage"):
            self.hear_contact(switch, person, said, frame)
        elif person is not None and said == "OutdialRequeued":
            self.forget(person, Parting.LEG_GONE)
        elif leg_id is not None and said == "OutdialParked":
            self.parked(switch, leg_id)
        elif consult_id is not None and said == "OutdialConsult":
            self.listener.third_answered(consult_id)
        self.came(said, channel)

    def person(self, channel: str) -> PersonId | None:
        """Whose channel it is: a contact's, or that of a caller who was taken; None = neither."""
        return OfferId(channel) if OfferId(channel) in self.contacts else self.ids.attempt(channel)

    def took(self, switch: str, offer: OfferId, leg_id: LegId) -> None:
        """An agent and a caller of a queue talk: the queues tell it."""
        self.contacts[offer] = OnFloor(switch=switch, changed=self.clock.monotonic_s(), state=ContactState.TALKING)
        self.contacts[offer].legs[leg_id] = True
        if (leg := self.legs.get(leg_id)) is not None:
            leg.contact, leg.idle, leg.partner, leg.changed = offer, False, None, self.clock.monotonic_s()

    def forget(self, person: PersonId, parting: Parting) -> None:
        """They are not with us any more."""
        if (contact := self.contacts.pop(person, None)) is not None:
            for one in list(contact.legs):
                self.say_parted(contact, person, one, parting)

    def hear_contact(self, switch: str, person: PersonId, said: str, frame: AmiFrame) -> None:
        """The dialplan says where somebody is now (waiting, on hold, with the message); whoever they were with is told."""
        contact = self.contacts.setdefault(person, OnFloor(switch=switch))
        contact.changed = self.clock.monotonic_s()
        because = {"OutdialHeld": Parting.HELD, "OutdialMessage": Parting.PASSED_ON}.get(said, Parting.LEG_GONE)
        keeper = next(iter(contact.legs), contact.keeper) if said == "OutdialHeld" else None
        for leg_id in [one for one in contact.legs if not (one in self.legs and self.legs[one].moving)]:
            self.part(person, leg_id, contact.parting or because)
        contact.conference, contact.parting, contact.keeper = False, None, keeper
        contact.thirds.clear()
        match said:
            case "OutdialWaiting":
                contact.state = ContactState.WAITING
                amd, again = frame.get("AMD", ""), bool(frame.get("Again"))
                self.tell(AgentVoiceKind.CONTACT_WAITING, switch, **named(person), amd=amd, again=again)
            case "OutdialNuisance":
                contact.state = ContactState.MESSAGE
                self.tell(AgentVoiceKind.NUISANCE, switch, **named(person))
            case "OutdialHeld":
                contact.state = ContactState.HELD
            case _:
                contact.state = ContactState.MESSAGE

    def hear_key(self, switch: str, frame: AmiFrame) -> None:
        """A far end has pressed a key; only a contact's is told."""
        attempt_id, key = self.ids.attempt(frame.get("Uniqueid", "")), frame.get("Digit", "")
        if attempt_id in self.contacts and len(key) == 1 and key in KEYS:
            self.tell(AgentVoiceKind.KEY, switch, attempt_id=attempt_id, key=key)

    def parked(self, switch: str, leg_id: LegId) -> None:
        """A leg hears hold music: it is up, and joined with nobody."""
        leg = self.legs.setdefault(leg_id, Leg(switch=switch))
        leg.changed = self.clock.monotonic_s()
        if not leg.up:
            leg.up = True
            self.tell(AgentVoiceKind.LEG_UP, switch, leg_id=leg_id)
        leg.idle, leg.spying, leg.partner = True, False, None
        if leg.moving:
            return
        self.leave_contact(leg_id, leg, Parting.CONTACT_GONE)
        self.tell(AgentVoiceKind.LEG_PARKED, switch, leg_id=leg_id)

    def hear_end(self, switch: str, channel: str, cause: int | None, tech_cause: int | None) -> None:
        """A channel has ended, or never was."""
        self.unwanted.discard(channel)
        person, leg_id, consult_id = self.person(channel), self.ids.leg_id(channel), self.ids.consult_id(channel)
        if person is not None:
            self.forget(person, Parting.CONTACT_GONE)
        elif leg_id is not None and (leg := self.legs.pop(leg_id, None)) is not None:
            self.tell(AgentVoiceKind.LEG_DOWN, switch, leg_id=leg_id, cause=cause, tech_cause=tech_cause)
            self.leave_contact(leg_id, leg, Parting.LEG_GONE)
            for one, contact in self.contacts.items():
                if contact.keeper == leg_id:
                    self.listener.left_alone(one)
        elif consult_id is not None and (third := self.thirds.pop(consult_id, None)) is not None:
            self.tell(
                AgentVoiceKind.CONSULT_DOWN,
                switch,
                consult_id=consult_id,
                leg_id=third.leg_id,
                cause=cause,
                tech_cause=tech_cause,
            )
            if third.gets is not None:
                self.listener.left_alone(third.gets)
            for one, contact in self.contacts.items():
                if consult_id in contact.thirds:
                    contact.thirds.discard(consult_id)
                    self.look_whether_alone(one, contact)
        self.came("gone", channel)

    def look_whether_told(self, switch: str, leg_id: LegId) -> None:
        """An agent's phone was answered a while ago. A leg of which the dialplan says nothing can never get a contact."""
        if (leg := self.legs.get(leg_id)) is not None and not leg.up:
            log.error(
                "an agent's phone was answered, and the switch does not say so",
                switch=switch,
                mend="give the manager account `user` in `read`, and UserEvent in its eventfilter (dialer switch config)",
            )
            self.listener.given_up(switch, self.ids.leg(leg_id))

    # -- parting -------------------------------------------------------------------------------------------------------------

    def is_coming_back(self, leg_id: LegId) -> bool:
        """Whether a leg that is in no company any more has not said yet that it is parked."""
        leg = self.legs.get(leg_id)
        if leg is None or not leg.up or leg.idle or leg.spying or leg.contact is not None:
            return False
        other = self.legs.get(LegId(leg.partner)) if leg.partner is not None else None
        return leg.partner not in self.thirds and (other is None or other.partner != leg_id)

    def leave_contact(self, leg_id: LegId, leg: Leg, parting: Parting) -> None:
        """The leg is with no contact any more."""
        person, leg.contact = leg.contact, None
        contact = self.contacts.get(person) if person is not None else None
        if person is not None and contact is not None and leg_id in contact.legs:
            if contact.parting is Parting.HELD:  # the leg is parked before the contact has said that it is held
                contact.keeper = leg_id
            self.say_parted(contact, person, leg_id, contact.parting or parting)
            self.look_whether_alone(person, contact)

    def part(self, person: PersonId, leg_id: LegId, parting: Parting) -> None:
        """The contact is with this leg no more."""
        if (leg := self.legs.get(leg_id)) is not None and leg.contact == person:
            leg.contact = None
        if (contact := self.contacts.get(person)) is not None:
            self.say_parted(contact, person, leg_id, parting)

    def say_parted(self, contact: OnFloor, person: PersonId, leg_id: LegId, parting: Parting) -> None:
        """Tell once that a contact and a leg are together no more."""
        if (leg := self.legs.get(leg_id)) is not None and leg.contact == person:
            leg.contact = None
        if contact.legs.pop(leg_id, False):
            self.tell(AgentVoiceKind.PARTED, contact.switch, **named(person), leg_id=leg_id, parting=parting)

    def look_whether_alone(self, person: PersonId, contact: OnFloor) -> None:
        """Somebody whom all others have left in a conference must not stay there."""
        if contact.conference and contact.parting is None and not contact.legs and not contact.thirds:
            self.listener.left_alone(person)

    # -- joining -------------------------------------------------------------------------------------------------------------

    def will_join(self, person: PersonId, leg_id: LegId) -> None:
        """They are about to talk: an end that is heard before the switch has confirmed it must find them together."""
        contact, leg = self.contacts[person], self.legs[leg_id]
        contact.changed = leg.changed = self.clock.monotonic_s()
        contact.legs.setdefault(leg_id, False)
        leg.contact, leg.idle, leg.partner, leg.spying = person, False, None, False

    def joined(self, person: PersonId, leg_id: LegId) -> bool:
        """The switch has confirmed it. False where it has ended since."""
        contact = self.contacts.get(person)
        if contact is None or leg_id not in contact.legs:
            return False
        contact.state, contact.keeper, contact.changed = ContactState.TALKING, None, self.clock.monotonic_s()
        if not contact.legs[leg_id]:
            contact.legs[leg_id] = True
            self.tell(AgentVoiceKind.JOINED, contact.switch, **named(person), leg_id=leg_id)
        return True

    # -- telling -------------------------------------------------------------------------------------------------------------

    def tell(self, kind: AgentVoiceKind, switch: str, **facts: Any) -> None:
        if len(self.unread) >= MAX_UNREAD:
            self.listener.overrun(switch)
            return
        self.unread.append(AgentVoiceEvent(kind=kind, switch=switch, at=self.clock.now(), **facts))
        self.arrived.set()

    def is_gone(self, channel: str) -> bool:
        """Whether a channel of the floor has ended."""
        person, leg_id, consult_id = self.person(channel), self.ids.leg_id(channel), self.ids.consult_id(channel)
        return not (person in self.contacts or leg_id in self.legs or consult_id in self.thirds)

    def expect(self, said: str, channel: str) -> asyncio.Future[None]:
        """What the dialplan is to say of a channel, or its end ("gone"): done when it has been heard."""
        future = self.expected.get((said, channel))
        if future is None or future.done():
            future = self.expected[said, channel] = asyncio.get_running_loop().create_future()
        return future

    def came(self, said: str, channel: str) -> None:
        """The dialplan has said it, or the channel has ended: whoever waits for it goes on."""
        for key in [(said, channel)] if said != "gone" else [key for key in self.expected if key[1] == channel]:
            future = self.expected.pop(key, None)
            if future is not None and not future.done():
                future.set_result(None)


def named(person: PersonId) -> dict[str, PersonId]:
    """Who an event is about, as a contact or as a caller."""
    return {"offer" if is_offer(person) else "attempt_id": person}
