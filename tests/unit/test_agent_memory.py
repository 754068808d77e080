"""What the switch says of legs and contacts may come in any order: who has parted is told once, and why."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations

import pytest

from dialer.channels.asterisk.agent_memory import MAX_UNREAD, FloorMemory
from dialer.channels.asterisk.agent_words import FLOOR, floor_seen
from dialer.channels.asterisk.originate import ChannelIds
from dialer.channels.asterisk.protocol import AmiFrame
from dialer.domain.ids import ConsultId, PersonId, new_attempt_id, new_leg_id
from dialer.ports_agents import AgentVoiceEvent, AgentVoiceKind, ContactState, Parting
from tests.still_clock import StillClock

pytestmark = pytest.mark.unit

IDS = ChannelIds("node")
NOW = datetime(2026, 5, 11, 12, tzinfo=UTC)
ATTEMPT, LEG = new_attempt_id(), new_leg_id()
WAITS = {"Event": "UserEvent", "UserEvent": "OutdialWaiting", "Uniqueid": IDS.of(ATTEMPT), "AMD": "", "Again": "1"}
HELD = {"Event": "UserEvent", "UserEvent": "OutdialHeld", "Uniqueid": IDS.of(ATTEMPT)}
PARKS = {"Event": "UserEvent", "UserEvent": "OutdialParked", "Uniqueid": IDS.leg(LEG)}
CONTACT_ENDS = {"Event": "Hangup", "Uniqueid": IDS.of(ATTEMPT), "Cause": "16"}
LEG_ENDS = {"Event": "Hangup", "Uniqueid": IDS.leg(LEG), "Cause": "16"}


class Listener:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.alone: list[PersonId] = []
        self.overruns = 0

    def third_answered(self, consult_id: ConsultId) -> None:
        raise AssertionError("there is no third party")

    def left_alone(self, person: PersonId) -> None:
        self.alone.append(person)

    def given_up(self, switch: str, channel: str) -> None:
        raise AssertionError("nothing was given up")

    def overrun(self, switch: str) -> None:
        self.overruns += 1


def memory_of_two_who_talk(listener: Listener) -> FloorMemory:
    memory = FloorMemory(IDS, StillClock(NOW), listener)
    for frame in (PARKS, WAITS):
        memory.hear("switch", frame)
    memory.will_join(ATTEMPT, LEG)
    assert memory.joined(ATTEMPT, LEG)
    memory.unread.clear()
    return memory


def told(memory: FloorMemory, *frames: AmiFrame) -> list[AgentVoiceEvent]:
    for frame in frames:
        memory.hear("switch", frame)
    return list(memory.unread)


@pytest.mark.parametrize(
    ("frames", "parting"),
    [
        ((CONTACT_ENDS, PARKS), Parting.CONTACT_GONE),  # the contact hung up, and the dialplan parks the leg
        ((LEG_ENDS, WAITS), Parting.LEG_GONE),  # the phone broke, and the dialplan lets the contact wait
        ((LEG_ENDS, CONTACT_ENDS), None),  # both, by chance: whichever is heard first
    ],
)
def test_who_has_parted_is_told_once_in_whatever_order_it_is_heard(frames: tuple[AmiFrame, ...], parting: Parting | None) -> None:
    for order in permutations((*frames, frames[0])):  # one of them twice
        events = told(memory_of_two_who_talk(Listener()), *order)
        parted = [one for one in events if one.kind is AgentVoiceKind.PARTED]
        assert len(parted) == 1
        assert parting in (None, parted[0].parting)


def test_a_contact_is_held_by_an_agent_and_waits_again_with_the_end_of_that_agents_leg() -> None:
    for order in permutations((HELD, PARKS)):
        listener = Listener()
        memory = memory_of_two_who_talk(listener)
        memory.contacts[ATTEMPT].parting = Parting.HELD
        parted = [one.parting for one in told(memory, *order) if one.kind is AgentVoiceKind.PARTED]
        assert parted == [Parting.HELD]
        told(memory, LEG_ENDS)
        assert listener.alone == [ATTEMPT]


def test_channels_of_others_say_nothing() -> None:
    other = ChannelIds("another")
    memory = memory_of_two_who_talk(Listener())
    frames = [{**WAITS, "Uniqueid": other.of(ATTEMPT)}, {**PARKS, "Uniqueid": other.leg(LEG)}, {**WAITS, "Uniqueid": "17.3"}]
    assert told(memory, *frames) == []


def test_a_join_that_has_ended_before_it_was_confirmed_is_none() -> None:
    memory = FloorMemory(IDS, StillClock(NOW), Listener())
    told(memory, PARKS, WAITS)
    memory.will_join(ATTEMPT, LEG)
    told(memory, CONTACT_ENDS)
    assert not memory.joined(ATTEMPT, LEG)
    assert AgentVoiceKind.PARTED not in [one.kind for one in memory.unread]


def test_what_nobody_reads_does_not_fill_the_memory() -> None:
    listener = Listener()
    memory = FloorMemory(IDS, StillClock(NOW), listener)
    told(memory, *[WAITS] * (MAX_UNREAD + 5))
    assert (len(memory.unread), listener.overruns) == (MAX_UNREAD, 5)


def test_keys_of_contacts_alone_are_told() -> None:
    memory = memory_of_two_who_talk(Listener())
    pressed = {"Event": "DTMFEnd", "Digit": "5", "Direction": "Received"}
    heard = told(
        memory,
        {**pressed, "Uniqueid": IDS.of(ATTEMPT)},
        {**pressed, "Uniqueid": IDS.of(ATTEMPT), "Direction": "Sent"},  # by the agent
        {**pressed, "Uniqueid": IDS.leg(LEG)},
        {**pressed, "Uniqueid": IDS.of(new_attempt_id())},
        {**pressed, "Uniqueid": IDS.of(ATTEMPT), "Digit": "x"},
    )
    assert [(one.kind, one.attempt_id, one.key) for one in heard] == [(AgentVoiceKind.KEY, ATTEMPT, "5")]


def test_a_leg_whose_company_is_gone_is_coming_back_until_it_is_parked() -> None:
    memory = memory_of_two_who_talk(Listener())
    assert not memory.is_coming_back(LEG)
    told(memory, CONTACT_ENDS)
    assert memory.is_coming_back(LEG)
    told(memory, PARKS)
    assert not memory.is_coming_back(LEG)


@pytest.mark.parametrize(
    ("application", "state"),
    [
        ("BridgeWait", ContactState.WAITING),
        ("Wait", ContactState.WAITING),
        ("Read", ContactState.MESSAGE),  # the nuisance message, in which a key may be pressed
        ("Playback", ContactState.MESSAGE),
        ("AGI", ContactState.MESSAGE),  # a key was pressed in it
    ],
)
def test_who_hears_the_message_waits_for_nobody_any_more(application: str, state: ContactState) -> None:
    frame = {"Uniqueid": IDS.of(ATTEMPT), "Context": FLOOR, "Exten": "s", "ChannelState": "6", "Application": application}
    (contact,) = floor_seen([frame], IDS).contacts
    assert contact.state is state
