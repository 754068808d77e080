"""Contacts that an agent reads about first: previews, manual ones, redials and callbacks, on a real database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.agent_commands import (
    CancelPreview,
    DialPreview,
    ManualCancel,
    ManualConnect,
    ManualDisconnect,
    Redial,
    Release,
    WrapUp,
)
from dialer.domain.agent_events import CallChanged, CallStage
from dialer.domain.callback import CallbackType
from dialer.domain.codes import SystemCode
from dialer.domain.desk import Refused
from dialer.domain.pacing_plan import Pacing, PacingKind
from dialer.services.agent_floor import Done
from dialer.services.callback_promise import Wanted
from dialer.services.callbacks import add_callback
from dialer.services.strategy_shelf import StrategyShelf
from dialer.store.store import Store
from dialer.testing.voice import FakeCallee
from tests.engine_kit import ON_SQLITE, completed, until
from tests.floor_kit import PROGRESSIVE, at_work, attempts, hire, make_job, number, wires

pytestmark = pytest.mark.integration

BEFORE = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.row(68)
@pytest.mark.parametrize("timed", [True, False])
@ON_SQLITE
async def test_a_preview_is_called_when_the_agent_says_so_or_its_time_is_up(store: Store, timed: bool) -> None:
    clock, voice, agents = wires(factor=10)
    job_id = make_job(store, 2, Pacing(kind=PacingKind.PREVIEW, preview_s=3.0 if timed else None))
    staff = await hire(store, 1)
    async with at_work(store, clock, voice, agents, staff, talk_s=2.0, dials=not timed) as (_, (worker,)):
        await until(lambda: worker.seen[CallStage.OFFERED] == 1)
        offered = clock.monotonic_s()
        await until(lambda: len(voice.placed) == 1)
        if timed:
            assert clock.monotonic_s() - offered > 2.0
        await until(completed(store, job_id))
    assert [one.code for one in attempts(store, job_id)] == ["Sale", "Sale"]
    assert [one.agent for one in attempts(store, job_id)] == ["agent0", "agent0"]


@ON_SQLITE
async def test_a_preview_is_called_at_the_number_that_the_agent_names_and_nowhere_else(store: Store) -> None:
    clock, voice, agents = wires(factor=10)
    job_id = make_job(store, 1, Pacing(kind=PacingKind.PREVIEW))
    staff = await hire(store, 1)
    async with at_work(store, clock, voice, agents, staff, dials=False, writes=False) as (_, (worker,)):
        await until(lambda: worker.seen[CallStage.OFFERED] == 1)
        refused = await worker.say(DialPreview(address="home"))
        assert isinstance(refused, Refused)
        assert "the contact has no number 'home' (one of: mobile)" in str(refused)
        assert not voice.placed
        assert isinstance(await worker.say(DialPreview(address="Mobile")), Done)
        await until(lambda: worker.seen[CallStage.GONE] == 1)
        assert "no number 'nobody'" in str(await worker.say(Redial(address="nobody")))
        assert isinstance(await worker.say(WrapUp(code="Sale")), Done)
        await until(completed(store, job_id))
    assert [one.address for one in attempts(store, job_id)] == [number(0)]


@ON_SQLITE
async def test_a_preview_that_is_passed_over_is_on_record_and_was_not_called(store: Store) -> None:
    clock, voice, agents = wires(factor=10)
    job_id = make_job(store, 1, Pacing(kind=PacingKind.PREVIEW))
    staff = await hire(store, 1)
    async with at_work(store, clock, voice, agents, staff, dials=False) as (_, (worker,)):
        await until(lambda: worker.seen[CallStage.OFFERED] == 1)
        assert isinstance(await worker.say(CancelPreview()), Done)
        await until(completed(store, job_id))
    (found,) = attempts(store, job_id)
    assert voice.placed == []
    assert (found.code, found.system_code, found.agent, found.address) == ("Sale", "Preview Cancelled", "agent0", "")


@pytest.mark.row(134)
async def test_a_manual_campaign_places_no_call_and_records_what_the_agent_tells(store: Store) -> None:
    clock, voice, agents = wires(factor=10)
    job_id = make_job(store, 2, Pacing(kind=PacingKind.MANUAL))
    staff = await hire(store, 1)
    async with at_work(store, clock, voice, agents, staff, dials=False) as (_, (worker,)):
        await until(lambda: worker.seen[CallStage.OFFERED] == 1)
        (open_one,) = attempts(store, job_id)
        assert open_one.code is None, "the attempt is in progress while the agent dials elsewhere"
        await worker.say(ManualConnect())
        await clock.sleep(2.0)
        await worker.say(ManualDisconnect(code="Sale"))
        await until(lambda: worker.seen[CallStage.OFFERED] == 2)
        await worker.say(ManualCancel())
        await until(completed(store, job_id))
    first, second = attempts(store, job_id)
    assert voice.placed == []
    assert (first.code, first.code_source, first.switch) == ("Sale", "agent", "")
    assert (second.code, second.system_code) == ("Sale", "Preview Cancelled")


@pytest.mark.row(129)
async def test_a_redial_is_a_new_attempt_that_knows_the_one_before(store: Store) -> None:
    clock, voice, agents = wires(factor=4)  # the attempt before has the time to be closed on a slow disk
    job_id = make_job(store, 1, Pacing(kind=PacingKind.PREVIEW, wrap_up_s=None))
    staff = await hire(store, 1)
    async with at_work(store, clock, voice, agents, staff, talk_s=1.0, writes=False) as (_, (worker,)):
        await until(lambda: worker.seen[CallStage.GONE] == 1)
        assert isinstance(await worker.say(Redial()), Done)
        await until(lambda: worker.seen[CallStage.JOINED] == 2)
        await worker.say(Release())
        await worker.say(WrapUp(code="Sale"))
        await until(completed(store, job_id))
    first, second = attempts(store, job_id)
    assert (first.code, second.code) == (SystemCode.REDIALLED, "Sale")
    assert second.again_after == first.id
    assert len(voice.placed) == 2


@pytest.mark.row(106)
@pytest.mark.parametrize(
    ("kind", "there", "who"),
    [
        (CallbackType.AGENT, True, "agent1"),  # the agent who promised it, whoever else is free
        (CallbackType.AGENT, False, "agent0"),  # ... who is not there: anybody of the campaign
        (CallbackType.STRICT_AGENT, True, "agent1"),
        (CallbackType.STRICT_AGENT, False, ""),  # nobody else: it is looked at again later
        (CallbackType.CAMPAIGN, True, "anybody"),
        (CallbackType.STANDARD, True, "anybody"),
    ],
)
@ON_SQLITE
async def test_a_callback_is_a_preview_for_whoever_is_to_keep_it(store: Store, kind: CallbackType, there: bool, who: str) -> None:
    clock, voice, agents = wires(factor=10)
    job_id = make_job(store, 1, PROGRESSIVE)
    staff = await hire(store, 2)
    org = store.read_now(lambda tx: tx.organisations.by_name("default"))
    wanted = Wanted(at=clock.now() + timedelta(seconds=8), type=kind, agent="agent1" if kind.is_personal else "")
    await add_callback(store, org, "Floor0", wanted, strategy_of=StrategyShelf(), now=clock.now(), by="test", job_id=job_id)
    async with at_work(store, clock, voice, agents, staff if there else staff[:1], talk_s=1.0) as (_, workers):
        if who:
            await until(completed(store, job_id))
        else:
            promised = clock.monotonic_s()
            await until(lambda: store.read_now(lambda tx: tx.callbacks(org).all())[0].tries == 1)
            assert clock.monotonic_s() >= promised
    kept_by = [one.agent for one in attempts(store, job_id)]
    assert kept_by == ([who] if who else []) or (who == "anybody" and kept_by[0] in ("agent0", "agent1"))
    offered = [
        one for worker in workers for one in worker.told if isinstance(one, CallChanged) and one.stage is CallStage.OFFERED
    ]
    assert [one.kind for one in offered] == (["callback"] if who else [])


@ON_SQLITE
async def test_a_callback_takes_no_agent_for_whom_a_call_is_under_way(store: Store) -> None:
    clock, voice, agents = wires(factor=10, default=FakeCallee(ring_s=0.1, answer_s=4.0))
    job_id = make_job(store, 6, PROGRESSIVE)
    staff = await hire(store, 2)
    org = store.read_now(lambda tx: tx.organisations.by_name("default"))
    wanted = Wanted(at=clock.now() + timedelta(seconds=6), type=CallbackType.CAMPAIGN)
    await add_callback(store, org, "Floor5", wanted, strategy_of=StrategyShelf(), now=clock.now(), by="test", job_id=job_id)
    async with at_work(store, clock, voice, agents, staff, talk_s=2.0) as (_, workers):
        await until(completed(store, job_id))
    assert sum(worker.seen[CallStage.OFFERED] for worker in workers) == 1
    assert [one.code for one in attempts(store, job_id)] == ["Sale"] * 6
