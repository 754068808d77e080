"""Word what is asked of the switch for agents, and read from its list of channels who talks with whom."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from dialer.channels.asterisk.config import NAME, TrunkConfig
from dialer.channels.asterisk.originate import MAX_RING_S, NUMBER, ChannelIds, is_offer
from dialer.channels.asterisk.protocol import AmiFrame
from dialer.channels.asterisk.translate import STATES, seconds
from dialer.domain.ids import ConsultId, LegId, OfferId, PersonId
from dialer.errors import Rejected
from dialer.ports_agents import (
    ConsultOrder,
    ContactState,
    FloorSeen,
    LegOrder,
    LegState,
    LiveCaller,
    LiveContact,
    LiveLeg,
    SpyMode,
)

FLOOR, AGENT, THIRD = "outdial-floor", "outdial-agent", "outdial-consult"  # our dialplan contexts, the same on every switch
INBOUND = "outdial-inbound"  # and where a caller of a queue is offered to an agent, and held
PASSED = "outdial-passed"  # and where a caller goes who was passed on
TAKEN = ("taken", "held", "conference")  # where a caller is who was taken, and is not in the queue again
DIGITS = re.compile(r"[0-9*#A-D]{1,32}\Z")
DIGIT_MS = 100
SPY_OPTIONS = {SpyMode.LISTEN: "", SpyMode.WHISPER: "w", SpyMode.BARGE: "B"}

Action = dict[str, str | tuple[str, ...]]

SAYS = ("Read", "Playback", "AGI")  # what a contact in our context is in who hears a message, or has pressed a key in it


def ring(order: LegOrder, trunk: TrunkConfig | None, ids: ChannelIds) -> Action:
    """The order for an agent's leg. Raises Rejected for any value that is not of its plain shape."""
    if trunk is not None:
        destination = f"{_number(order.phone)}@{trunk.endpoint}"
    elif NAME.match(order.phone):
        destination = order.phone
    else:
        raise Rejected("the agent's phone is no SIP endpoint")
    channel_id = ids.leg(order.leg_id)
    return _originate(
        destination, channel_id, AGENT, f"OUTDIAL_LEG={order.leg_id}", order.caller_id, order.ring_timeout_s, order.leg_id, trunk
    )


def consult(order: ConsultOrder, trunk: TrunkConfig, ids: ChannelIds) -> Action:
    """The order for a third party. Raises Rejected for any value that is not of its plain shape."""
    channel_id = ids.third(order.consult_id)
    return _originate(
        f"{_number(order.number)}@{trunk.endpoint}",
        channel_id,
        THIRD,
        f"OUTDIAL_CONSULT={order.consult_id}",
        order.caller_id,
        order.ring_timeout_s,
        order.consult_id,
        trunk,
    )


def _originate(
    destination: str,
    channel_id: str,
    context: str,
    variable: str,
    caller_id: str,
    ring_s: float,
    tag: str,
    trunk: TrunkConfig | None,
) -> Action:
    if not 0 < ring_s <= MAX_RING_S:
        raise Rejected("the ring timeout is not between 0 and 600 s")
    action: Action = {
        "Action": "Originate",
        "Async": "true",
        "Channel": f"PJSIP/{destination}",
        "ChannelId": channel_id,
        "Context": context,
        "Exten": "s",
        "Priority": "1",
        "Timeout": str(round(ring_s * 1000)),
        "Variable": (variable,),
    }
    name = f'"{tag}" ' if trunk is not None and trunk.tag_calls else ""
    if caller_id or name:
        action["CallerID"] = name + (f"<{_number(caller_id)}>" if caller_id else "<>")
    return action


def _number(number: str) -> str:
    if not NUMBER.match(number):
        raise Rejected("a number is not 3 to 15 digits")
    return number


def bridge(first: str, second: str, *, tone: bool = False) -> Action:
    """Let two channels talk, from wherever they are; with `tone` the first hears a tone."""
    return {"Action": "Bridge", "Channel1": first, "Channel2": second, "Tone": "Channel1" if tone else "no"}


def set_variable(channel: str, name: str, value: str) -> Action:
    """Set a variable of ours on a channel."""
    return {"Action": "Setvar", "Channel": channel, "Variable": name, "Value": value}


def redirect(channel: str, context: str, exten: str) -> Action:
    """Send a channel to a place in our dialplan, out of whatever it is in."""
    return {"Action": "Redirect", "Channel": channel, "Context": context, "Exten": exten, "Priority": "1"}


def redirect_two(one: tuple[str, str], other: tuple[str, str], exten: str) -> Action:
    """Send two channels that talk with each other (each with its context) away together, so that neither is hung up."""
    action = redirect(*one, exten)
    return action | {"ExtraChannel": other[0], "ExtraContext": other[1], "ExtraExten": exten, "ExtraPriority": "1"}


def context_of(person: PersonId) -> str:
    """The dialplan context of a contact, or of a caller of a queue."""
    return INBOUND if is_offer(person) else FLOOR


def pass_on(offer: str, third: str) -> Action:
    """Send the caller at the far side of an offer away from the queue, to a third party; the offer's channels end."""
    queue, far = queue_in(offer), offer.removesuffix(";2") + ";1"
    return {"Action": "BlindTransfer", "Channel": far, "Context": PASSED, "Exten": f"{queue}+{third}"}


def queue_in(channel: str) -> str:
    """The queue that has made the call of an offer, by the channel's name."""
    return channel.removeprefix("Local/").partition("+")[0]


def leg_in(interface: str, ids: ChannelIds) -> LegId | None:
    """The leg to which an offer is made, by the interface or the channel's name, if it is one of ours."""
    start, _, rest = interface.partition("+")
    channel, at, _ = rest.partition("@")
    return ids.leg_id(channel) if start.startswith("Local/") and at else None


def press(channel: str, digit: str) -> Action:
    """Press a key towards a channel's far end."""
    return {"Action": "PlayDTMF", "Channel": channel, "Digit": digit, "Duration": str(DIGIT_MS)}


def floor_seen(frames: Sequence[AmiFrame], ids: ChannelIds) -> FloorSeen:
    """The floor as a list of channels shows it: who shares a bridge talks."""
    offers = {frame.get("Uniqueid", "") for frame in frames if frame.get("Context") == INBOUND}
    taken = {frame.get("Uniqueid", "") for frame in frames if _is_taken(frame, ids)}
    in_bridge: defaultdict[str, list[str]] = defaultdict(list)
    for frame in frames:
        if frame.get("BridgeId"):
            in_bridge[frame["BridgeId"]].append(frame.get("Uniqueid", ""))
    legs: list[LiveLeg] = []
    contacts: list[LiveContact] = []
    callers: list[LiveCaller] = []
    consults: list[ConsultId] = []
    for frame in frames:
        channel = frame.get("Uniqueid", "")
        others = [one for one in in_bridge.get(frame.get("BridgeId", ""), ()) if one != channel]
        attempt_id, leg_id, consult_id = ids.attempt(channel), ids.leg_id(channel), ids.consult_id(channel)
        if leg_id is not None:
            talks_with = [one for one in map(ids.attempt, others) if one is not None]
            callers_here = [OfferId(one) for one in others if one in taken]
            in_company = bool(talks_with) or any(ids.leg_id(one) or ids.consult_id(one) or one in offers for one in others)
            legs.append(
                LiveLeg(
                    leg_id=leg_id,
                    state=_leg_state(frame, talking=in_company),
                    attempt_id=talks_with[0] if talks_with else None,
                    offer=callers_here[0] if callers_here else None,
                    age_s=seconds(frame.get("Duration", "")),
                )
            )
        elif consult_id is not None:
            consults.append(consult_id)
        elif channel in taken:
            agents = [one for one in map(ids.leg_id, others) if one is not None]
            state = ContactState.HELD if not others and frame.get("Exten") == "held" else ContactState.TALKING
            callers.append(LiveCaller(offer=OfferId(channel), state=state, leg_id=agents[0] if agents else None))
        elif attempt_id is not None and frame.get("Context") == FLOOR:
            agents = [one for one in map(ids.leg_id, others) if one is not None]
            talking = bool(agents) or any(ids.consult_id(one) for one in others)
            contacts.append(
                LiveContact(
                    attempt_id=attempt_id,
                    state=_contact_state(frame, talking=talking),
                    leg_id=agents[0] if agents else None,
                )
            )
    return FloorSeen(legs=legs, contacts=contacts, callers=callers, consults=consults)


def conferences_in(frames: Sequence[AmiFrame], ids: ChannelIds) -> dict[PersonId, set[ConsultId]]:
    """The contacts and callers who are in a conference by a list of channels, and the third parties who are in it, too."""
    taken = {frame.get("Uniqueid", "") for frame in frames if _is_taken(frame, ids)}
    room_of = {
        frame.get("Uniqueid", ""): frame.get("BridgeId", "") for frame in frames if frame.get("Application") == "ConfBridge"
    }
    thirds = {channel: consult_id for channel in room_of if (consult_id := ids.consult_id(channel)) is not None}
    persons: dict[PersonId, str] = {OfferId(channel): room for channel, room in room_of.items() if channel in taken}
    for channel, room in room_of.items():
        if (attempt_id := ids.attempt(channel)) is not None:
            persons[attempt_id] = room
    return {
        person: {consult_id for one, consult_id in thirds.items() if room_of[one] == room} for person, room in persons.items()
    }


def _is_taken(frame: AmiFrame, ids: ChannelIds) -> bool:
    """Whether this is the channel of a caller whom an agent of ours has taken, and who is not in the queue again."""
    there = frame.get("Context") == INBOUND and frame.get("Exten") in TAKEN and frame.get("Application") != "Queue"
    return there and leg_in(frame.get("Channel", ""), ids) is not None


def _leg_state(frame: AmiFrame, *, talking: bool) -> LegState:
    if STATES.get(frame.get("ChannelState", "")) != "up":
        return LegState.RINGING
    if talking:
        return LegState.TALKING
    return LegState.SPYING if frame.get("Exten") == "spy" else LegState.PARKED


def _contact_state(frame: AmiFrame, *, talking: bool) -> ContactState:
    if talking:
        return ContactState.TALKING
    if frame.get("Exten") == "held":
        return ContactState.HELD
    return ContactState.MESSAGE if frame.get("Application") in SAYS else ContactState.WAITING
