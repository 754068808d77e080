"""Who hears whom: agents, contacts, third parties and supervisors on a real Asterisk, by the sound that reaches their phones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from dialer.channels.asterisk.agent_voice import AsteriskAgentVoice
from dialer.domain.ids import AttemptId, LegId, new_leg_id
from dialer.lab.lab import Lab
from dialer.lab.phones import MUSIC
from dialer.ports_agents import AgentVoiceKind, LegOrder, SpyMode
from tests.agents_kit import FloorBench, asterisk_voice, linked, listened
from tests.ears import Ears

pytestmark = pytest.mark.integration

# The last two digits are what a phone does: 01 to 04 speak, each with a voice of its own; 05 is all ears; 06 notes keys.
CONTACT, QUIET_CONTACT, KEYS = "+19990101101", "+19990101205", "+19990101306"
AGENT, QUIET_AGENT, SUPERVISOR, EXPERT = "+19990102102", "+19990102205", "+19990103104", "+19990104103"
ROUND_S = 1.4  # in which a phone has listened for every voice once


@pytest.fixture
async def floor(lab: Lab) -> AsyncIterator[FloorBench]:
    voice = asterisk_voice(lab, node="talk")
    async with listened(FloorBench(voice, AsteriskAgentVoice(voice))) as bench:
        await linked(bench)
        yield bench
        await bench.clear()


@pytest.fixture
def ears(lab: Lab) -> Ears:
    return Ears(lab)


async def joined(floor: FloorBench, number: str, phone: str) -> tuple[AttemptId, LegId]:
    leg_id, attempt_id = await floor.parked(phone), await floor.waiting(number)
    assert await floor.agents.join(attempt_id, leg_id, tone=False) is None  # a tone could be taken for a voice
    return attempt_id, leg_id


@pytest.mark.row(126, 130)
async def test_contact_and_agent_hear_each_other_and_a_held_contact_hears_music(floor: FloorBench, ears: Ears) -> None:
    attempt_id, leg_id = await joined(floor, CONTACT, AGENT)
    await ears.hears(CONTACT, AGENT[-2:])
    await ears.hears(AGENT, CONTACT[-2:])
    assert await floor.agents.hold(attempt_id) is None
    await ears.settle(CONTACT, MUSIC)
    assert ears.by(AGENT) == set()
    assert await floor.agents.resume(attempt_id, leg_id) is None
    ears.begin()
    await ears.hears(CONTACT, AGENT[-2:])
    await ears.hears(AGENT, CONTACT[-2:])


async def test_a_contact_whose_agent_is_lost_hears_music_until_another_comes(floor: FloorBench, ears: Ears) -> None:
    attempt_id, leg_id = await joined(floor, QUIET_CONTACT, QUIET_AGENT)
    other = await floor.parked(AGENT)
    await floor.agents.drop(leg_id)
    await ears.hears(QUIET_CONTACT, MUSIC)
    assert await floor.agents.join(attempt_id, other) is None
    await ears.hears(QUIET_CONTACT, AGENT[-2:])


@pytest.mark.row(126)
async def test_keys_arrive_at_the_contacts_phone(floor: FloorBench, ears: Ears) -> None:
    attempt_id, _ = await joined(floor, KEYS, AGENT)
    assert await floor.agents.send_digits(attempt_id, "40*") is None
    await floor.until(lambda: {"key 4", "key 0", "key *"} <= ears.by(KEYS))


async def test_a_machine_never_comes_to_the_floor_and_a_person_does_with_the_detectors_word(floor: FloorBench) -> None:
    person, machine = await floor.dial("+155503000", amd=True), await floor.dial("+155503020", amd=True)
    await floor.until(lambda: floor.said(AgentVoiceKind.CONTACT_WAITING, attempt_id=person, amd="HUMAN"))
    await floor.until(lambda: floor.hung_up(machine))  # its road ends at our FastAGI, where nobody is
    assert floor.told(attempt_id=machine) == []


@pytest.mark.row(128)
async def test_a_third_party_speaks_with_the_agent_then_with_both_then_with_the_contact_alone(
    floor: FloorBench, ears: Ears
) -> None:
    attempt_id, leg_id = await joined(floor, QUIET_CONTACT, QUIET_AGENT)
    consult_id = await floor.consult(attempt_id, leg_id, EXPERT)
    await floor.until(lambda: floor.said(AgentVoiceKind.CONSULT_UP, consult_id=consult_id))
    await ears.hears(QUIET_AGENT, EXPERT[-2:])
    await ears.hears(QUIET_CONTACT, MUSIC)
    assert EXPERT[-2:] not in ears.by(QUIET_CONTACT)
    assert list(await floor.agents.conference(attempt_id, [leg_id], [consult_id])) == []
    ears.begin()
    await ears.hears(QUIET_AGENT, EXPERT[-2:])
    await ears.hears(QUIET_CONTACT, EXPERT[-2:])
    assert await floor.agents.transfer(attempt_id, consult_id) is None
    await floor.until(lambda: floor.told(leg_id=leg_id)[-1] is AgentVoiceKind.LEG_PARKED)
    await ears.settle(QUIET_CONTACT, EXPERT[-2:])
    assert ears.by(QUIET_AGENT) == set()


async def test_a_supervisor_is_heard_by_nobody_then_by_the_agent_then_by_both(floor: FloorBench, ears: Ears) -> None:
    _, leg_id = await joined(floor, QUIET_CONTACT, QUIET_AGENT)
    supervisor = await floor.parked(SUPERVISOR)
    voice = SUPERVISOR[-2:]
    for mode, agent, contact in (
        (SpyMode.LISTEN, set(), set()),
        (SpyMode.WHISPER, {voice}, set()),
        (SpyMode.BARGE, {voice}, {voice}),
    ):
        assert await floor.agents.spy(supervisor, leg_id, mode) is None
        ears.begin()
        for phone, voices in ((QUIET_AGENT, agent), (QUIET_CONTACT, contact)):
            for one in voices:
                await ears.hears(phone, one)
        await asyncio.sleep(ROUND_S)  # that nothing is heard needs time to be seen
        assert (ears.by(QUIET_AGENT), ears.by(QUIET_CONTACT)) == (agent, contact), mode


async def test_a_leg_that_is_given_up_before_the_switch_has_made_it_rings_nobody(lab: Lab, floor: FloorBench) -> None:
    leg_id = await floor.ring("+19990105611")
    await floor.agents.drop(leg_id)
    await floor.until(lambda: floor.said(AgentVoiceKind.LEG_DOWN, leg_id=leg_id))
    assert not [one for one in (await floor.agents.look(floor.switch)).legs if one.leg_id == leg_id]


@pytest.mark.parametrize("endpoint", ["no-such-endpoint", "carrier"])
async def test_a_sip_endpoint_that_is_not_there_or_not_answered_is_told(floor: FloorBench, endpoint: str) -> None:
    order = LegOrder(leg_id=new_leg_id(), phone=endpoint, switch=floor.switch, ring_timeout_s=2)
    await floor.agents.ring(order)
    await floor.until(lambda: floor.said(AgentVoiceKind.LEG_DOWN, leg_id=order.leg_id))
    assert floor.told(leg_id=order.leg_id) == [AgentVoiceKind.LEG_DOWN]


async def test_a_supervisor_hears_both(floor: FloorBench, ears: Ears) -> None:
    leg_id, supervisor = await floor.parked(AGENT), await floor.parked(QUIET_AGENT)
    attempt_id = await floor.waiting(QUIET_CONTACT)
    assert await floor.agents.join(attempt_id, leg_id, tone=False) is None  # a tone could be taken for a voice
    assert await floor.agents.spy(supervisor, leg_id, SpyMode.LISTEN) is None
    await ears.hears(QUIET_AGENT, AGENT[-2:])
    await floor.agents.release(attempt_id)
    await floor.agents.drop(leg_id)  # what was listened to ends: the supervisor is parked
    await floor.until(lambda: len(floor.said(AgentVoiceKind.LEG_PARKED, leg_id=supervisor)) == 2)
