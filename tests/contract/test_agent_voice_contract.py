"""Agents' voice keeps the words of its port: the fake of the tests, and Asterisk with real phones on the lab's carrier."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from dialer.channels.asterisk.agent_voice import AsteriskAgentVoice
from dialer.channels.asterisk.voice import AsteriskVoice
from dialer.domain.ids import AttemptId, LegId
from dialer.engine.clock import SystemClock
from dialer.errors import Rejected
from dialer.lab.lab import Lab
from dialer.ports_agents import AgentVoiceKind, ContactState, LegState, Missing, Parting, SpyMode
from dialer.testing.agents import FakeAgentVoice
from dialer.testing.voice import BUSY, NO_ANSWER, FakeCallee, FakeVoice
from tests.agents_kit import FloorBench, asterisk_voice, linked, listened
from tests.patience import Watch

pytestmark = pytest.mark.contract

# The lab's carrier acts by the last two digits; the fake is told the same.
CONTACT, LEAVES, PRESSES = "+19990000100", "+19990000120", "+19990000107"
PHONE, ANOTHER, UNANSWERED, BUSY_PHONE, BREAKS = "+19990007100", "+19990007200", "+19990007311", "+19990007410", "+19990007520"
EXPERT, NO_EXPERT, EXPERT_LEAVES = "+19990009100", "+19990009110", "+19990009120"
STAYS, HANGS_UP = FakeCallee(ring_s=None, answer_s=0.01), FakeCallee(ring_s=None, answer_s=0.01, hangup_s=0.4)
CALLEES = {
    CONTACT: STAYS,
    LEAVES: HANGS_UP,
    PRESSES: STAYS,
    EXPERT: STAYS,
    NO_EXPERT: BUSY,
    EXPERT_LEAVES: HANGS_UP,
}
PHONES = {PHONE: STAYS, ANOTHER: STAYS, UNANSWERED: NO_ANSWER, BUSY_PHONE: BUSY, BREAKS: HANGS_UP}


@pytest.fixture(params=["fake", "asterisk"])
async def floor(request: pytest.FixtureRequest) -> AsyncIterator[FloorBench]:
    """A floor whose switch is ready."""
    voice: FakeVoice | AsteriskVoice
    agents: FakeAgentVoice | AsteriskAgentVoice
    lab: Lab | None = None
    if request.param == "fake":
        voice = FakeVoice(SystemClock(), callees=CALLEES)
        agents = FakeAgentVoice(SystemClock(), voice, phones=PHONES, message_s=0.2)
    else:
        lab = request.getfixturevalue("lab")
        voice = asterisk_voice(lab)
        agents = AsteriskAgentVoice(voice)
    async with listened(FloorBench(voice, agents, lab=lab)) as bench:
        await linked(bench)
        yield bench
        await bench.clear()


async def joined(floor: FloorBench, number: str = CONTACT, phone: str = PHONE) -> tuple[AttemptId, LegId]:
    """A contact and an agent who talk."""
    leg_id = await floor.parked(phone)
    attempt_id = await floor.waiting(number)
    assert await floor.agents.join(attempt_id, leg_id) is None
    return attempt_id, leg_id


async def whole_call(floor: FloorBench, leg_id: LegId) -> None:
    """A contact, joined to a parked leg and released."""
    attempt_id = await floor.waiting(CONTACT)
    assert await floor.agents.join(attempt_id, leg_id) is None
    await floor.agents.release(attempt_id)
    await floor.until(lambda: floor.said(AgentVoiceKind.PARTED, attempt_id=attempt_id))
    await floor.until(lambda: floor.told(leg_id=leg_id)[-1] is AgentVoiceKind.LEG_PARKED)
    await floor.until(lambda: floor.hung_up(attempt_id))


# -- legs ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.row(130)
async def test_an_agents_leg_stays_up_from_contact_to_contact(floor: FloorBench) -> None:
    leg_id = await floor.parked(PHONE)
    for _ in range(2):
        await whole_call(floor, leg_id)
    await floor.agents.drop(leg_id)
    await floor.until(lambda: floor.said(AgentVoiceKind.LEG_DOWN, leg_id=leg_id))
    assert floor.told(leg_id=leg_id) == [
        AgentVoiceKind.LEG_UP,
        AgentVoiceKind.LEG_PARKED,
        *(AgentVoiceKind.JOINED, AgentVoiceKind.PARTED, AgentVoiceKind.LEG_PARKED) * 2,
        AgentVoiceKind.LEG_DOWN,
    ]
    await floor.agents.drop(leg_id)  # quiet when it is gone


@pytest.mark.parametrize(("phone", "cause"), [(UNANSWERED, 19), (BUSY_PHONE, 17)])
async def test_a_phone_that_is_not_answered_is_told_with_its_cause(floor: FloorBench, phone: str, cause: int) -> None:
    leg_id = await floor.ring(phone, ring_timeout_s=0.6)
    await floor.until(lambda: floor.said(AgentVoiceKind.LEG_DOWN, leg_id=leg_id))
    (down,) = floor.said(AgentVoiceKind.LEG_DOWN, leg_id=leg_id)
    assert down.cause == cause
    assert not floor.said(AgentVoiceKind.LEG_UP, leg_id=leg_id)


async def test_a_leg_that_rings_takes_no_contact_and_can_be_given_up(floor: FloorBench) -> None:
    leg_id = await floor.ring(UNANSWERED)
    attempt_id = await floor.waiting(CONTACT)
    assert await floor.agents.join(attempt_id, leg_id) is Missing.LEG
    await floor.agents.drop(leg_id)
    await floor.until(lambda: floor.said(AgentVoiceKind.LEG_DOWN, leg_id=leg_id))


# -- contacts ------------------------------------------------------------------------------------------------------------------


async def test_a_contact_who_hangs_up_leaves_the_agent_parked(floor: FloorBench) -> None:
    attempt_id, leg_id = await joined(floor, LEAVES)
    await floor.until(lambda: floor.hung_up(attempt_id))
    await floor.until(lambda: floor.said(AgentVoiceKind.PARTED, attempt_id=attempt_id, leg_id=leg_id))
    (parted,) = floor.said(AgentVoiceKind.PARTED, attempt_id=attempt_id)
    assert parted.parting is Parting.CONTACT_GONE
    await floor.until(lambda: floor.told(leg_id=leg_id)[-1] is AgentVoiceKind.LEG_PARKED)
    assert await floor.agents.join(attempt_id, leg_id) is Missing.CONTACT


async def test_a_contact_to_whom_nobody_comes_in_time_hears_the_message_and_is_hung_up(floor: FloorBench) -> None:
    watch = Watch(lambda: floor.pids)
    attempt_id = await floor.dial(CONTACT, wait_s=1.1, nuisance="beep")
    await floor.until(lambda: floor.said(AgentVoiceKind.NUISANCE, attempt_id=attempt_id))
    first, last = (floor.at[index] for index, one in enumerate(floor.heard) if one.attempt_id == attempt_id)
    late_s = watch.lost_s()
    assert first + 1.0 - late_s < last < first + 1.4 + late_s
    await floor.until(lambda: floor.hung_up(attempt_id))


@pytest.mark.row(126)
async def test_a_contact_is_held_and_taken_back(floor: FloorBench) -> None:
    attempt_id, leg_id = await joined(floor)
    assert await floor.agents.hold(attempt_id) is None
    await floor.until(lambda: floor.said(AgentVoiceKind.PARTED, attempt_id=attempt_id))
    await floor.until(lambda: floor.told(leg_id=leg_id)[-1] is AgentVoiceKind.LEG_PARKED)
    (parted,) = floor.said(AgentVoiceKind.PARTED, attempt_id=attempt_id)
    assert (parted.leg_id, parted.parting) == (leg_id, Parting.HELD)
    seen = await floor.agents.look(floor.switch)
    assert [one.state for one in seen.contacts] == [ContactState.HELD]
    assert await floor.agents.resume(attempt_id, leg_id) is None
    seen = await floor.agents.look(floor.switch)
    assert [(one.state, one.leg_id) for one in seen.contacts] == [(ContactState.TALKING, leg_id)]


async def test_a_contact_whose_agent_is_lost_waits_again_and_gets_another(floor: FloorBench) -> None:
    other = await floor.parked(ANOTHER)
    attempt_id, leg_id = await joined(floor, phone=BREAKS)
    await floor.until(lambda: floor.said(AgentVoiceKind.CONTACT_WAITING, attempt_id=attempt_id, again=True))
    await floor.until(lambda: floor.said(AgentVoiceKind.LEG_DOWN, leg_id=leg_id))
    (parted,) = floor.said(AgentVoiceKind.PARTED, attempt_id=attempt_id)
    assert parted.parting is Parting.LEG_GONE
    assert await floor.agents.join(attempt_id, leg_id) is Missing.LEG
    assert await floor.agents.join(attempt_id, other) is None
    assert not floor.said(AgentVoiceKind.NUISANCE, attempt_id=attempt_id)


async def test_a_held_contact_whose_agent_is_lost_waits_again(floor: FloorBench) -> None:
    attempt_id, leg_id = await joined(floor)
    assert await floor.agents.hold(attempt_id) is None
    await floor.agents.drop(leg_id)
    await floor.until(lambda: floor.said(AgentVoiceKind.CONTACT_WAITING, attempt_id=attempt_id, again=True))
    assert len(floor.said(AgentVoiceKind.PARTED, attempt_id=attempt_id)) == 1


async def test_a_contact_is_passed_from_agent_to_agent(floor: FloorBench) -> None:
    other = await floor.parked(ANOTHER)
    attempt_id, leg_id = await joined(floor)
    assert await floor.agents.join(attempt_id, other) is None
    await floor.until(lambda: floor.said(AgentVoiceKind.PARTED, attempt_id=attempt_id))
    await floor.until(lambda: floor.told(leg_id=leg_id)[-1] is AgentVoiceKind.LEG_PARKED)
    (parted,) = floor.said(AgentVoiceKind.PARTED, attempt_id=attempt_id)
    assert (parted.leg_id, parted.parting) == (leg_id, Parting.PASSED_ON)
    seen = await floor.agents.look(floor.switch)
    assert [(one.state, one.leg_id) for one in seen.contacts] == [(ContactState.TALKING, other)]


@pytest.mark.row(126)
async def test_keys_that_a_contact_presses_are_told(floor: FloorBench) -> None:
    attempt_id, _ = await joined(floor, PRESSES)
    if isinstance(floor.agents, FakeAgentVoice):
        floor.agents.press(attempt_id, "4#")
    await floor.until(lambda: len(floor.said(AgentVoiceKind.KEY, attempt_id=attempt_id)) >= 2)
    assert [one.key for one in floor.said(AgentVoiceKind.KEY)][:2] == ["4", "#"]
    assert "key=" not in str(floor.said(AgentVoiceKind.KEY)[0])  # it may be a digit of a card: it comes into no log


@pytest.mark.row(126)
async def test_keys_are_pressed_towards_a_contact_and_nonsense_is_refused(floor: FloorBench) -> None:
    attempt_id, _ = await joined(floor)
    assert await floor.agents.send_digits(attempt_id, "12#") is None
    for nonsense in ("", "1w", "1" * 33, "1\r\nAction: Logoff"):
        with pytest.raises(Rejected):
            await floor.agents.send_digits(attempt_id, nonsense)


async def test_a_message_takes_the_contact_away_from_the_agent_and_ends_the_call(floor: FloorBench) -> None:
    attempt_id, leg_id = await joined(floor)
    assert await floor.agents.play_message(attempt_id, "beep") is None
    await floor.until(lambda: floor.told(leg_id=leg_id)[-1] is AgentVoiceKind.LEG_PARKED)
    await floor.until(lambda: floor.hung_up(attempt_id))


async def test_what_is_there_can_be_looked_at(floor: FloorBench) -> None:
    idle, waiting = await floor.parked(ANOTHER), await floor.waiting(CONTACT)
    attempt_id, leg_id = await joined(floor)
    ringing = await floor.ring(UNANSWERED)
    seen = await floor.agents.look(floor.switch)
    assert {one.leg_id: (one.state, one.attempt_id) for one in seen.legs} == {
        idle: (LegState.PARKED, None),
        leg_id: (LegState.TALKING, attempt_id),
        ringing: (LegState.RINGING, None),
    }
    assert {one.attempt_id: (one.state, one.leg_id) for one in seen.contacts} == {
        waiting: (ContactState.WAITING, None),
        attempt_id: (ContactState.TALKING, leg_id),
    }


# -- third parties -------------------------------------------------------------------------------------------------------------


@pytest.mark.row(128)
async def test_a_third_party_is_asked_and_gets_the_call(floor: FloorBench) -> None:
    attempt_id, leg_id = await joined(floor)
    consult_id = await floor.consult(attempt_id, leg_id, EXPERT)
    await floor.until(lambda: floor.said(AgentVoiceKind.CONSULT_UP, consult_id=consult_id, leg_id=leg_id))
    seen = await floor.agents.look(floor.switch)
    assert ([one.state for one in seen.contacts], list(seen.consults)) == ([ContactState.HELD], [consult_id])
    assert await floor.agents.transfer(attempt_id, consult_id) is None
    await floor.until(lambda: floor.told(leg_id=leg_id)[-1] is AgentVoiceKind.LEG_PARKED)
    seen = await floor.agents.look(floor.switch)
    assert [(one.state, one.leg_id) for one in seen.contacts] == [(ContactState.TALKING, None)]
    await floor.agents.drop(leg_id)  # the agent goes home; the transferred call goes on
    await floor.until(lambda: floor.said(AgentVoiceKind.LEG_DOWN, leg_id=leg_id))
    assert not floor.hung_up(attempt_id)
    await floor.agents.cancel_consult(consult_id)
    await floor.until(lambda: floor.hung_up(attempt_id))
    await floor.until(lambda: floor.said(AgentVoiceKind.CONSULT_DOWN, consult_id=consult_id))


async def test_a_consultation_is_given_up_and_the_contact_taken_back(floor: FloorBench) -> None:
    attempt_id, leg_id = await joined(floor)
    consult_id = await floor.consult(attempt_id, leg_id, EXPERT)
    await floor.until(lambda: floor.said(AgentVoiceKind.CONSULT_UP, consult_id=consult_id))
    await floor.agents.cancel_consult(consult_id)
    await floor.until(lambda: floor.said(AgentVoiceKind.CONSULT_DOWN, consult_id=consult_id))
    await floor.until(lambda: len(floor.said(AgentVoiceKind.LEG_PARKED, leg_id=leg_id)) == 3)
    assert await floor.agents.transfer(attempt_id, consult_id) is Missing.THIRD
    assert await floor.agents.resume(attempt_id, leg_id) is None


async def test_a_contact_is_taken_back_in_the_moment_in_which_the_third_party_goes(floor: FloorBench) -> None:
    attempt_id, leg_id = await joined(floor)
    for _ in range(3):
        consult_id = await floor.consult(attempt_id, leg_id, EXPERT)
        await floor.until(lambda: floor.told(leg_id=leg_id)[-1] is AgentVoiceKind.CONSULT_UP)
        await floor.agents.cancel_consult(consult_id)
        assert await floor.agents.resume(attempt_id, leg_id) is None
    consult_id = await floor.consult(attempt_id, leg_id, EXPERT_LEAVES)
    await floor.until(lambda: floor.said(AgentVoiceKind.CONSULT_DOWN, consult_id=consult_id))
    assert await floor.agents.resume(attempt_id, leg_id) is None
    seen = await floor.agents.look(floor.switch)
    assert [(one.state, one.leg_id) for one in seen.contacts] == [(ContactState.TALKING, leg_id)]
    assert not floor.said(AgentVoiceKind.LEG_DOWN, leg_id=leg_id)


async def test_a_third_party_who_is_busy_leaves_the_contact_held(floor: FloorBench) -> None:
    attempt_id, leg_id = await joined(floor)
    consult_id = await floor.consult(attempt_id, leg_id, NO_EXPERT)
    await floor.until(lambda: floor.said(AgentVoiceKind.CONSULT_DOWN, consult_id=consult_id))
    (down,) = floor.said(AgentVoiceKind.CONSULT_DOWN, consult_id=consult_id)
    assert (down.cause, down.leg_id) == (17, leg_id)
    assert await floor.agents.resume(attempt_id, leg_id) is None


@pytest.mark.row(128)
async def test_three_talk_together_and_the_agent_goes_on_alone_with_the_contact(floor: FloorBench) -> None:
    attempt_id, leg_id = await joined(floor)
    consult_id = await floor.consult(attempt_id, leg_id, EXPERT)
    await floor.until(lambda: floor.said(AgentVoiceKind.CONSULT_UP, consult_id=consult_id))
    assert list(await floor.agents.conference(attempt_id, [leg_id], [consult_id])) == []
    await floor.until(lambda: floor.told(leg_id=leg_id)[-1] is AgentVoiceKind.JOINED)
    seen = await floor.agents.look(floor.switch)
    assert [(one.state, one.leg_id) for one in seen.contacts] == [(ContactState.TALKING, leg_id)]
    assert await floor.agents.end_conference(attempt_id, leg_id) is None
    await floor.until(lambda: floor.said(AgentVoiceKind.CONSULT_DOWN, consult_id=consult_id))
    seen = await floor.agents.look(floor.switch)
    assert [(one.state, one.leg_id) for one in seen.contacts] == [(ContactState.TALKING, leg_id)]
    assert not floor.hung_up(attempt_id)


async def test_the_agent_leaves_a_conference_and_both_calls_end_with_the_third_party(floor: FloorBench) -> None:
    attempt_id, leg_id = await joined(floor)
    consult_id = await floor.consult(attempt_id, leg_id, EXPERT)
    await floor.until(lambda: floor.said(AgentVoiceKind.CONSULT_UP, consult_id=consult_id))
    assert list(await floor.agents.conference(attempt_id, [leg_id], [consult_id])) == []
    assert await floor.agents.transfer(attempt_id, consult_id) is None
    await floor.until(lambda: floor.told(leg_id=leg_id)[-1] is AgentVoiceKind.LEG_PARKED)
    assert floor.said(AgentVoiceKind.PARTED, attempt_id=attempt_id)[-1].parting is Parting.PASSED_ON
    assert not floor.hung_up(attempt_id)
    await floor.agents.cancel_consult(consult_id)
    await floor.until(lambda: floor.hung_up(attempt_id))


async def test_a_contact_whom_all_others_leave_in_a_conference_waits_again(floor: FloorBench) -> None:
    attempt_id, leg_id = await joined(floor)
    consult_id = await floor.consult(attempt_id, leg_id, EXPERT)
    await floor.until(lambda: floor.said(AgentVoiceKind.CONSULT_UP, consult_id=consult_id))
    assert list(await floor.agents.conference(attempt_id, [leg_id], [consult_id])) == []
    await floor.agents.drop(leg_id)
    await floor.until(lambda: floor.said(AgentVoiceKind.LEG_DOWN, leg_id=leg_id))
    assert not floor.said(AgentVoiceKind.CONTACT_WAITING, attempt_id=attempt_id, again=True), "the third party is still there"
    await floor.agents.cancel_consult(consult_id)
    await floor.until(lambda: floor.said(AgentVoiceKind.CONTACT_WAITING, attempt_id=attempt_id, again=True))


@pytest.mark.row(128)
async def test_two_agents_consult_and_the_call_changes_its_owner(floor: FloorBench) -> None:
    other = await floor.parked(ANOTHER)
    attempt_id, leg_id = await joined(floor)
    assert await floor.agents.hold(attempt_id) is None
    await floor.until(lambda: floor.told(leg_id=leg_id)[-1] is AgentVoiceKind.LEG_PARKED)
    assert await floor.agents.talk(leg_id, other) is None
    seen = await floor.agents.look(floor.switch)
    assert {one.state for one in seen.legs} == {LegState.TALKING}
    assert await floor.agents.park(leg_id) is None
    await floor.until(lambda: floor.told(leg_id=other)[-1] is AgentVoiceKind.LEG_PARKED)
    assert await floor.agents.talk(leg_id, other) is None
    assert list(await floor.agents.conference(attempt_id, [leg_id, other])) == []
    await floor.until(lambda: floor.said(AgentVoiceKind.JOINED, leg_id=other))
    assert await floor.agents.end_conference(attempt_id, other) is None
    await floor.until(lambda: floor.told(leg_id=leg_id)[-1] is AgentVoiceKind.LEG_PARKED)
    seen = await floor.agents.look(floor.switch)
    assert [(one.state, one.leg_id) for one in seen.contacts] == [(ContactState.TALKING, other)]


async def test_a_supervisor_is_parked_when_the_leg_that_was_heard_ends_and_not_when_its_contact_does(floor: FloorBench) -> None:
    supervisor = await floor.parked(ANOTHER)
    attempt_id, leg_id = await joined(floor)
    assert await floor.agents.spy(supervisor, leg_id, SpyMode.LISTEN) is None
    await floor.agents.release(attempt_id)
    await floor.until(lambda: len(floor.said(AgentVoiceKind.LEG_PARKED, leg_id=leg_id)) == 2)
    seen = await floor.agents.look(floor.switch)
    assert {one.leg_id: one.state for one in seen.legs} == {supervisor: LegState.SPYING, leg_id: LegState.PARKED}
    await floor.agents.drop(leg_id)
    await floor.until(lambda: len(floor.said(AgentVoiceKind.LEG_PARKED, leg_id=supervisor)) == 2)
    seen = await floor.agents.look(floor.switch)
    assert {one.leg_id: one.state for one in seen.legs} == {supervisor: LegState.PARKED}


async def test_a_supervisor_takes_part_in_a_call_and_leaves_it_as_it_was(floor: FloorBench) -> None:
    supervisor = await floor.parked(ANOTHER)
    attempt_id, leg_id = await joined(floor)
    for mode in SpyMode:
        assert await floor.agents.spy(supervisor, leg_id, mode) is None
        seen = await floor.agents.look(floor.switch)
        assert {one.leg_id: one.state for one in seen.legs} == {supervisor: LegState.SPYING, leg_id: LegState.TALKING}
    assert await floor.agents.park(supervisor) is None
    await floor.until(lambda: floor.told(leg_id=supervisor)[-1] is AgentVoiceKind.LEG_PARKED)
    seen = await floor.agents.look(floor.switch)
    assert [(one.state, one.leg_id) for one in seen.contacts] == [(ContactState.TALKING, leg_id)]
    await floor.agents.drop(supervisor)
    assert await floor.agents.spy(supervisor, leg_id, SpyMode.LISTEN) is Missing.LEG
    assert not floor.hung_up(attempt_id)
