"""Agents who ask to rest or to go home while a call rings that counts on them leave nobody alone who answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import pytest

from dialer.domain.agent import AgentState
from dialer.domain.agent_commands import BlendIn, GoNotReady, GoReady
from dialer.domain.agent_events import CallStage, Notice
from dialer.domain.codes import SystemCode
from dialer.domain.desk import Pending
from dialer.domain.ids import AttemptId
from dialer.domain.pacing_plan import GIVEN_UP_NOTE
from dialer.engine.engine import Engine
from dialer.engine.floor.leaving import MARGIN
from dialer.ports import Clock, VoiceEventKind
from dialer.services.agents import add_reason
from dialer.services.intents import Intents
from dialer.store.store import Store, Tx
from dialer.testing.agents import FakeAgentVoice
from dialer.testing.voice import BUSY, FakeCall, FakeCallee, FakeVoice
from tests.engine_kit import ON_SQLITE, FastClock, until
from tests.floor_kit import PROGRESSIVE, Worker, at_work, attempts, hire, make_job, wires

pytestmark = pytest.mark.integration

RING_LIMIT = timedelta(seconds=20)  # of the strategy of these jobs
ALL_RING = replace(PROGRESSIVE, least_ring_s=None)  # nothing is given up: the test says what becomes of a call
LEAVES = (AgentState.READY, Pending.LOGGED_OUT)


class ByHand(FakeVoice):
    """Telephones that ring until the test says whether they are answered, or are given up."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, default=BUSY)
        self.verdicts: dict[AttemptId, asyncio.Future[bool]] = {}

    async def script(self, call: FakeCall, callee: FakeCallee) -> None:
        self.say(call, VoiceEventKind.STARTED)
        self.say(call, VoiceEventKind.RINGING)
        verdict = self.verdicts[call.order.attempt_id] = asyncio.get_running_loop().create_future()
        call.state = "ringing"
        if not await verdict:
            return
        call.state = "up"
        self.say(call, VoiceEventKind.ANSWERED)
        if self.on_answer is not None:
            await self.on_answer(call.order)
        await call.cut.wait()

    def decide(self, *answered: bool) -> None:
        """What becomes of the calls that ring, in the order in which they were placed."""
        waiting = [one for one in self.verdicts.values() if not one.done()]
        for one, is_answered in zip(waiting, answered, strict=False):
            one.set_result(is_answered)


def by_hand(factor: float = 10) -> tuple[FastClock, ByHand, FakeAgentVoice]:
    clock = FastClock(factor)
    voice = ByHand(clock)
    return clock, voice, FakeAgentVoice(clock, voice)


T = TypeVar("T")


class SlowIntents(Store):
    """The intents of calls are on disk for a while before whoever wrote them hears so."""

    on_disk: asyncio.Event
    may_answer: asyncio.Event

    async def write(self, work: Callable[[Tx], T]) -> T:
        answer = await super().write(work)
        if isinstance(answer, Intents) and answer.to_place:
            self.on_disk.set()
            await self.may_answer.wait()
        return answer


@pytest.fixture
async def slow(store: Store) -> AsyncIterator[SlowIntents]:
    opened = SlowIntents(store.url.render_as_string(hide_password=False))
    opened.on_disk, opened.may_answer = asyncio.Event(), asyncio.Event()
    yield opened
    await opened.close()


def rings(voice: FakeVoice) -> int:
    return sum(call.state == "ringing" for call in voice.calls.values())


def stands(engine: Engine, worker: Worker) -> tuple[AgentState, Pending]:
    desk = engine.floor.seats[worker.agent.id].desk
    return desk.state, desk.pending


@pytest.mark.row(125)
async def test_who_logs_out_while_a_call_rings_for_them_has_that_contact_first_and_nobody_else_is_called(store: Store) -> None:
    clock, voice, agents = by_hand()
    job_id = make_job(store, 3, ALL_RING)
    async with at_work(store, clock, voice, agents, await hire(store, 1), talk_s=0.2, wrap_s=0.2) as (engine, (ann,)):
        await until(lambda: rings(voice) == 1)
        asked_at = clock.now()
        await ann.leave()
        assert stands(engine, ann) == LEAVES
        at_the_latest = engine.floor.seats[ann.agent.id].desk.until
        assert at_the_latest is not None
        assert asked_at < at_the_latest <= asked_at + RING_LIMIT + MARGIN
        assert engine.floor.jobs.picture(job_id).idle == 0, "nobody is called for who is leaving"
        voice.decide(True)
        await until(lambda: ann.states[-1:] == ["logged_out"])
        assert ann.seen[CallStage.JOINED] == 1
        told = [one.text for one in ann.told if isinstance(one, Notice)]
        assert any("a call that rings counts on you: you are logged out when it is over, in" in one for one in told)
    assert len(voice.placed) == 1
    (talk,) = attempts(store, job_id)
    assert (talk.code, talk.system_code, talk.agent) == ("Sale", SystemCode.ANSWER_HUMAN, "agent0")


@ON_SQLITE
async def test_who_logs_out_while_the_order_of_their_call_is_being_written_has_that_contact_first(slow: SlowIntents) -> None:
    clock, voice, agents = wires(factor=10)
    make_job(slow, 3, PROGRESSIVE)
    async with at_work(slow, clock, voice, agents, await hire(slow, 1), talk_s=0.2, wrap_s=0.2) as (engine, (ann,)):
        await slow.on_disk.wait()
        assert voice.placed == []
        await ann.leave()
        assert stands(engine, ann) == LEAVES
        slow.may_answer.set()
        await until(lambda: ann.states[-1:] == ["logged_out"])
        assert ann.seen[CallStage.JOINED] == 1
    assert len(voice.placed) == 1


@ON_SQLITE
async def test_a_break_comes_when_the_call_that_rang_has_reached_nobody(store: Store) -> None:
    clock, voice, agents = by_hand()
    job_id = make_job(store, 3, ALL_RING)
    (agent,) = await hire(store, 1)
    await add_reason(store, agent.org_id, "Lunch")
    async with at_work(store, clock, voice, agents, [agent]) as (engine, (ann,)):
        await until(lambda: rings(voice) == 1)
        await ann.say(GoNotReady(reason="lunch"))
        assert stands(engine, ann) == (AgentState.READY, Pending.NOT_READY)
        await ann.say(GoReady())  # taken back, and asked for again
        assert stands(engine, ann) == (AgentState.READY, Pending.NOTHING)
        await ann.say(GoNotReady(reason="lunch"))
        voice.decide(False)
        await until(lambda: ann.states[-1:] == ["not_ready"])
        assert engine.floor.seats[agent.id].desk.reason == "Lunch"
        assert rings(voice) == 0
    assert [one.code for one in attempts(store, job_id)] == [SystemCode.CALL_BUSY]


@ON_SQLITE
async def test_who_goes_over_to_callers_while_a_call_rings_for_them_has_that_contact_first(store: Store) -> None:
    clock, voice, agents = by_hand()
    job_id = make_job(store, 3, ALL_RING)
    async with at_work(store, clock, voice, agents, await hire(store, 1), talk_s=0.2, wrap_s=0.2) as (engine, (ann,)):
        await until(lambda: rings(voice) == 1)
        await ann.say(BlendIn())
        assert stands(engine, ann) == (AgentState.READY, Pending.BLENDED_IN)
        voice.decide(True)
        await until(lambda: engine.floor.seats[ann.agent.id].desk.can_take_caller)
        assert ann.seen[CallStage.JOINED] == 1
    assert len(voice.placed) == len(attempts(store, job_id)) == 1


@ON_SQLITE
async def test_an_agent_goes_as_soon_as_a_colleague_is_there_for_whoever_answers(store: Store) -> None:
    clock, voice, agents = by_hand()
    make_job(store, 9, ALL_RING)
    async with at_work(store, clock, voice, agents, await hire(store, 2)) as (engine, (ann, bob)):
        await until(lambda: rings(voice) == 2)
        await ann.leave()
        assert stands(engine, ann) == LEAVES
        voice.decide(False)
        await until(lambda: stands(engine, ann)[0] is AgentState.LOGGED_OUT)
        assert rings(voice) == 1, "it rings on: the colleague is there for it"
        assert stands(engine, bob) == (AgentState.READY, Pending.NOTHING)
        assert len(voice.placed) == 2


@ON_SQLITE
async def test_two_who_leave_go_one_after_the_other_as_their_calls_end(store: Store) -> None:
    clock, voice, agents = by_hand()
    job_id = make_job(store, 9, ALL_RING)
    async with at_work(store, clock, voice, agents, await hire(store, 2), talk_s=0.2, wrap_s=0.2) as (engine, both):
        await until(lambda: rings(voice) == 2)
        for worker in both:
            await worker.leave()
        assert [stands(engine, worker) for worker in both] == [LEAVES] * 2
        voice.decide(False, True)
        await until(lambda: all(worker.states[-1:] == ["logged_out"] for worker in both))
    assert sorted(str(one.code) for one in attempts(store, job_id)) == sorted([SystemCode.CALL_BUSY.value, "Sale"])


@ON_SQLITE
@pytest.mark.parametrize("how", ["the telephone", "the desktop"])
async def test_the_call_of_an_agent_who_vanished_is_given_up_as_soon_as_the_law_allows(store: Store, how: str) -> None:
    clock, voice, agents = by_hand(factor=30)
    job_id = make_job(store, 3, PROGRESSIVE)
    async with at_work(store, clock, voice, agents, await hire(store, 1)) as (engine, (ann,)):
        await until(lambda: rings(voice) == 1)
        if how == "the telephone":
            leg_id = engine.floor.seats[ann.agent.id].leg_id
            assert leg_id is not None
            agents.hang_up_phone(leg_id)
        else:
            await engine.floor.socket_lost(ann.agent.id)
        await until(lambda: [one.app_note for one in attempts(store, job_id)] == [GIVEN_UP_NOTE])
    (late,) = attempts(store, job_id)
    assert late.code == SystemCode.RING_NO_ANSWER
    assert late.ended_at is not None
    assert late.ringing_at is not None
    assert (late.ended_at - late.ringing_at).total_seconds() >= 15.0


@ON_SQLITE
async def test_a_call_of_which_nothing_is_heard_keeps_no_agent_for_longer_than_it_may_ring(store: Store) -> None:
    clock, voice, agents = by_hand(factor=30)
    make_job(store, 3, ALL_RING)
    async with at_work(store, clock, voice, agents, await hire(store, 1)) as (_, (ann,)):
        await until(lambda: rings(voice) == 1)
        await ann.leave()
        await until(lambda: ann.states[-1:] == ["logged_out"])
        assert len(voice.placed) == 1
