"""Handlers whose attempts are made by custom actions: in a running engine, at the job's pace, at most once."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from dialer.domain.action import ActionRequest, CustomAction
from dialer.domain.attempt import Attempt
from dialer.domain.campaign import Job, JobState, Pace, PaceUnit
from dialer.domain.channel import Channel
from dialer.domain.codes import CustomCode
from dialer.domain.dnc import DncKind
from dialer.domain.ids import OrgId
from dialer.domain.rules import Rule
from dialer.engine.engine import Engine, EngineOptions
from dialer.engine.trunk import Trunk
from dialer.ports import SwitchState
from dialer.services.campaigns import NewCampaign, create_campaign, save_strategy
from dialer.services.codes import create_code
from dialer.services.custom_actions import CustomActions
from dialer.services.jobs import start_campaign
from dialer.services.rules import create_rule
from dialer.services.strategy_shelf import StrategyShelf
from dialer.services.why import why_not_called
from dialer.store.store import Store
from dialer.testing.voice import FakeCallee, FakeVoice
from tests.campaign_texts import put_donors
from tests.engine_kit import ON_SQLITE, FastClock, completed, running, until

pytestmark = pytest.mark.integration

FAST = Pace(calls=100, per=PaceUnit.SECOND, max_ports=50)
SHORT = FakeCallee(ring_s=0.02, answer_s=0.05, hangup_s=0.1)

ACTION = """\
strategy: act
status: completed
handlers:
  - state: initial
    custom:
      action: ticket
      parameters: {queue: donors}
      time_limit_s: 1.0
      results:
        otherwise: done
"""
THEN_CALL = (
    ACTION.replace("otherwise: done", "otherwise: call")
    + """\
  - state: call
    call:
      detect_machine: false
      addresses: [{attribute: mobile, from: "00:00", to: "24:00"}]
      results: {otherwise: done}
"""
)


async def start(store: Store, org_id: OrgId, text: str = ACTION, *, count: int = 3, pace: Pace = FAST) -> Job:
    """Start a campaign over donors d0, d1, ..."""
    await store.write(lambda tx: put_donors(tx, org_id, count))
    await save_strategy(store, org_id, text)
    await create_code(store, org_id, CustomCode(name="Interested"))
    await create_code(store, org_id, CustomCode(name="Foreign"))
    new = NewCampaign(name="Blood", strategy="act", contact_lists=("Donors",), codes=("Interested",), pace=pace)
    await create_campaign(store, org_id, new)
    return await start_campaign(store, org_id, "Blood", by="test")


def made(store: Store, job: Job) -> list[Attempt]:
    """Read the job's attempts, in order."""
    return store.read_now(lambda tx: tx.attempts.of_job(job.id))


def installed(action: CustomAction, **how: int) -> Mapping[Channel, CustomActions]:
    """Install the one action "ticket"."""
    return {Channel.CUSTOM: CustomActions({"ticket": action}, **how)}


@pytest.mark.row(51)
async def test_each_end_of_an_action_has_its_code_and_the_strategy_goes_on_with_it(store: Store, org_id: OrgId) -> None:
    asked: list[ActionRequest] = []
    endless = threading.Event()

    async def ticket(request: ActionRequest, /) -> str | None:
        asked.append(request)
        match request.contact_id:
            case "d0":
                return "interested"
            case "d1":
                return None
            case "d2":
                raise ValueError("the other system is down")
            case "d3":
                await asyncio.sleep(3600)
            case "d4":
                endless.wait(20)  # a loop that does not turn cannot be cancelled
            case "d5":
                return "Foreign"
            case "d6":
                return "Call Busy"
            case "d7":
                return "no such code"
        return 7  # type: ignore[return-value]  # what a careless author may do

    job = await start(store, org_id, THEN_CALL, count=9)
    clock, voice = FastClock(20), FakeVoice(FastClock(20), default=SHORT)
    async with running(store, voice, clock=clock, channels=installed(ticket)):
        await until(completed(store, job.id))
        endless.set()
    names = {one.attempt_id: one.contact_id for one in asked}
    acted = [one for one in made(store, job) if one.channel is Channel.CUSTOM]
    assert {names[one.id]: one.code for one in acted} == {
        "d0": "Interested",
        "d1": "Action Completed",
        **{f"d{index}": "Application Error" for index in range(2, 9)},
    }
    assert {(one.trunk, one.switch, one.address, one.code_source) for one in acted} == {("", "", "", "action")}
    assert Counter(one.contact_id for one in asked) == {f"d{index}": 1 for index in range(9)}
    assert (asked[0].action, asked[0].parameters, asked[0].campaign) == ("ticket", {"queue": "donors"}, "Blood")
    assert len(voice.placed) == 9, "every code led on to the handler that calls"
    failed = next(one.id for one in acted if names[one.id] == "d2")
    events = store.read_now(lambda tx: tx.attempts.events_of(failed))
    assert events[-1][2]["note"] == "ValueError: the other system is down"


@pytest.mark.row(16)
@ON_SQLITE
async def test_an_action_that_says_nothing_ends_with_the_default_code_of_its_handler(store: Store, org_id: OrgId) -> None:
    job = await start(store, org_id, ACTION.replace("results:", "default_code: interested\n      results:"), count=1)
    clock = FastClock(20)
    async with running(store, FakeVoice(clock), clock=clock, channels=installed(lambda request: None)):
        await until(completed(store, job.id))
    assert [(one.code, one.system_code) for one in made(store, job)] == [("Interested", "Action Completed")]


@pytest.mark.row(61)
@pytest.mark.parametrize(("pace", "count", "factor"), [((10, PaceUnit.SECOND), 30, 3.0), ((60, PaceUnit.MINUTE), 10, 10.0)])
@ON_SQLITE
async def test_the_pace_of_the_job_is_kept_on_a_channel_without_a_trunk(
    store: Store, org_id: OrgId, pace: tuple[int, PaceUnit], count: int, factor: float
) -> None:
    job = await start(store, org_id, count=count, pace=Pace(calls=pace[0], per=pace[1], max_ports=20))
    clock = FastClock(factor)
    store._now = clock.now  # so that the job starts by the clock by which its attempts are made
    async with running(store, FakeVoice(clock), clock=clock, channels=installed(lambda request: "Interested")):
        await until(completed(store, job.id))
    began = store.read_now(lambda tx: tx.jobs(None).get(job.id)).started_at
    assert began is not None
    times = [(one.intent_at - began).total_seconds() for one in made(store, job)]
    assert len(times) == count
    per_s = job.pace.calls_per_s
    for before, at in enumerate(times):  # the first at once, and at no moment more than the pace has given since
        assert before <= at * per_s
    slack_s = 0.1 * factor  # what this machine and its database may cost, on this clock
    assert times[-1] - times[0] <= (count - 1) / per_s * 1.05 + slack_s, "and on the whole not slower"


@ON_SQLITE
async def test_ports_bind_actions_too(store: Store, org_id: OrgId) -> None:
    up, most, lock = 0, 0, threading.Lock()

    async def ticket(request: ActionRequest, /) -> None:
        nonlocal up, most
        with lock:
            up, most = up + 1, max(most, up + 1)
        await asyncio.sleep(0.05)
        await until(lambda: most >= 3)  # the first ones stay until so many are up as may be
        with lock:
            up -= 1

    patient = ACTION.replace("time_limit_s: 1.0", "time_limit_s: 100")
    job = await start(store, org_id, patient, count=12, pace=replace(FAST, max_ports=3))
    clock = FastClock(20)
    async with running(store, FakeVoice(clock), clock=clock, channels=installed(ticket)):
        await until(completed(store, job.id))
    assert most == 3


@ON_SQLITE
async def test_actions_that_hang_keep_their_places_and_no_more_begin(store: Store, org_id: OrgId) -> None:
    release, asked = threading.Event(), []

    def ticket(request: ActionRequest, /) -> None:
        asked.append(request.contact_id)
        release.wait(20)

    job = await start(store, org_id, count=6)
    clock = FastClock(20)
    async with running(store, FakeVoice(clock), clock=clock, channels=installed(ticket, places=2)) as engine:
        await until(lambda: sum(one.code is not None for one in made(store, job)) == 2)
        given_back = clock.monotonic_s() + 30  # who is claimed and waits for so long is let go; with no room, nobody is claimed
        await until(lambda: clock.monotonic_s() > given_back)
        assert "no room" in engine.jobs.status()[int(job.id)].because
        assert len(asked) == 2
        release.set()
        await until(completed(store, job.id))
    assert sorted(asked) == [f"d{index}" for index in range(6)]


async def test_a_trunk_that_is_away_does_not_hold_up_what_needs_none(store: Store, org_id: OrgId) -> None:
    clock = FastClock(20)
    voice = FakeVoice(clock, default=SHORT)
    async with running(store, voice, clock=clock, channels=installed(lambda request: None)):
        await until(lambda: voice.state_of("switch") is SwitchState.READY)
        voice.turn("switch", SwitchState.DOWN)
        job = await start(store, org_id, THEN_CALL, count=10)
        await until(lambda: len(made(store, job)) == 10)
        assert not voice.placed
        voice.turn("switch", SwitchState.RECONCILING)
        await until(completed(store, job.id))
    assert len(voice.placed) == 10


@pytest.mark.row(51)
async def test_an_attempt_that_was_being_made_when_the_dialer_died_ends_as_unknown_and_is_never_repeated(
    store: Store, org_id: OrgId
) -> None:
    asked, release = [], threading.Event()

    def ticket(request: ActionRequest, /) -> str:
        asked.append(request.contact_id)
        release.wait(20)
        return "Interested"

    job = await start(store, org_id, ACTION.replace("0.3", "60"))
    clock = FastClock(20)
    engine = Engine(
        store=store,
        voice=FakeVoice(clock),
        clock=clock,
        trunks=[Trunk(name="trunk", caller_id="")],
        options=EngineOptions(node="test"),
        channels=installed(ticket),
    )
    engine.treatment_ready()
    task = asyncio.create_task(engine.run(), name="engine")
    await until(lambda: len(asked) == 3)
    task.cancel()  # as hard as a death can be inside one process
    with suppress(asyncio.CancelledError):
        await task
    release.set()
    assert {one.code for one in made(store, job)} == {None}
    async with running(store, FakeVoice(clock), clock=clock, channels=installed(ticket)):
        await until(completed(store, job.id))
    assert sorted(asked) == ["d0", "d1", "d2"]
    assert {(one.code, one.code_source) for one in made(store, job)} == {("Unknown", "reconcile")}


@ON_SQLITE
async def test_a_job_whose_action_is_not_installed_pauses_and_says_so(store: Store, org_id: OrgId) -> None:
    job = await start(store, org_id)
    clock = FastClock(20)
    async with running(store, FakeVoice(clock), clock=clock, channels={Channel.CUSTOM: CustomActions({})}):
        await until(lambda: store.read_now(lambda tx: tx.jobs(None).get(job.id)).state is JobState.PAUSED)
    paused = store.read_now(lambda tx: tx.jobs(None).get(job.id))
    assert "the custom action 'ticket' is not installed" in paused.because
    assert not made(store, job)


async def test_who_may_not_be_called_as_a_person_is_not_given_to_an_action_either(store: Store, org_id: OrgId) -> None:
    job = await start(store, org_id)

    def bar(kind: DncKind, value: str) -> None:
        store.write_now(lambda tx: tx.dnc(org_id).add(value, kind=kind))

    bar(DncKind.CONTACT, "d0")
    bar(DncKind.ADDRESS, "+15550100001")  # d1's number, which the action does not use
    clock = FastClock(20)
    async with running(store, FakeVoice(clock), clock=clock, channels=installed(lambda request: "Opted Out")):
        await until(completed(store, job.id))
    assert Counter(one.code for one in made(store, job)) == {"Restricted DNC": 1, "Opted Out": 2}
    listed = store.read_now(lambda tx: {one.value for one in tx.dnc(org_id).page() if one.kind is DncKind.CONTACT})
    assert listed == {"d0", "d1", "d2"}, "without an address the person is put on the list"


def why_they_wait(store: Store, job: Job, now: datetime) -> str:
    return str(store.read_now(lambda tx: tx.job_contacts.waiting_by_reason(job.id, now=now)))


async def test_rules_count_actions_and_hold_them_back(store: Store, org_id: OrgId) -> None:
    retried = ACTION.replace("otherwise: done", "Action Completed: {retry: {count: 5, intervals_s: [0]}}")
    await create_rule(store, org_id, Rule(name="Two a day", max_attempts=2, window_s=86400, channel="custom"))
    job = await start(store, org_id, retried, count=1)
    clock = FastClock(20)
    async with running(store, FakeVoice(clock), clock=clock, channels=installed(lambda request: None)):
        await until(lambda: len(made(store, job)) == 2)
        await until(lambda: "Two a day" in why_they_wait(store, job, clock.now()))
    (why,) = await why_not_called(store, org_id, "d0", strategy_of=StrategyShelf(), now=clock.now())
    assert "switch" not in {gate.name for gate in why.gates}, "no switch stands between a contact and an action"
    (rules,) = [gate for gate in why.gates if gate.name == "rules"]
    assert rules.until is not None
    assert rules.until - made(store, job)[0].intent_at == timedelta(days=1)
