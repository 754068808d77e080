"""Callers in a talk keep the words of their port: held, passed on, in a conference, and back in their queue when all leave."""

from __future__ import annotations

import pytest

from dialer.channels.asterisk.voice import AsteriskVoice
from dialer.errors import Rejected
from dialer.ports_agents import AgentVoiceKind, ContactState, LegState, Missing
from dialer.ports_queues import QueueNewsKind
from tests.queue_bench import DECLINES, SLOW, QueueBench

pytestmark = pytest.mark.contract


@pytest.mark.row(126)
async def test_a_caller_is_held_and_taken_back_and_keys_are_pressed(bench: QueueBench) -> None:
    offer, leg_id = await bench.talking()
    await bench.until_states([(ContactState.TALKING, leg_id)])
    assert await bench.agents.hold(offer) is None
    await bench.until_leg(leg_id, LegState.PARKED)
    await bench.until_states([(ContactState.HELD, None)])
    assert [(one.offer, one.held) for one in await bench.queues.talks(bench.switch)] == [(offer, True)]
    assert await bench.agents.resume(offer, leg_id) is None
    await bench.until_states([(ContactState.TALKING, leg_id)])
    assert await bench.agents.send_digits(offer, "4*") is None
    assert [(one.offer, one.held) for one in await bench.queues.talks(bench.switch)] == [(offer, False)]
    await bench.queues.drop(bench.switch, offer)
    await bench.until_leg(leg_id, LegState.PARKED)
    await bench.until_over(offer)
    assert await bench.agents.hold(offer) is Missing.CONTACT
    assert await bench.agents.send_digits(offer, "4") is Missing.CONTACT


async def test_a_held_caller_whose_agent_is_lost_or_who_is_put_back_waits_in_the_queue_again(bench: QueueBench) -> None:
    offer, leg_id = await bench.talking()
    assert await bench.agents.hold(offer) is None
    await bench.agents.drop(leg_id)
    await bench.until_waits_again(offer)
    await bench.queues.put_back(bench.switch, offer)  # quiet: gone


async def test_a_held_caller_can_be_put_back_into_the_queue(bench: QueueBench) -> None:
    offer, leg_id = await bench.talking()
    assert await bench.agents.hold(offer) is None
    await bench.queues.put_back(bench.switch, offer)
    await bench.until_waits_again(offer)
    await bench.until_leg(leg_id, LegState.PARKED)


@pytest.mark.row(128)
async def test_a_third_party_is_asked_let_go_asked_again_and_gets_the_caller(bench: QueueBench) -> None:
    offer, leg_id = await bench.talking()
    refused = await bench.asked(offer, leg_id)
    await bench.until_states([(ContactState.HELD, None)])
    await bench.agents.cancel_consult(refused)
    await bench.until(lambda: refused in bench.gone)
    assert await bench.agents.transfer(offer, refused) is Missing.THIRD
    assert await bench.agents.resume(offer, leg_id) is None
    await bench.until_states([(ContactState.TALKING, leg_id)])
    third = await bench.asked(offer, leg_id)
    assert await bench.agents.transfer(offer, third) is None
    await bench.until_over(offer)
    await bench.until_leg(leg_id, LegState.PARKED)
    there = await bench.agents.look(bench.switch)
    assert (list(there.callers), list(there.consults)) == ([], [third])
    assert await bench.agents.transfer(offer, third) is Missing.CONTACT


@pytest.mark.row(128)
async def test_a_caller_is_handed_to_another_leg_which_has_them_from_then_on_and_the_first_is_offered_the_next(
    bench: QueueBench,
) -> None:
    offer, first = await bench.talking()
    second = await bench.parked()
    assert await bench.agents.hold(offer) is None
    assert await bench.agents.talk(first, second) is None
    assert await bench.agents.join(offer, second, tone=False) is None
    await bench.queues.give(bench.switch, offer, "bob@1")
    await bench.until_leg(first, LegState.PARKED)
    await bench.until_states([(ContactState.TALKING, second)])
    assert [(one.leg_id, one.name) for one in await bench.queues.talks(bench.switch)] == [(second, "bob@1")]
    await bench.queues.enter(bench.switch, "support", first, "ann@1", paused=False, anew=True)
    assert await bench.legs("support") == {first: False}
    await bench.call_in("support")
    await bench.until(lambda: len(bench.said(QueueNewsKind.OFFERED)) == 2)
    assert bench.said(QueueNewsKind.OFFERED)[1].leg_id == first
    await bench.agents.drop(second)  # the caller is in the queue again
    await bench.until(lambda: offer in [one.offer for one in bench.said(QueueNewsKind.GONE)])
    await bench.until(lambda: len(bench.said(QueueNewsKind.JOINED)) == 3)
    await bench.queues.give(bench.switch, offer, "bob@1")  # quiet: gone


@pytest.mark.row(128)
async def test_a_third_party_who_has_not_answered_yet_gets_the_caller_when_they_do(bench: QueueBench) -> None:
    offer, leg_id = await bench.talking()
    third = await bench.rung(offer, leg_id, SLOW)
    assert await bench.agents.transfer(offer, third) is None
    await bench.until_states([(ContactState.HELD, None)])
    await bench.agents.drop(leg_id)  # nobody needs the agent any more
    await bench.until_over(offer)
    assert list((await bench.agents.look(bench.switch)).consults) == [third]
    assert not bench.answered, "the agent is free, and hears none of it"


async def test_a_caller_who_is_passed_on_in_the_moment_in_which_the_third_party_goes_is_not_lost(bench: QueueBench) -> None:
    offer, leg_id = await bench.talking()
    third = await bench.asked(offer, leg_id)
    await bench.agents.cancel_consult(third)
    if await bench.agents.transfer(offer, third) is Missing.THIRD:  # known to be gone: the agent has the caller
        assert await bench.agents.resume(offer, leg_id) is None
        await bench.until_states([(ContactState.TALKING, leg_id)])
    else:
        await bench.until_waits_again(offer)


async def test_a_caller_whom_nobody_answers_waits_in_the_queue_again(bench: QueueBench) -> None:
    offer, leg_id = await bench.talking()
    third = await bench.rung(offer, leg_id, DECLINES)
    assert await bench.agents.transfer(offer, third) is None
    await bench.until_waits_again(offer)
    await bench.until_leg(leg_id, LegState.PARKED)


@pytest.mark.row(128)
async def test_three_talk_and_the_agent_goes_on_alone_with_the_caller_or_leaves_them(bench: QueueBench) -> None:
    offer, leg_id = await bench.talking()
    third = await bench.asked(offer, leg_id)
    assert list(await bench.agents.conference(offer, [leg_id], [third])) == []
    await bench.until_states([(ContactState.TALKING, leg_id)])
    assert await bench.agents.end_conference(offer, leg_id) is None
    await bench.until_states([(ContactState.TALKING, leg_id)])
    third = await bench.asked(offer, leg_id)
    assert list(await bench.agents.conference(offer, [leg_id], [third])) == []
    assert await bench.agents.transfer(offer, third) is None
    await bench.until_over(offer)
    await bench.until_leg(leg_id, LegState.PARKED)
    assert list((await bench.agents.look(bench.switch)).consults) == [third]


async def test_a_caller_whom_all_others_leave_in_a_conference_waits_in_the_queue_again(bench: QueueBench) -> None:
    offer, leg_id = await bench.talking()
    third = await bench.asked(offer, leg_id)
    assert list(await bench.agents.conference(offer, [leg_id], [third])) == []
    await bench.agents.drop(leg_id)
    await bench.until(lambda: (AgentVoiceKind.LEG_DOWN, leg_id) in bench.told)
    await bench.until_states([(ContactState.TALKING, None)])
    await bench.agents.cancel_consult(third)
    await bench.until_waits_again(offer)


@pytest.mark.parametrize("bench", ["asterisk"], indirect=True)
async def test_on_a_switch_with_an_older_dialplan_the_talk_goes_on_and_why_is_said(bench: QueueBench) -> None:
    offer, leg_id = await bench.talking()
    assert isinstance(bench.voice, AsteriskVoice)
    older = {"Action": "Setvar", "Channel": offer, "Variable": "OUTDIAL_HOLDS", "Value": ""}
    await bench.voice.switch(bench.switch).link.call(older)
    with pytest.raises(Rejected, match="dialer switch config"):
        await bench.agents.hold(offer)
    await bench.until_states([(ContactState.TALKING, leg_id)])
    await bench.queues.drop(bench.switch, offer)
