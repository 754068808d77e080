"""A floor that gives way to callers of the switch's own queues: they come first, and the reason is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dialer.domain.ids import JobId
from dialer.domain.inbound_plan import InboundPlan
from dialer.domain.pacing_plan import Pacing, PacingKind
from dialer.engine.engine import Engine
from dialer.store.store import Store
from dialer.testing_agents import FakeAgentVoice
from dialer.testing_queues import FakeQueues
from dialer.testing_voice import FakeCallee, FakeVoice
from tests.engine_kit import ON_SQLITE, FastClock, completed, running, until
from tests.floor_kit import crew, dismiss, hire, make_job

pytestmark = [pytest.mark.integration, ON_SQLITE]

ANSWERS = FakeCallee(ring_s=0.1, answer_s=0.5)
PLAN = Pacing(kind=PacingKind.PROGRESSIVE, wrap_up_s=30.0, inbound=InboundPlan(queues=("support", "sales")))


def because(engine: Engine, job_id: JobId) -> str:
    """Why the job places as many calls as it does."""
    status = engine.supervisor.status().get(int(job_id))
    return status.because if status is not None else ""


@pytest.mark.row(69)
async def test_a_full_queue_stops_the_calls_until_its_callers_are_gone(store: Store) -> None:
    clock = FastClock(factor=10)
    job_id = make_job(store, 4, PLAN)
    staff = await hire(store, 3)
    voice = FakeVoice(clock, default=ANSWERS)
    queues = FakeQueues(clock, voice)
    callers = [queues.call_in(queue) for queue in ("support",) * 5 + ("sales",)]  # before the dialer is there
    async with running(store, voice, clock=clock, agents=FakeAgentVoice(clock, voice), queues=queues) as engine:
        _, tasks = await crew(engine, staff, clock, talk_s=1.0)

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
        await dismiss(tasks)


async def test_a_campaign_that_gives_way_to_a_queue_that_is_not_there_says_so(store: Store) -> None:
    clock = FastClock(factor=10)
    job_id = make_job(store, 20, replace(PLAN, inbound=InboundPlan(queues=("nobodys",))))
    staff = await hire(store, 2)
    silent = FakeCallee(ring_s=0.1, answer_s=None)
    voice = FakeVoice(clock, default=silent)
    async with running(store, voice, clock=clock, agents=FakeAgentVoice(clock, voice), queues=FakeQueues(clock, voice)) as engine:
        _, tasks = await crew(engine, staff, clock)
        said = "who waits is not known (nobodys: the switch switch has no queue of this name)"
        await until(lambda: said in because(engine, job_id))
        await until(lambda: len(voice.placed) == 2)  # for agents who idle, and nobody ahead of them
        await dismiss(tasks)
