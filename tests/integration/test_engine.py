"""The engine on a real database, with callees made by the tests: what no switch would do on demand."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, suppress
from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.attempt import Attempt
from dialer.domain.callback import CallbackState
from dialer.domain.campaign import Campaign, Finish, Pace, PaceUnit
from dialer.domain.codes import SystemCode
from dialer.domain.contact import NewAddress, NewContact
from dialer.domain.ids import CampaignId, JobId
from dialer.engine.engine import Engine, EngineOptions
from dialer.engine.trunk import Trunk
from dialer.errors import MaybeSent, NotSent, Rejected
from dialer.ports import SwitchState, VoiceEventKind
from dialer.services.callback_promise import Wanted, promise
from dialer.services.completion import RELAUNCHES_MAX
from dialer.services.strategy_shelf import StrategyShelf
from dialer.store.store import Store
from dialer.store.tx import Tx
from dialer.testing.voice import BUSY, CONGESTION, FakeCallee, FakeVoice
from tests import engine_kit
from tests.engine_kit import FastClock, completed, until

pytestmark = pytest.mark.integration

STRATEGY = """\
strategy: engine_test
status: completed
handlers:
  - state: initial
    call:
      ring_timeout_s: 5
      detect_machine: false
      addresses: [{attribute: mobile, from: "00:00", to: "24:00"}]
      results:
        otherwise: done
        Call Answered: {app: announcement}
"""
SHORT = FakeCallee(ring_s=0.02, answer_s=0.05, hangup_s=0.1)


CLOCK = FastClock()


def numbers(count: int) -> list[str]:
    return [f"+4930{index:07d}" for index in range(count)]


def make_job(
    store: Store, count: int, *, pace_per_s: float = 20, max_ports: int = 50, finish: dict[str, int] | None = None
) -> JobId:
    def work(tx: Tx) -> JobId:
        org = tx.organisations.ensure("default")
        contact_list = tx.contact_lists(org).create("people", ["mobile"])
        people = [
            NewContact(user_contact_id=str(index), addresses=(NewAddress(name="mobile", value=one, zones=("Europe/Berlin",)),))
            for index, one in enumerate(numbers(count))
        ]
        tx.contacts(org).upsert_batch(contact_list.id, people, on_duplicate="update")
        tx.strategies(org).add_version("engine_test", STRATEGY)
        campaign = tx.campaigns(org).create(
            Campaign(
                id=CampaignId(0),
                org_id=org,
                name="Test",
                strategy="engine_test",
                contact_lists=("people",),
                pace=Pace(calls=pace_per_s, per=PaceUnit.SECOND, max_ports=max_ports),
                finish=Finish(after_codes=finish or {}),
            )
        )
        return (
            tx.jobs(org).create(campaign, strategy_text=STRATEGY, list_ids=tx.campaigns(org).list_ids(campaign.id), by="test").id
        )

    return store.write_now(work)


def running(store: Store, voice: FakeVoice, *, sweep_s: float = 1.0) -> AbstractAsyncContextManager[Engine]:
    return engine_kit.running(store, voice, clock=CLOCK, sweep_s=sweep_s)


def attempts(store: Store, job_id: JobId) -> list[Attempt]:
    return store.read_now(lambda tx: tx.attempts.of_job(job_id))


def codes(found: Sequence[Attempt]) -> set[str | None]:
    return {one.code for one in found}


@pytest.mark.row(75)
async def test_a_job_ends_by_itself_when_everybody_has_been_called_once(store: Store) -> None:
    job_id = make_job(store, 40)
    voice = FakeVoice(CLOCK, default=SHORT)
    async with running(store, voice):
        await until(completed(store, job_id))
    assert len(voice.placed) == 40
    assert sorted(order.number for order in voice.placed) == numbers(40)
    assert codes(attempts(store, job_id)) == {SystemCode.DISCONNECTED_BY_USER}
    assert store.read_now(lambda tx: tx.jobs(None).get(job_id)).because == "no contacts left"


async def test_events_that_come_twice_and_in_any_order_give_the_same_codes(store: Store, rng: random.Random) -> None:
    job_id = make_job(store, 20)
    voice = FakeVoice(CLOCK, default=BUSY, duplicate=True, shuffle=rng)
    async with running(store, voice):
        await until(completed(store, job_id))
    found = attempts(store, job_id)
    assert len(found) == 20
    assert codes(found) == {SystemCode.CALL_BUSY}


@pytest.mark.row(14)
async def test_a_lost_hang_up_is_found_by_the_sweep(store: Store) -> None:
    job_id = make_job(store, 3)
    voice = FakeVoice(CLOCK, default=SHORT, drop=[VoiceEventKind.HANGUP, VoiceEventKind.ORIGINATE_FAILED])
    async with running(store, voice) as engine:
        await until(completed(store, job_id))
        assert engine.calls.repairs >= 1
    found = attempts(store, job_id)
    assert len(found) == len(voice.placed) == 3
    assert codes(found) == {SystemCode.UNKNOWN}
    assert {one.code_source for one in found} == {"reconcile"}


async def test_an_order_of_unknown_fate_is_never_repeated_and_gets_the_fate_that_the_switch_shows(store: Store) -> None:
    job_id = make_job(store, 2)
    lost_but_dialled = FakeCallee(
        ring_s=0.1, answer_s=None, hangup_s=4, cause=17, tech_cause=486, refuses=MaybeSent("lost"), dials_all_the_same=True
    )
    never_dialled = FakeCallee(refuses=MaybeSent("lost"))
    voice = FakeVoice(CLOCK, callees=dict(zip(numbers(2), (lost_but_dialled, never_dialled), strict=True)))
    async with running(store, voice):
        await until(completed(store, job_id))
    found = {one.address: one.code for one in attempts(store, job_id)}
    assert len(voice.placed) == 1, "nothing was dialled a second time"
    assert found == dict(zip(numbers(2), (SystemCode.CALL_BUSY, SystemCode.UNKNOWN), strict=True))


async def test_a_call_that_never_left_is_placed_again_as_a_new_attempt_but_not_for_ever(store: Store) -> None:
    job_id = make_job(store, 1)
    voice = FakeVoice(CLOCK, default=FakeCallee(refuses=NotSent("no line")))
    async with running(store, voice):
        await until(completed(store, job_id))
    found = attempts(store, job_id)
    assert codes(found) == {SystemCode.NOT_LAUNCHED}
    assert len(found) == RELAUNCHES_MAX + 1


async def test_a_refusing_switch_burns_no_contacts(store: Store) -> None:
    job_id = make_job(store, 50, pace_per_s=4)
    voice = FakeVoice(CLOCK, default=FakeCallee(refuses=Rejected("Extension does not exist.")))
    async with running(store, voice) as engine:
        await until(lambda: bool(attempts(store, job_id)))
        await asyncio.sleep(2)
        status = engine.jobs.status()[int(job_id)]
        assert "Extension does not exist." in status.because
    assert len(attempts(store, job_id)) < 15, "the trunk rests instead of using up the list"
    totals = store.read_now(lambda tx: tx.jobs(None).totals(job_id))
    assert totals.finished == 0
    assert totals.contacts == 50


async def test_a_trunk_that_only_fails_rests(store: Store) -> None:
    job_id = make_job(store, 200, max_ports=20)
    voice = FakeVoice(CLOCK, default=CONGESTION)
    async with running(store, voice) as engine:
        await until(lambda: "trunk resting" in engine.jobs.status().get(int(job_id), _NOTHING).because)
        await asyncio.sleep(0.5)  # what was decided before goes out, once its intents are on disk
        await until(lambda: engine.calls.in_flight() == 0)
        dialled = len(voice.placed)
        await asyncio.sleep(1)
        assert len(voice.placed) == dialled
    assert dialled < 80


class _Nothing:
    because = ""


_NOTHING = _Nothing()


@pytest.mark.row(76, 77)
async def test_no_call_is_placed_after_the_finish_criterion_is_met(store: Store) -> None:
    code = SystemCode.CALL_BUSY.value
    job_id = make_job(store, 60, max_ports=5, finish={code: 10})
    voice = FakeVoice(CLOCK, default=BUSY)
    async with running(store, voice):
        await until(completed(store, job_id))
    found = attempts(store, job_id)
    reached_at = sorted(one.ended_at or datetime.max.replace(tzinfo=UTC) for one in found)[9]
    late = [one for one in found if one.intent_at > reached_at + timedelta(milliseconds=100)]
    assert not late
    assert 10 <= len(found) <= 10 + 5, "the overshoot is at most the calls in flight"
    assert store.read_now(lambda tx: tx.jobs(None).get(job_id)).because == f"10 × {code}"


async def test_nothing_is_dialled_while_the_switch_is_away_and_it_goes_on_afterwards(store: Store) -> None:
    job_id = make_job(store, 60, pace_per_s=5)
    voice = FakeVoice(CLOCK, default=SHORT)
    async with running(store, voice):
        await until(lambda: len(voice.placed) > 5)
        voice.turn("switch", SwitchState.DOWN)
        dialled = len(voice.placed)
        await asyncio.sleep(1)
        assert len(voice.placed) == dialled
        voice.turn("switch", SwitchState.RECONCILING)
        await until(completed(store, job_id))
    assert sorted(order.number for order in voice.placed) == numbers(60)


async def test_what_a_dead_engine_left_behind_is_taken_up(store: Store) -> None:
    job_id = make_job(store, 8)
    stays = FakeCallee(ring_s=0.01, answer_s=None, hangup_s=30, cause=17, tech_cause=486)
    voice = FakeVoice(CLOCK, default=stays)
    engine = Engine(
        store=store,
        voice=voice,
        clock=CLOCK,
        trunks=[Trunk(name="trunk", caller_id="")],
        options=EngineOptions(node="test"),
    )
    engine.treatment_ready()
    task = asyncio.create_task(engine.run(), name="engine")
    await until(lambda: len(voice.placed) == 8)
    task.cancel()  # as hard as a death can be inside one process
    with suppress(asyncio.CancelledError):
        await task
    fresh = FakeVoice(CLOCK, default=SHORT)  # the switch has none of the eight calls any more
    async with running(store, fresh):
        await until(completed(store, job_id))
    found = attempts(store, job_id)
    assert not fresh.placed, "no attempt is dialled a second time"
    assert codes(found) == {SystemCode.UNKNOWN}


@pytest.mark.row(106)
async def test_a_job_stays_up_for_a_callback_and_keeps_it_at_its_time(store: Store) -> None:
    job_id = make_job(store, 1)
    voice = FakeVoice(CLOCK, default=FakeCallee(ring_s=0.02, answer_s=0.05, hangup_s=5))
    async with running(store, voice) as engine:
        await until(lambda: engine.calls.in_flight() == 1)
        at = CLOCK.now() + timedelta(seconds=20)

        def ask(tx: Tx) -> None:
            promise(tx, job_id, attempt.contact_id, Wanted(at=at), strategy_of=StrategyShelf(), now=CLOCK.now(), by="the test")

        (attempt,) = attempts(store, job_id)
        store.write_now(ask)
        await until(completed(store, job_id))
    first, second = attempts(store, job_id)
    assert first.intent_at < at <= second.intent_at <= at + timedelta(seconds=10)
    assert len(voice.placed) == 2
    (callback,) = store.read_now(lambda tx: tx.callbacks(None).all(pending_only=False))
    assert (callback.state, callback.attempt_id) == (CallbackState.DONE, second.id)
