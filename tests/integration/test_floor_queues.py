"""A floor that gives way to callers of the switch's own queues: they come first, and the reason is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from dialer.domain.agent_commands import BlendIn, BlendOut, WrapUp
from dialer.domain.agent_events import CallerChanged, CallStage, Notice
from dialer.domain.ids import JobId, LegId
from dialer.domain.inbound_plan import Blend, InboundPlan
from dialer.domain.pacing_plan import Pacing, PacingKind
from dialer.engine.engine import Engine
from dialer.engine.floor.takers import name_of
from dialer.ports import SwitchState
from dialer.ports_agents import LegOrder, LegState
from dialer.services.agent_floor import Done
from dialer.services.agent_times import agent_history
from dialer.store.store import Store
from dialer.testing.queues import FakeQueues
from dialer.testing.voice import FakeCallee
from tests.engine_kit import ON_SQLITE, completed, until
from tests.floor_kit import Worker, at_work, attempts, hire, make_job, wires

pytestmark = [pytest.mark.integration, ON_SQLITE]

BEGAN = datetime.now(UTC) - timedelta(minutes=1)
PLAN = Pacing(kind=PacingKind.PROGRESSIVE, wrap_up_s=30.0, inbound=InboundPlan(queues=("support", "sales")))


def because(engine: Engine, job_id: JobId) -> str:
    """Why the job places as many calls as it does."""
    status = engine.jobs.status().get(int(job_id))
    return status.because if status is not None else ""


def writes(engine: Engine, one: Worker) -> bool:
    """The agent writes down how it ended."""
    return state(engine, one) == "wrap_up"


@pytest.mark.row(69)
async def test_a_full_queue_stops_the_calls_until_its_callers_are_gone(store: Store) -> None:
    clock, voice, agents = wires(factor=10)
    job_id = make_job(store, 4, PLAN)
    staff = await hire(store, 3)
    queues = FakeQueues(clock, voice)
    callers = [queues.call_in(queue) for queue in ("support",) * 5 + ("sales",)]  # before the dialer is there
    async with at_work(store, clock, voice, agents, staff, queues=queues, talk_s=1.0) as (engine, _):
        await until(lambda: len([one for one in engine.floor.seats.values() if one.desk.is_idle]) == 3)
        await until(lambda: "not known" not in because(engine, job_id))
        began = clock.monotonic_s()
        await until(lambda: clock.monotonic_s() > began + 6)
        assert not voice.placed
        pacing = engine.floor.records.pacings[job_id]
        assert pacing.seen is not None
        assert (pacing.seen.inbound_waiting, pacing.seen.inbound_where) == (6, "support, sales")
        for caller in callers:
            queues.hang_up(caller)
        await until(completed(store, job_id))


async def test_a_campaign_that_gives_way_to_a_queue_that_is_not_there_says_so(store: Store) -> None:
    clock, voice, agents = wires(factor=10, default=FakeCallee(ring_s=0.1, answer_s=None))
    job_id = make_job(store, 20, replace(PLAN, inbound=InboundPlan(queues=("nobodys",))))
    staff = await hire(store, 2)
    async with at_work(store, clock, voice, agents, staff, queues=FakeQueues(clock, voice)) as (engine, _):
        said = "who waits is not known (nobodys: the switch switch has no queue of this name)"
        await until(lambda: said in because(engine, job_id))
        await until(lambda: len(voice.placed) == 2)  # for agents who idle, and nobody ahead of them


BY_HAND = replace(PLAN, inbound=InboundPlan(queues=("support",)))
BLENDS = replace(
    PLAN, inbound=InboundPlan(queues=("support",), blend=Blend.AUTOMATIC, blend_after_s=2.0, blend_back_s=3.0, levels=(1, 9, 9))
)


def state(engine: Engine, worker: Worker) -> str:
    """How an agent's desk stands."""
    seat = engine.floor.seats.get(worker.agent.id)
    return "" if seat is None else seat.desk.state.value


def callers_of(worker: Worker) -> list[str]:
    """What an agent was told of callers."""
    return [f"{one.stage} {one.queue} {one.number}" for one in worker.told if isinstance(one, CallerChanged)]


@pytest.mark.row(131)
async def test_an_agent_who_blends_in_talks_with_callers_and_then_with_contacts_again(store: Store) -> None:
    clock, voice, agents = wires(factor=6)
    job_id = make_job(store, 1, BY_HAND)
    staff = await hire(store, 1)
    queues = FakeQueues(clock, voice, agents=agents)
    caller = queues.call_in("support", number="+15557000001")
    async with at_work(store, clock, voice, agents, staff, queues=queues, talk_s=1.0) as (engine, (worker,)):
        await until(lambda: state(engine, worker) == "ready")
        await worker.say(BlendIn())
        await until(lambda: callers_of(worker) == ["joined support +15557000001"])
        assert state(engine, worker) == "talking"
        assert not queues.waiting["switch", "support"]
        assert not voice.placed, "nobody is called for an agent who talks with a caller"
        queues.hang_up(caller)
        await until(lambda: state(engine, worker) == "wrap_up")
        assert await worker.say(WrapUp()) == Done()
        await worker.say(BlendOut())
        await until(completed(store, job_id))
        assert queues.legs["switch", "support"] == {}
        (agent,) = staff
        history = await agent_history(store, agent.org_id, agent.login, since=BEGAN, until=clock.now())
        states = [(one.state.value, one.reason) for one in history]
        assert ("talking", "queue support") in states
        assert ("wrap_up", "queue support") in states
        assert len(attempts(store, job_id)) == 1, "a caller is no attempt of the campaign"
    await queues.stop()


@pytest.mark.row(69, 131)
async def test_agents_go_over_by_themselves_while_callers_wait_and_come_back_afterwards(store: Store) -> None:
    clock, voice, agents = wires(factor=6)
    job_id = make_job(store, 3, BLENDS)
    staff = await hire(store, 2)
    queues = FakeQueues(clock, voice, agents=agents)
    first, second = queues.call_in("support"), queues.call_in("support")
    async with at_work(store, clock, voice, agents, staff, queues=queues, talk_s=1.0) as (engine, workers):
        await until(lambda: all(callers_of(one) for one in workers))
        assert not voice.placed, "both agents who idle are counted for the two who wait"
        for caller in (first, second):
            queues.hang_up(caller)
        for one in workers:
            await until(partial(writes, engine, one))
            await one.say(WrapUp())
        await until(completed(store, job_id))
        told = [one.text for one in workers[0].told if isinstance(one, Notice) and "support" in one.text]
        assert told == [
            "2 callers wait in support: you take callers now",
            "nobody waits in support: contacts come to you again",
        ]
    await queues.stop()


async def test_no_agent_goes_over_whom_somebody_may_need_who_is_being_called(store: Store) -> None:
    clock, voice, agents = wires(factor=10, default=FakeCallee(ring_s=0.1, answer_s=12.0))
    make_job(store, 2, BLENDS)
    staff = await hire(store, 2)
    queues = FakeQueues(clock, voice, agents=agents)
    async with at_work(store, clock, voice, agents, staff, queues=queues, talk_s=2.0) as (engine, workers):
        await until(lambda: len(voice.placed) == 2)
        queues.call_in("support")
        await until(lambda: all(one.seen[CallStage.JOINED] for one in workers))
        assert not any(one.desk.blended_in for one in engine.floor.seats.values()), "both had somebody who was being called"
        await until(lambda: any(callers_of(one) for one in workers))  # and afterwards one of them is free for the caller
    await queues.stop()


@pytest.mark.row(131)
async def test_a_caller_whose_agent_loses_the_telephone_gets_another_one(store: Store) -> None:
    clock, voice, agents = wires(factor=6)
    make_job(store, 1, BY_HAND)
    staff = await hire(store, 2)
    queues = FakeQueues(clock, voice, agents=agents)
    queues.call_in("support")
    async with at_work(store, clock, voice, agents, staff, queues=queues, talk_s=1.0) as (engine, (one, other)):
        await until(lambda: state(engine, one) == "ready" and state(engine, other) == "ready")
        await one.say(BlendIn())
        await until(lambda: state(engine, one) == "talking")
        await other.say(BlendIn())
        leg_id = engine.floor.seats[one.agent.id].leg_id
        assert leg_id is not None
        agents.hang_up_phone(leg_id)
        await until(lambda: state(engine, one) == "not_ready")
        await until(lambda: state(engine, other) == "talking")
    await queues.stop()


async def test_what_a_dead_dialer_left_in_a_queue_is_taken_out_and_the_stopped_one_leaves_nothing(store: Store) -> None:
    clock, voice, agents = wires(factor=10)
    make_job(store, 1, BY_HAND)
    staff = await hire(store, 1)
    queues = FakeQueues(clock, voice, agents=agents)
    queues.legs["switch", "support"][LegId("of a dead dialer")] = False
    async with at_work(store, clock, voice, agents, staff, queues=queues) as (engine, (worker,)):
        await until(lambda: state(engine, worker) in ("ready", "talking"))
        await worker.say(BlendIn())
        leg_id = engine.floor.seats[worker.agent.id].leg_id
        await until(lambda: list(queues.legs["switch", "support"]) == [leg_id])
    assert queues.legs["switch", "support"] == {}
    await queues.stop()


@pytest.mark.row(131)
async def test_a_talk_that_a_dead_dialer_left_is_before_its_agent_again(store: Store) -> None:
    clock, voice, agents = wires(factor=6)
    make_job(store, 1, BY_HAND)
    (agent,) = await hire(store, 1)
    queues = FakeQueues(clock, voice, agents=agents)
    await voice.start()
    await agents.ring(LegOrder(leg_id=LegId("oldleg"), phone=agent.phone, switch="switch"))
    await until(lambda: agents.legs[LegId("oldleg")].state is LegState.PARKED)
    await queues.enter("switch", "support", LegId("oldleg"), name_of(agent), paused=False)
    caller = queues.call_in("support", number="+15557000001")
    assert await queues.take("switch", next(iter(queues.offers)), LegId("oldleg"))
    queues.unread.clear()  # all that was told to the one who is dead
    agents.unread.clear()
    async with at_work(store, clock, voice, agents, [agent], queues=queues, talk_s=1.0) as (engine, (worker,)):
        await until(lambda: callers_of(worker) == ["joined support +15557000001"])
        assert engine.floor.seats[agent.id].leg_id == "oldleg"
        assert list(agents.legs) == ["oldleg"], "no other telephone is rung"
        queues.hang_up(caller)
        await until(lambda: state(engine, worker) == "wrap_up")
    await queues.stop()


async def test_a_caller_who_hung_up_while_the_link_was_lost_is_not_before_the_agent_any_more(store: Store) -> None:
    clock, voice, agents = wires(factor=6)
    make_job(store, 1, BY_HAND)
    staff = await hire(store, 1)
    queues = FakeQueues(clock, voice, agents=agents)
    caller = queues.call_in("support")
    async with at_work(store, clock, voice, agents, staff, queues=queues, talk_s=1.0) as (engine, (worker,)):
        await until(lambda: state(engine, worker) == "ready")
        await worker.say(BlendIn())
        await until(lambda: state(engine, worker) == "talking")
        voice.turn("switch", SwitchState.DOWN)
        queues.hang_up(caller)
        voice.turn("switch", SwitchState.RECONCILING)
        await until(lambda: state(engine, worker) == "wrap_up")
    await queues.stop()
