"""The switches' queues keep the words of their port: the fake of the tests, and Asterisk with callers of the lab's carrier."""

from __future__ import annotations

import time

import pytest

from dialer.errors import NotSent, Rejected
from dialer.ports_agents import AgentVoiceKind, LegState
from dialer.ports_queues import QueueNewsKind
from tests.queue_bench import QueueBench

pytestmark = pytest.mark.contract


async def test_callers_are_told_when_they_come_and_when_they_go(bench: QueueBench) -> None:
    first, second = await bench.call_in("support"), await bench.call_in("sales")
    for news, queue in ((first, "support"), (second, "sales")):
        assert (news.kind, news.switch, news.queue) == (QueueNewsKind.JOINED, bench.switch, queue)
    assert first.caller != second.caller
    for news in (first, second):
        await bench.hang_up(news.caller)
    await bench.until(lambda: len(bench.heard) == 4)
    gone = {(one.caller, one.queue) for one in bench.heard if one.kind is QueueNewsKind.LEFT}
    assert gone == {(first.caller, "support"), (second.caller, "sales")}


async def test_a_look_shows_who_waits_and_for_how_long(bench: QueueBench) -> None:
    empty = await bench.queues.look(bench.switch, "support")
    assert empty is not None
    assert empty.callers == []
    began = time.monotonic()
    news = await bench.call_in("support")
    seen = await bench.queues.look(bench.switch, "support")
    assert seen is not None
    assert [one.caller for one in seen.callers] == [news.caller]
    assert 0.0 <= seen.callers[0].waits_s <= time.monotonic() - began + 1.0  # the switch counts in whole seconds
    await bench.hang_up(news.caller)
    await bench.until(lambda: bench.heard[-1].kind is QueueNewsKind.LEFT)


async def test_a_leg_is_in_a_queue_from_entering_to_leaving_paused_or_not(bench: QueueBench) -> None:
    leg_id = await bench.parked()
    await bench.queues.enter(bench.switch, "support", leg_id, "ann@1", paused=True)
    assert await bench.legs("support") == {leg_id: True}
    await bench.queues.enter(bench.switch, "support", leg_id, "ann@1", paused=False)
    assert await bench.legs("support") == {leg_id: False}
    assert await bench.legs("sales") == {}
    for _ in range(2):  # quiet where it is not there
        await bench.queues.leave(bench.switch, "support", leg_id)
    assert await bench.legs("support") == {}
    with pytest.raises(Rejected):
        await bench.queues.enter(bench.switch, "nobodys", leg_id, "ann@1", paused=False)


@pytest.mark.row(131)
async def test_a_caller_is_offered_taken_and_gone_and_the_leg_is_parked_again(bench: QueueBench) -> None:
    leg_id = await bench.parked()
    await bench.queues.enter(bench.switch, "support", leg_id, "ann@1", paused=False)
    offer = await bench.offered("support", leg_id)
    assert await bench.queues.take(bench.switch, offer, leg_id)
    await bench.until(lambda: [one.offer for one in bench.said(QueueNewsKind.TAKEN)] == [offer])
    await bench.until(lambda: len(bench.said(QueueNewsKind.LEFT)) == 1)
    await bench.until_leg(leg_id, LegState.TALKING)
    (talk,) = await bench.queues.talks(bench.switch)
    assert (talk.offer, talk.leg_id, talk.queue, talk.name) == (offer, leg_id, "support", "ann@1")
    assert talk.number == bench.said(QueueNewsKind.OFFERED)[0].number
    parked = bench.told.count((AgentVoiceKind.LEG_PARKED, leg_id))
    await bench.queues.drop(bench.switch, offer)
    await bench.until(lambda: [one.offer for one in bench.said(QueueNewsKind.GONE)] == [offer])
    await bench.until(lambda: bench.told.count((AgentVoiceKind.LEG_PARKED, leg_id)) == parked + 1)
    await bench.queues.drop(bench.switch, offer)  # quiet: it has ended
    assert not await bench.queues.take(bench.switch, offer, leg_id)


async def test_a_caller_whom_nobody_takes_is_offered_again_and_a_paused_leg_is_offered_nobody(bench: QueueBench) -> None:
    leg_id = await bench.parked()
    await bench.queues.enter(bench.switch, "support", leg_id, "ann@1", paused=True)
    caller = (await bench.call_in("support")).caller
    assert await bench.legs("support") == {leg_id: True}
    assert not bench.said(QueueNewsKind.OFFERED)
    await bench.queues.enter(bench.switch, "support", leg_id, "ann@1", paused=False)
    await bench.until(lambda: len(bench.said(QueueNewsKind.OFFERED)) == 1)
    refused = bench.said(QueueNewsKind.OFFERED)[0].offer
    assert refused is not None
    await bench.queues.drop(bench.switch, refused)
    await bench.until(lambda: len(bench.said(QueueNewsKind.OFFERED)) >= 2)
    await bench.until(lambda: len(bench.said(QueueNewsKind.GONE)) >= 2)  # not taken within two seconds
    assert not bench.said(QueueNewsKind.LEFT), "the caller waits on"
    await bench.hang_up(caller)
    await bench.until(lambda: bool(bench.said(QueueNewsKind.LEFT)))


async def test_a_caller_whose_agent_is_lost_waits_in_the_queue_again(bench: QueueBench) -> None:
    leg_id = await bench.parked()
    await bench.queues.enter(bench.switch, "support", leg_id, "ann@1", paused=False)
    offer = await bench.offered("support", leg_id)
    assert await bench.queues.take(bench.switch, offer, leg_id)
    await bench.until(lambda: bool(bench.said(QueueNewsKind.TAKEN)))
    await bench.agents.drop(leg_id)
    await bench.until(lambda: len(bench.said(QueueNewsKind.JOINED)) == 2)
    await bench.until(lambda: bench.said(QueueNewsKind.GONE)[:1] != [])
    assert bench.said(QueueNewsKind.GONE)[0].offer == offer
    await bench.hang_up(bench.said(QueueNewsKind.JOINED)[1].caller)


async def test_a_queue_that_is_not_there_is_told_from_one_that_is_empty(bench: QueueBench) -> None:
    assert await bench.queues.look(bench.switch, "nobodys") is None


async def test_without_a_link_nothing_is_seen_and_that_is_said(bench: QueueBench) -> None:
    await bench.voice.stop()
    with pytest.raises(NotSent):
        await bench.queues.look(bench.switch, "support")
