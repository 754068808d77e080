"""A job whose agents run short hangs up telephones that have rung for long, and never a person who has answered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dialer.domain.agent_events import CallStage
from dialer.domain.codes import SystemCode
from dialer.domain.ids import AttemptId, JobId
from dialer.domain.live_answer import Verdict
from dialer.domain.pacing_plan import GIVEN_UP_NOTE, Pacing
from dialer.errors import NotSent
from dialer.services.budgets import evidence
from dialer.services.jobs import pause_campaign, resume_campaign
from dialer.services.pacing_replay import explain
from dialer.store.store import Store
from dialer.testing.agents import FakeAgentVoice
from dialer.testing.voice import FakeCallee, FakeVoice
from tests.engine_kit import ON_SQLITE, FastClock, completed, running, until
from tests.floor_kit import PROGRESSIVE, attempts, crew, dismiss, hire, make_job, number

pytestmark = pytest.mark.integration

ANSWERS, RINGS = FakeCallee(ring_s=0.1, answer_s=1.0), FakeCallee(ring_s=0.1, answer_s=None)  # the strategy lets it ring for 20 s


async def shift(store: Store, voice: FakeVoice, clock: FastClock, plan: Pacing, *, talk_s: float, vanish: bool = False) -> JobId:
    """Three agents, three calls; the first is answered at once, and two of the agents leave while the others ring.

    With `vanish` their telephones break: who only asks to leave is kept for those who still answer.
    """
    job_id = make_job(store, 3, plan)
    staff = await hire(store, 3)
    agents = FakeAgentVoice(clock, voice)
    async with running(store, voice, clock=clock, agents=agents) as engine:
        workers, tasks = await crew(engine, staff, clock, talk_s=talk_s)
        await until(lambda: any(worker.seen[CallStage.JOINED] for worker in workers) and len(voice.calls) == 3)
        for worker in workers:
            if worker.seen[CallStage.JOINED]:
                continue
            if vanish and (leg_id := engine.floor.seats[worker.agent.id].leg_id) is not None:
                agents.hang_up_phone(leg_id)
            await worker.leave()
        await until(completed(store, job_id))
        await dismiss(tasks)
    return job_id


@pytest.mark.row(67)
async def test_late_rings_are_given_up_when_the_agents_for_them_have_gone(store: Store) -> None:
    clock = FastClock(factor=15)
    voice = FakeVoice(clock, callees={number(0): ANSWERS}, default=RINGS)
    job_id = await shift(store, voice, clock, PROGRESSIVE, talk_s=25.0)
    served, *late = sorted(attempts(store, job_id), key=lambda one: one.address)
    assert served.code == "Sale"
    for one in late:
        assert (one.code, one.system_code, one.app_note) == (SystemCode.RING_NO_ANSWER, SystemCode.RING_NO_ANSWER, GIVEN_UP_NOTE)
        assert one.ringing_at is not None
        assert one.ended_at is not None
        assert 15.0 <= (one.ended_at - one.ringing_at).total_seconds() < 19.0
    org = store.read_now(lambda tx: tx.organisations.by_name("default"))
    _, decisions = await explain(store, org, job_id)
    assert any("that rang for 15 s or longer given up: agents ran short" in one.because for one in decisions)


@ON_SQLITE
@pytest.mark.parametrize(("least_ring_s", "least", "most"), [(17.0, 17.0, 19.5), (None, 19.5, 25.0)])
async def test_a_campaign_may_let_them_ring_for_longer(
    store: Store, least_ring_s: float | None, least: float, most: float
) -> None:
    clock = FastClock(factor=15)
    voice = FakeVoice(clock, callees={number(0): ANSWERS}, default=RINGS)
    job_id = await shift(store, voice, clock, replace(PROGRESSIVE, least_ring_s=least_ring_s), talk_s=25.0)
    late = sorted(attempts(store, job_id), key=lambda one: one.address)[1:]
    assert [one.code for one in late] == [SystemCode.RING_NO_ANSWER] * 2
    assert [one.app_note for one in late] == [None if least_ring_s is None else GIVEN_UP_NOTE] * 2
    assert all(least <= (one.ended_at - one.ringing_at).total_seconds() < most for one in late if one.ended_at and one.ringing_at)


@pytest.mark.row(67)
@pytest.mark.parametrize("least_ring_s", [15.0, None])
async def test_a_job_that_is_paused_places_no_more_and_still_gives_up_late_rings(
    store: Store, least_ring_s: float | None
) -> None:
    clock = FastClock(factor=15)
    voice = FakeVoice(clock, callees={number(0): ANSWERS}, default=RINGS)
    job_id = make_job(store, 4, replace(PROGRESSIVE, least_ring_s=least_ring_s))
    staff = await hire(store, 3)
    org = store.read_now(lambda tx: tx.organisations.by_name("default"))
    async with running(store, voice, clock=clock, agents=FakeAgentVoice(clock, voice)) as engine:
        workers, tasks = await crew(engine, staff, clock, talk_s=25.0)
        await until(lambda: any(worker.seen[CallStage.JOINED] for worker in workers) and len(voice.calls) == 3)
        await pause_campaign(store, org, "Floor", by="test")
        for worker in workers:
            if not worker.seen[CallStage.JOINED]:
                await worker.leave()
        await until(lambda: all(one.code for one in attempts(store, job_id)))
        await resume_campaign(store, org, "Floor", by="test")
        await until(lambda: len(attempts(store, job_id)) == 4)  # it goes on as before
        await dismiss(tasks)
    notes = [one.app_note for one in sorted(attempts(store, job_id), key=lambda one: one.address)]
    assert notes[1:3] == [None if least_ring_s is None else GIVEN_UP_NOTE] * 2


@ON_SQLITE
async def test_a_job_that_is_resumed_goes_on_while_calls_of_before_the_pause_still_ring(store: Store) -> None:
    clock = FastClock(factor=15)
    voice = FakeVoice(clock, callees={number(0): ANSWERS}, default=RINGS)
    job_id = make_job(store, 3, PROGRESSIVE)
    staff = await hire(store, 2)
    org = store.read_now(lambda tx: tx.organisations.by_name("default"))
    async with running(store, voice, clock=clock, agents=FakeAgentVoice(clock, voice)) as engine:
        workers, tasks = await crew(engine, staff, clock, talk_s=1.0)
        await until(lambda: any(worker.seen[CallStage.JOINED] for worker in workers) and len(voice.calls) >= 1)
        await pause_campaign(store, org, "Floor", by="test")
        await until(lambda: "still ring" in str(engine.jobs.status()))
        await resume_campaign(store, org, "Floor", by="test")
        await until(completed(store, job_id))
        await dismiss(tasks)
    assert len(attempts(store, job_id)) == 3


class SlowWire(FakeVoice):
    """A switch to which the order to give a call up takes a second."""

    asked = 0

    async def give_up(self, attempt_id: AttemptId, switch: str) -> bool:
        self.asked += 1
        await self.clock.sleep(1.0)
        return await super().give_up(attempt_id, switch)


class Unlucky(FakeVoice):
    """A switch on which somebody answers between the question and the hang-up."""

    async def give_up(self, attempt_id: AttemptId, switch: str) -> bool:
        while self.calls[attempt_id].state != "up":
            await self.clock.sleep(0.1)
        await self.hang_up(attempt_id, switch)
        return True


class DeafSwitch(FakeVoice):
    """A switch that cannot be asked."""

    asked = 0

    async def give_up(self, attempt_id: AttemptId, switch: str) -> bool:
        self.asked += 1
        raise NotSent("no link")


@ON_SQLITE
async def test_who_answers_in_the_same_moment_is_an_answered_call_like_any_other(store: Store) -> None:
    clock = FastClock(factor=10)
    answers_late = FakeCallee(ring_s=0.1, answer_s=15.9)
    voice = SlowWire(clock, callees={number(0): ANSWERS, number(1): answers_late}, default=RINGS)
    job_id = await shift(store, voice, clock, PROGRESSIVE, talk_s=15.2)  # the agent is free in time for them
    _, quick, late = sorted(attempts(store, job_id), key=lambda one: one.address)
    assert voice.asked == 2
    assert (quick.code, quick.system_code, quick.app_note) == ("Sale", SystemCode.ANSWER_HUMAN, None)
    assert (late.code, late.app_note) == (SystemCode.RING_NO_ANSWER, GIVEN_UP_NOTE)


async def test_who_answers_between_the_question_and_the_hang_up_counts_as_abandoned(store: Store) -> None:
    clock = FastClock(factor=15)
    callees = {number(0): ANSWERS, number(1): FakeCallee(ring_s=0.1, answer_s=17.0), number(2): FakeCallee(answer_s=17.5)}
    job_id = await shift(store, Unlucky(clock, callees=callees), clock, PROGRESSIVE, talk_s=25.0, vanish=True)
    cut_off = sorted(attempts(store, job_id), key=lambda one: one.address)[1:]
    assert [one.system_code for one in cut_off] == [SystemCode.NUISANCE_CALL] * 2
    org = store.read_now(lambda tx: tx.organisations.by_name("default"))
    _, answers, ledger = await evidence(store, org, job_id, now=clock.now())
    assert [one.verdict(ledger.budget) for one in answers].count(Verdict.ABANDONED) == 2


@ON_SQLITE
async def test_a_switch_that_cannot_be_asked_lets_them_ring_out(store: Store) -> None:
    clock = FastClock(factor=15)
    voice = DeafSwitch(clock, callees={number(0): ANSWERS}, default=RINGS)
    job_id = await shift(store, voice, clock, PROGRESSIVE, talk_s=25.0)
    late = sorted(attempts(store, job_id), key=lambda one: one.address)[1:]
    assert voice.asked
    assert [(one.code, one.app_note) for one in late] == [(SystemCode.RING_NO_ANSWER, None)] * 2
