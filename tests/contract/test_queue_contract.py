"""The switches' queues keep the words of their port: the fake of the tests, and Asterisk with callers of the lab's carrier."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import count

import pytest

from dialer.channels.asterisk.agent_voice import AsteriskAgentVoice
from dialer.channels.asterisk.queues import AsteriskQueues
from dialer.channels.asterisk.voice import AsteriskVoice
from dialer.domain.ids import ConsultId, LegId, OfferId, new_consult_id, new_leg_id
from dialer.engine.clock import SystemClock
from dialer.errors import NotSent, Rejected
from dialer.lab.lab import Lab
from dialer.ports import SwitchState
from dialer.ports_agents import AgentVoiceKind, ConsultOrder, ContactState, LegOrder, LegState, Missing
from dialer.ports_queues import QueueNews, QueueNewsKind, QueuePort
from dialer.testing.agents import FakeAgentVoice
from dialer.testing.queues import FakeQueues
from dialer.testing.voice import FakeCallee, FakeVoice
from tests.agents_kit import asterisk_voice

pytestmark = pytest.mark.contract

NUMBERS = count(5_550_000_001)
PHONE, EXPERT = "+19990007100", "+19990009100"
SLOW, DECLINES = "+19990009210540", "+19990009314"  # answers after half a second, or then declines
STAYS, LATE = FakeCallee(ring_s=None, answer_s=0.01), FakeCallee(ring_s=None, answer_s=0.5)


class QueueBench:
    """A port with one reader; callers come and go as they are told."""

    def __init__(
        self,
        voice: FakeVoice | AsteriskVoice,
        agents: FakeAgentVoice | AsteriskAgentVoice,
        queues: FakeQueues | AsteriskQueues,
        lab: Lab | None,
    ) -> None:
        self.voice, self.agents, self.lab = voice, agents, lab
        self.queues: QueuePort = queues
        self.fake = queues if isinstance(queues, FakeQueues) else None
        self.told: list[tuple[AgentVoiceKind, LegId | None]] = []
        self.answered, self.gone = list[ConsultId](), list[ConsultId]()
        self.switch = voice.switches()[0]
        self.heard: list[QueueNews] = []

    async def listen(self) -> None:
        async for news in self.queues.news():
            self.heard.append(news)

    async def listen_to_legs(self) -> None:
        async for event in self.agents.events():
            self.told.append((event.kind, event.leg_id))
            if event.kind is AgentVoiceKind.CONSULT_UP and event.consult_id is not None:
                self.answered.append(event.consult_id)
            if event.kind is AgentVoiceKind.CONSULT_DOWN and event.consult_id is not None:
                self.gone.append(event.consult_id)

    async def call_in(self, queue: str) -> QueueNews:
        """Somebody calls, and waits; what is told of it."""
        before, number = len(self.said(QueueNewsKind.JOINED)), f"+1{next(NUMBERS)}"
        if self.fake is not None:
            self.fake.call_in(queue, switch=self.switch, number=number)
        elif self.lab is not None:
            await self.lab.call_in(queue, number)
        await self.until(lambda: len(self.said(QueueNewsKind.JOINED)) > before)
        return self.said(QueueNewsKind.JOINED)[-1]

    async def parked(self) -> LegId:
        """An agent's leg that is up and idle."""
        order = LegOrder(leg_id=new_leg_id(), phone=PHONE, switch=self.switch, trunk="trunk", ring_timeout_s=20)
        await self.agents.ring(order)
        await self.until(lambda: (AgentVoiceKind.LEG_PARKED, order.leg_id) in self.told)
        return order.leg_id

    async def offered(self, queue: str, leg_id: LegId) -> OfferId:
        """Somebody calls, and is offered to a leg that is in the queue."""
        await self.call_in(queue)
        await self.until(lambda: bool(self.said(QueueNewsKind.OFFERED)))
        news = self.said(QueueNewsKind.OFFERED)[-1]
        assert (news.queue, news.leg_id) == (queue, leg_id)
        assert news.number.startswith("+1555")
        assert news.offer is not None
        return news.offer

    async def talking(self) -> tuple[OfferId, LegId]:
        """A caller and an agent who talk."""
        leg_id = await self.parked()
        await self.queues.enter(self.switch, "support", leg_id, "ann@1", paused=False)
        offer = await self.offered("support", leg_id)
        assert await self.queues.take(self.switch, offer, leg_id)
        await self.until(lambda: bool(self.said(QueueNewsKind.TAKEN)))
        await self.queues.enter(self.switch, "support", leg_id, "ann@1", paused=True)
        return offer, leg_id

    async def rung(self, offer: OfferId, leg_id: LegId, number: str) -> ConsultId:
        """A third party who is called; the caller is held."""
        order = ConsultOrder(consult_id=new_consult_id(), leg_id=leg_id, number=number, trunk="trunk", ring_timeout_s=20.0)
        assert await self.agents.consult(offer, order) is None
        return order.consult_id

    async def asked(self, offer: OfferId, leg_id: LegId) -> ConsultId:
        """A third party who has answered the agent; the caller is held."""
        consult_id = await self.rung(offer, leg_id, EXPERT)
        await self.until(lambda: consult_id in self.answered)
        return consult_id

    async def states(self) -> list[tuple[ContactState, LegId | None]]:
        """The callers whom agents have, by the switch's own list."""
        return [(one.state, one.leg_id) for one in (await self.agents.look(self.switch)).callers]

    async def until_states(self, wanted: list[tuple[ContactState, LegId | None]]) -> None:
        """They are so: the dialplan has said so a moment before the list does."""
        for _ in range(100):
            if (found := await self.states()) == wanted:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"{found}, not {wanted}")

    async def until_over(self, offer: OfferId) -> None:
        """The talk has ended, and nobody waits in its queue."""
        await self.until(lambda: [one.offer for one in self.said(QueueNewsKind.GONE)] == [offer])
        seen = await self.queues.look(self.switch, "support")
        assert seen is not None
        assert not seen.callers

    async def until_waits_again(self, offer: OfferId) -> None:
        """The caller is in the queue again; then they hang up."""
        await self.until(lambda: [one.offer for one in self.said(QueueNewsKind.GONE)][:1] == [offer])
        await self.until(lambda: len(self.said(QueueNewsKind.JOINED)) == 2)
        assert not await self.states()
        await self.hang_up(self.said(QueueNewsKind.JOINED)[1].caller)

    async def clear(self) -> None:
        """Hang up everything of ours, and wait until it is gone: the lab is shared."""
        for queue in ("support", "sales"):
            for leg_id in await self.legs(queue):
                await self.queues.leave(self.switch, queue, leg_id)
        there = await self.agents.look(self.switch)
        for consult_id in there.consults:
            await self.agents.cancel_consult(consult_id)
        for caller in there.callers:
            await self.queues.drop(self.switch, caller.offer)
        for leg in there.legs:
            await self.agents.drop(leg.leg_id)
        for _ in range(100):
            there = await self.agents.look(self.switch)
            if not (there.consults or there.callers or there.legs):
                break
            await asyncio.sleep(0.05)
        for queue in ("support", "sales"):
            left = await self.queues.look(self.switch, queue)
            for waiting in left.callers if left is not None else ():
                await self.hang_up(waiting.caller)

    def said(self, kind: QueueNewsKind) -> list[QueueNews]:
        return [one for one in self.heard if one.kind is kind]

    async def legs(self, queue: str) -> dict[LegId, bool]:
        seen = await self.queues.look(self.switch, queue)
        assert seen is not None
        return dict(seen.legs)

    async def hang_up(self, caller: str) -> None:
        """A caller gives up."""
        if self.fake is not None:
            self.fake.hang_up(caller)
        elif isinstance(self.voice, AsteriskVoice):
            await self.voice.switch(self.switch).link.call({"Action": "Hangup", "Channel": caller})

    async def until_leg(self, leg_id: LegId, state: LegState) -> None:
        """A leg is in a state by the switch's own list."""
        for _ in range(100):
            if (leg_id, state) in [(one.leg_id, one.state) for one in (await self.agents.look(self.switch)).legs]:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"the leg is not {state}")

    async def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(500):
            if condition():
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"not in time; heard: {self.heard}")


@pytest.fixture(params=["fake", "asterisk"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[QueueBench]:
    """Queues of a switch that is linked."""
    made: QueueBench
    if request.param == "fake":
        fake = FakeVoice(SystemClock(), callees={SLOW: LATE, DECLINES: FakeCallee(answer_s=None, hangup_s=0.5, cause=21)})
        legs = FakeAgentVoice(SystemClock(), fake, default=STAYS)
        made = QueueBench(fake, legs, FakeQueues(SystemClock(), fake, agents=legs), None)
    else:
        lab: Lab = request.getfixturevalue("lab")
        real = asterisk_voice(lab, node="queues")
        agents = AsteriskAgentVoice(real)
        made = QueueBench(real, agents, AsteriskQueues(real, agents), lab)
    listening = [asyncio.create_task(made.listen()), asyncio.create_task(made.listen_to_legs())]
    await made.voice.start()
    try:
        await made.until(lambda: made.voice.state_of(made.switch) is SwitchState.RECONCILING)
        await made.agents.look(made.switch)
        made.voice.ready(made.switch)
        yield made
        if made.voice.state_of(made.switch) is SwitchState.READY:
            await made.clear()
    finally:
        if made.fake is not None:
            await made.fake.stop()
        await made.agents.stop()
        await made.voice.stop()
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)


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
    news = await bench.call_in("support")
    seen = await bench.queues.look(bench.switch, "support")
    assert seen is not None
    assert [one.caller for one in seen.callers] == [news.caller]
    assert 0.0 <= seen.callers[0].waits_s < 5.0
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
    await bench.until(lambda: len(bench.said(QueueNewsKind.OFFERED)) == 2)
    await bench.until(lambda: len(bench.said(QueueNewsKind.GONE)) == 2)  # not taken within two seconds
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


# -- what else agents do in a talk ---------------------------------------------------------------------------------------------


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
