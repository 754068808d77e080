"""The engine on a real database shows the caller id that a strategy chose and tells result processors what was recorded."""

from __future__ import annotations

import asyncio

import pytest

from dialer.domain.ids import OrgId
from dialer.domain.result import AttemptResult
from dialer.engine.clock import SystemClock
from dialer.engine.engine import Engine, EngineOptions
from dialer.engine.trunk import Trunk
from dialer.services.result_processors import ResultProcessors
from dialer.store.store import Store
from dialer.testing.voice import FakeCallee, FakeVoice
from tests.engine_kit import completed, until
from tests.launch_kit import Launch

pytestmark = pytest.mark.integration

STRATEGY = """\
strategy: ask
status: completed
handlers:
  - state: initial
    selector:
      conditions: [{when: {attribute: contact_id, not_equals: d2}, next_state: call}]
      otherwise: done
  - state: call
    call:
      detect_machine: false
      addresses: [{attribute: mobile, from: "00:00", to: "24:00"}]
      restrictions: [{when: {attribute: contact_id, equals: d1}}]
      senders: [{when: {attribute: city, equals: ankara}, number: "+15550111"}]
      processor: tell
      results:
        otherwise: done
        Call Busy: {processor: broken}
"""


@pytest.mark.row(44)
async def test_a_running_job_follows_its_strategy_and_tells_of_every_code(store: Store, org_id: OrgId) -> None:
    told: list[AttemptResult] = []

    def broken(result: AttemptResult, /) -> None:
        told.append(result)
        raise ValueError("the other system is down")

    launch = await Launch.ready(store, org_id, strategy=STRATEGY)
    clock = SystemClock()
    voice = FakeVoice(clock, default=FakeCallee(ring_s=0.01, answer_s=None, hangup_s=0.02, cause=17, tech_cause=486))
    engine = Engine(
        store=store,
        voice=voice,
        clock=clock,
        trunks=[Trunk(name="trunk", caller_id="+15550100")],
        options=EngineOptions(node="test", sweep_s=60, drain_s=0.0),
        processors=ResultProcessors({"tell": told.append, "broken": broken}),
    )
    engine.treatment_ready()
    task = asyncio.create_task(engine.run(), name="engine")
    try:
        await until(completed(store, launch.job.id))
    finally:
        engine.drain()
        await task
    assert [(order.number, order.caller_id) for order in voice.placed] == [("+15550100000", "+15550111")]
    assert sorted((one.contact_id, one.code, one.processor) for one in told) == [
        ("d0", "Call Busy", "broken"),
        ("d1", "Restricted Other", "tell"),
    ]
    totals = store.read_now(lambda tx: tx.jobs(None).totals(launch.job.id))
    assert (totals.finished, totals.contacts, totals.attempts) == (3, 3, 2)
