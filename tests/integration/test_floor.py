"""Jobs with agents on a real database, beside telephones made by the tests: who gets whom, when, and what is on record of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dialer.domain.agent_commands import (
    GoNotReady,
    Hold,
)
from dialer.domain.agent_events import CallStage
from dialer.domain.campaign import JobState
from dialer.domain.codes import SystemCode
from dialer.domain.desk import Refused
from dialer.domain.live_answer import Verdict
from dialer.domain.pacing_plan import AbandonBudget, PacingKind
from dialer.ports import SwitchState
from dialer.ports_agents import ContactState
from dialer.services.agent_floor import Done
from dialer.services.agent_times import agent_history
from dialer.services.agents import add_reason
from dialer.services.budgets import evidence
from dialer.services.jobs import JobEdit, edit_job, stop_campaign
from dialer.store.store import Store
from dialer.testing.agents import FakeAgentVoice
from dialer.testing.voice import FakeCallee, FakeVoice
from tests.engine_kit import ON_SQLITE, FastClock, completed, running, until
from tests.floor_kit import ANSWERS, PROGRESSIVE, at_work, attempts, crew, dismiss, hire, make_job, wires

pytestmark = pytest.mark.integration

BEFORE = datetime(2026, 1, 1, tzinfo=UTC)


async def test_everybody_who_answers_gets_an_agent_who_says_the_code(store: Store) -> None:
    clock, voice, agents = wires(factor=10)
    job_id = make_job(store, 12, PROGRESSIVE)
    staff = await hire(store, 3)
    async with at_work(store, clock, voice, agents, staff, talk_s=3.0):
        await until(completed(store, job_id))
    found = attempts(store, job_id)
    assert [one.code for one in found] == ["Sale"] * 12
    assert {one.code_source for one in found} == {"agent"}
    assert {one.system_code for one in found} == {SystemCode.ANSWER_HUMAN}
    assert {one.agent for one in found} == {"agent0", "agent1", "agent2"}
    assert all(one.person_at and one.joined_at and (one.joined_at - one.person_at).total_seconds() < 2 for one in found)
    assert len(voice.placed) == 12


@pytest.mark.row(72)
async def test_who_finds_no_agent_hears_the_message_and_counts_as_abandoned(store: Store) -> None:
    clock, voice, agents = wires(factor=10, default=FakeCallee(ring_s=0.1, answer_s=4.0))
    shared = replace(PROGRESSIVE, lines_per_agent=3.0, budget=AbandonBudget(percent=100.0, group="The House"))
    job_id = make_job(store, 3, shared)
    staff = await hire(store, 3)
    async with at_work(store, clock, voice, agents, staff, talk_s=8.0) as (engine, workers):
        await until(lambda: sum(call.state == "ringing" for call in voice.calls.values()) == 3)
        for worker in workers[1:]:
            await worker.leave()
        await until(lambda: [one.code for one in attempts(store, job_id)].count(SystemCode.NUISANCE_CALL) == 2)
        picture = engine.floor.jobs.picture(job_id)
        assert (picture.live, picture.abandoned) == (3, 2)
        await until(completed(store, job_id))
    org = store.read_now(lambda tx: tx.organisations.by_name("default"))
    _, answers, ledger = await evidence(store, org, job_id, now=clock.now())
    verdicts = [one.verdict(ledger.budget) for one in answers]
    assert sorted(verdicts) == [Verdict.ABANDONED, Verdict.ABANDONED, Verdict.CONNECTED]
    assert ledger.rate(clock.now()) == pytest.approx(2 / 3)
    for group, rate in (("the house", 2 / 3), ("", 0.0)):  # another campaign, with the same budget or with its own
        other = make_job(store, 1, replace(shared, budget=replace(shared.budget, group=group)), name=f"Other {group}", first=100)
        _, none, ledger = await evidence(store, org, other, now=clock.now())
        assert none == []
        assert ledger.rate(clock.now()) == pytest.approx(rate)


@pytest.mark.row(67)
@ON_SQLITE
async def test_when_half_the_agents_go_no_more_is_dialled_for_them(store: Store) -> None:
    clock = FastClock(factor=15)
    make_job(store, 200, PROGRESSIVE)
    staff = await hire(store, 6)
    voice = FakeVoice(clock, default=FakeCallee(ring_s=0.1, answer_s=None))  # nobody answers: it rings for 20 s
    agents = FakeAgentVoice(clock, voice)
    async with running(store, voice, clock=clock, agents=agents) as engine:
        workers, tasks = await crew(engine, staff, clock)
        await until(lambda: len(voice.calls) == 6)
        for worker in workers[:3]:
            await worker.leave()
        left_at = clock.monotonic_s()
        await until(lambda: clock.monotonic_s() > left_at + 25)
        late = [call.began for call in voice.calls.values()]
        assert len(late) == 3, "a round later as many ring as agents are there"
        await dismiss(tasks)


@ON_SQLITE
async def test_an_agent_whose_telephone_is_lost_leaves_the_contact_to_another(store: Store) -> None:
    clock, voice, agents = wires(factor=10)
    job_id = make_job(store, 1, PROGRESSIVE)
    staff = await hire(store, 2)
    async with at_work(store, clock, voice, agents, staff, talk_s=6.0) as (engine, workers):
        await until(lambda: any(worker.seen[CallStage.JOINED] for worker in workers))
        first = next(worker for worker in workers if worker.seen[CallStage.JOINED])
        leg = engine.floor.seats[first.agent.id].leg_id
        assert leg is not None
        agents.hang_up_phone(leg)
        await until(completed(store, job_id))
    (found,) = attempts(store, job_id)
    second = next(worker for worker in workers if worker is not first)
    assert second.seen[CallStage.JOINED] == 1
    assert (found.agent, found.code) == (second.agent.login, "Sale")


@ON_SQLITE
async def test_a_contact_whose_agents_are_all_gone_gets_the_default_code(store: Store) -> None:
    clock, voice, agents = wires(factor=10)
    job_id = make_job(store, 1, replace(PROGRESSIVE, default_code="Sale"))
    staff = await hire(store, 1)
    async with at_work(store, clock, voice, agents, staff, talk_s=60.0) as (engine, (worker,)):
        await until(lambda: worker.seen[CallStage.JOINED] == 1)
        leg = engine.floor.seats[worker.agent.id].leg_id
        assert leg is not None
        agents.hang_up_phone(leg)
        await until(completed(store, job_id))
    (found,) = attempts(store, job_id)
    assert (found.code, found.code_source, found.system_code) == ("Sale", "default", SystemCode.ANSWER_HUMAN)


@pytest.mark.row(70)
@ON_SQLITE
async def test_a_running_job_turns_from_progressive_to_preview(store: Store) -> None:
    clock, voice, agents = wires(factor=10)
    job_id = make_job(store, 6, PROGRESSIVE)
    staff = await hire(store, 1)
    org = store.read_now(lambda tx: tx.organisations.by_name("default"))
    async with at_work(store, clock, voice, agents, staff, talk_s=1.0) as (_, (worker,)):
        await until(lambda: worker.seen[CallStage.CLOSED] >= 1)
        assert worker.seen[CallStage.OFFERED] == 0
        await edit_job(store, org, "Floor", JobEdit(pacing=replace(PROGRESSIVE, kind=PacingKind.PREVIEW)), by="test")
        await until(completed(store, job_id))
    assert worker.seen[CallStage.OFFERED] >= 3
    assert [one.code for one in attempts(store, job_id)] == ["Sale"] * 6


@ON_SQLITE
async def test_a_stopped_job_ends_when_its_agents_have_said_their_codes(store: Store) -> None:
    clock, voice, agents = wires(factor=10)
    job_id = make_job(store, 20, PROGRESSIVE)
    staff = await hire(store, 2)
    org = store.read_now(lambda tx: tx.organisations.by_name("default"))
    async with at_work(store, clock, voice, agents, staff, talk_s=6.0, wrap_s=4.0) as (_, workers):
        await until(lambda: all(worker.seen[CallStage.JOINED] for worker in workers))
        await stop_campaign(store, org, "Floor", by="test")
        await until(lambda: all(worker.seen[CallStage.GONE] for worker in workers))
        assert store.read_now(lambda tx: tx.jobs(None).get(job_id)).state is JobState.STOPPING, "they still write"
        await until(completed(store, job_id))
    assert [one.code for one in attempts(store, job_id)] == ["Sale", "Sale"]


@ON_SQLITE
async def test_contacts_go_to_agents_with_the_skills_that_the_campaign_wants(store: Store) -> None:
    clock, voice, agents = wires(factor=10)
    job_id = make_job(store, 4, replace(PROGRESSIVE, skills={"Turkish": 5}))
    staff = [*await hire(store, 1), *await hire(store, 1, prefix="able", skills={"turkish": 7})]
    async with at_work(store, clock, voice, agents, staff, talk_s=1.0):
        await until(completed(store, job_id))
    assert {one.agent for one in attempts(store, job_id)} == {"able0"}


@ON_SQLITE
async def test_an_agent_whose_desktop_is_silent_gets_no_more_contacts_and_is_logged_out_after_a_minute(store: Store) -> None:
    clock, voice, agents = wires(factor=15, default=FakeCallee(ring_s=0.1, answer_s=None))
    make_job(store, 20, PROGRESSIVE)
    staff = await hire(store, 1)
    async with at_work(store, clock, voice, agents, staff) as (engine, (worker,)):
        await until(lambda: len(voice.placed) == 1)
        await engine.floor.socket_lost(worker.agent.id)
        lost = clock.monotonic_s()
        await until(lambda: worker.states[-1:] == ["logged_out"])
        assert 60 <= clock.monotonic_s() - lost < 75
        assert len(voice.placed) == 1, "nobody is called for who cannot be seen"
        await until(lambda: agents.legs == {})


@ON_SQLITE
async def test_a_telephone_is_rung_as_soon_as_its_switch_is_there(store: Store) -> None:
    clock = FastClock(factor=10)
    job_id = make_job(store, 1, PROGRESSIVE)
    staff = await hire(store, 1)
    voice = FakeVoice(clock, default=ANSWERS)
    agents = FakeAgentVoice(clock, voice)
    async with running(store, voice, clock=clock, agents=agents) as engine:
        await until(lambda: voice.states["switch"] is SwitchState.READY)
        voice.turn("switch", SwitchState.DOWN, because="a cable")
        _, tasks = await crew(engine, staff, clock, talk_s=1.0)
        await clock.sleep(3.0)
        assert agents.legs == {}
        voice.turn("switch", SwitchState.RECONCILING)
        await until(completed(store, job_id))
        await dismiss(tasks)
    assert [one.code for one in attempts(store, job_id)] == ["Sale"]


@ON_SQLITE
async def test_only_the_reasons_of_the_organisation_excuse_an_agent(store: Store) -> None:
    clock, voice, agents = wires(factor=10)
    staff = await hire(store, 1)
    org = store.read_now(lambda tx: tx.organisations.by_name("default"))
    await add_reason(store, org, "Lunch")
    async with at_work(store, clock, voice, agents, staff) as (_, (worker,)):
        await until(lambda: worker.states[-1:] == ["ready"])
        refused = await worker.say(GoNotReady(reason="a nap"))
        assert isinstance(refused, Refused)
        assert "Lunch" in str(refused)
        assert isinstance(await worker.say(GoNotReady(reason="lunch")), Done)
        await until(lambda: worker.states[-1:] == ["not_ready"])
    assert [one.reason for one in await agent_history(store, org, "agent0", since=BEFORE, until=clock.now())][-2] == "Lunch"


class Lasting(FakeVoice):
    """A switch that goes on when its dialer dies."""

    async def stop(self) -> None:
        for switch in self.states:
            self.states[switch] = SwitchState.DOWN


@pytest.mark.parametrize("talks", [True, False])
@ON_SQLITE
async def test_a_dialer_that_dies_leaves_talks_alone_and_counts_whom_it_left_waiting(store: Store, talks: bool) -> None:
    clock = FastClock(factor=10)
    job_id = make_job(store, 1, replace(PROGRESSIVE, default_code="Sale"))
    staff = await hire(store, 1)
    voice = Lasting(clock, default=FakeCallee(ring_s=0.1, answer_s=3.0, hangup_s=15.0))
    agents = FakeAgentVoice(clock, voice, message_s=20.0)
    async with running(store, voice, clock=clock, agents=agents) as engine:
        (worker,), tasks = await crew(engine, staff, clock, talk_s=1000.0)
        if talks:
            await until(lambda: worker.seen[CallStage.JOINED] == 1)
        else:
            await until(lambda: any(call.state == "ringing" for call in voice.calls.values()))
        await dismiss(tasks)
    assert [one.code for one in attempts(store, job_id)] == [None], "nothing was said of it"
    if not talks:  # the switch waits for the agent in vain, and says the message, by itself
        await until(lambda: any(one.state is ContactState.MESSAGE for one in agents.contacts.values()))
    async with running(store, voice, clock=clock, agents=agents):
        await until(completed(store, job_id))
        await until(lambda: agents.legs == {})
    await FakeVoice.stop(voice)
    await agents.stop()
    (found,) = attempts(store, job_id)
    assert found.code == ("Sale" if talks else SystemCode.NUISANCE_CALL)
    assert (found.person_at is not None, found.joined_at is not None) == (True, talks)


@pytest.mark.parametrize("ends", [False, True])
@ON_SQLITE
async def test_an_agent_who_comes_back_after_the_dialer_died_has_the_talk_again(store: Store, ends: bool) -> None:
    clock = FastClock(factor=10)
    job_id = make_job(store, 2, PROGRESSIVE)
    staff = await hire(store, 1)
    voice = Lasting(clock, default=FakeCallee(ring_s=0.1, answer_s=1.0))
    agents = FakeAgentVoice(clock, voice)
    async with running(store, voice, clock=clock, agents=agents) as engine:
        (worker,), tasks = await crew(engine, staff, clock, talk_s=1000.0)
        await until(lambda: worker.seen[CallStage.JOINED] == 1)
        leg = engine.floor.seats[worker.agent.id].leg_id
        await dismiss(tasks)
    if ends:  # while nobody sees it
        for call in voice.calls.values():
            call.cut.set()
        await until(lambda: not voice.calls)
    async with running(store, voice, clock=clock, agents=agents) as engine:
        (worker,), tasks = await crew(engine, staff, clock, talk_s=8.0)
        await until(lambda: worker.seen[CallStage.JOINED] == 1 and job_id in engine.floor.jobs)
        assert engine.floor.jobs.picture(job_id).live == 1, "the budget's ledger has the talk, whether or not it goes on"
        await until(lambda: worker.seen[CallStage.GONE] >= 1)
        assert worker.seen[CallStage.JOINED] == 1
        if not ends:
            assert engine.floor.seats[worker.agent.id].leg_id == leg, "the telephone that is up is not rung a second time"
        await until(completed(store, job_id))
        await dismiss(tasks)
    await FakeVoice.stop(voice)
    await agents.stop()
    found = attempts(store, job_id)
    assert [(one.code, one.code_source, one.agent) for one in found] == [("Sale", "agent", "agent0")] * 2


@ON_SQLITE
async def test_who_was_on_hold_when_the_dialer_died_gets_the_next_agent_who_is_free(store: Store) -> None:
    clock = FastClock(factor=10)
    job_id = make_job(store, 1, PROGRESSIVE)
    staff = await hire(store, 2)
    voice = Lasting(clock, default=FakeCallee(ring_s=0.1, answer_s=1.0))
    agents = FakeAgentVoice(clock, voice)
    async with running(store, voice, clock=clock, agents=agents) as engine:
        (worker,), tasks = await crew(engine, staff[:1], clock, talk_s=1000.0)
        await until(lambda: worker.seen[CallStage.JOINED] == 1)
        assert isinstance(await worker.say(Hold()), Done)
        await until(lambda: any(one.state is ContactState.HELD for one in agents.contacts.values()))
        await dismiss(tasks)
    async with running(store, voice, clock=clock, agents=agents) as engine:
        (worker,), tasks = await crew(engine, staff[1:], clock, talk_s=2.0)
        await until(completed(store, job_id))
        await dismiss(tasks)
    await FakeVoice.stop(voice)
    await agents.stop()
    assert [(one.code, one.agent) for one in attempts(store, job_id)] == [("Sale", "agent1")]
