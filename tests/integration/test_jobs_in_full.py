"""Running jobs, end to end on a real database: how they end, what follows them, what holds them, and who shares the trunk."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.campaign import Job, JobState, Pace, PaceUnit
from dialer.domain.codes import SystemCode
from dialer.domain.contact import NewAddress, NewContact
from dialer.domain.ids import OrgId
from dialer.domain.schedule import Missed, RunOutcome
from dialer.errors import BadInput, Conflict
from dialer.services.campaigns import NewCampaign, as_new, create_campaign, edit_campaign
from dialer.services.contacts import exclude_contact
from dialer.services.jobs import (
    JobEdit,
    edit_job,
    gate_totals,
    list_jobs,
    pause_campaign,
    recycle_campaign,
    start_campaign,
    stop_campaign,
)
from dialer.services.knobs import parse_filter, parse_hold, parse_sort
from dialer.services.recurrence import rule_for
from dialer.services.schedules import add_schedule, list_schedules, reckon_again, run_due, schedule_runs, switch_schedule
from dialer.services.strategy_shelf import StrategyShelf
from dialer.services.why import why_not_called
from dialer.store.store import Store, Tx
from dialer.testing.voice import BUSY, FakeVoice
from tests import engine_kit
from tests.engine_kit import FastClock, completed, until
from tests.integration.test_engine import CLOCK, SHORT, STRATEGY, running

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def one_clock(store: Store) -> None:
    """Let the database's times come from the engine's clock, as they do where both are the machine's."""
    store._now = CLOCK.now


FAST = Pace(calls=50, per=PaceUnit.SECOND, max_ports=20)


def put(tx: Tx, org_id: OrgId, first: int, count: int, name: str = "people") -> None:
    """Put contacts on a list; the last digit of a number is its attribute "digit"."""
    made = tx.contact_lists(org_id).ensure(name, ["digit"])
    rows = [
        NewContact(
            user_contact_id=str(index),
            attributes={"digit": str(index % 10)},
            addresses=(NewAddress(name="mobile", value=f"+4930{index:07d}", zones=("Europe/Berlin",)),),
        )
        for index in range(first, first + count)
    ]
    tx.contacts(org_id).upsert_batch(made.id, rows)


async def campaign(
    store: Store, org_id: OrgId, name: str = "Test", *, count: int = 20, first: int = 0, **how: object
) -> NewCampaign:
    """Define a campaign over a list of its own."""

    def work(tx: Tx) -> None:
        put(tx, org_id, first, count, f"{name} people")
        tx.strategies(org_id).add_version("engine_test", STRATEGY)

    await store.write(work)
    new = replace(NewCampaign(name=name, strategy="engine_test", contact_lists=(f"{name} people",), pace=FAST), **how)  # type: ignore[arg-type]  # fields by name
    await create_campaign(store, org_id, new)
    return new


def job_of(store: Store, job: Job) -> Job:
    return store.read_now(lambda tx: tx.jobs(None).get(job.id))


@pytest.mark.row(76)
async def test_a_job_ends_after_its_time(store: Store, org_id: OrgId) -> None:
    await campaign(store, org_id, count=500, pace=replace(FAST, calls=2), after_hours=5 / 3600)
    job = await start_campaign(store, org_id, "Test", by="test")
    voice = FakeVoice(CLOCK, default=SHORT)
    async with running(store, voice):
        await until(completed(store, job.id))
    ended = job_of(store, job)
    assert ended.because.startswith("time is up")
    assert 0 < len(voice.placed) < 60


@pytest.mark.row(76, 77)
async def test_a_job_ends_at_its_goal_of_responses(store: Store, org_id: OrgId) -> None:
    await campaign(
        store, org_id, count=100, pace=replace(FAST, max_ports=4), responses=9, response_codes=("call busy", "No Input")
    )
    job = await start_campaign(store, org_id, "Test", by="test")
    voice = FakeVoice(CLOCK, default=BUSY)
    async with running(store, voice):
        await until(completed(store, job.id))
    assert job_of(store, job).because == "goal reached: 9 responses"
    assert 9 <= len(voice.placed) <= 9 + 4


@pytest.mark.row(78, 82)
async def test_an_infinite_job_waits_for_contacts_and_calls_those_that_come_later(store: Store, org_id: OrgId) -> None:
    await campaign(store, org_id, count=3, infinite=True)
    job = await start_campaign(store, org_id, "Test", by="test")
    voice = FakeVoice(CLOCK, default=SHORT)
    async with running(store, voice) as engine:
        await until(lambda: len(voice.placed) == 3 and engine.calls.in_flight() == 0)
        await asyncio.sleep(0.5)  # three seconds of the engine's clock
        assert job_of(store, job).state is JobState.RUNNING
        await store.write(lambda tx: put(tx, org_id, 100, 2, "Test people"))
        added_s = CLOCK.monotonic_s()
        await until(lambda: len(voice.placed) == 5)
        assert CLOCK.monotonic_s() - added_s < 5
        await stop_campaign(store, org_id, "Test", by="test")
        await until(completed(store, job.id))


@pytest.mark.row(81, 82)
async def test_a_job_calls_only_those_who_fit_in_order_and_follows_an_edit_of_its_filter(store: Store, org_id: OrgId) -> None:
    chosen, order = parse_filter(["digit # < 2"]), parse_sort("digit # desc")
    await campaign(store, org_id, count=30, infinite=True, filter=chosen, sort=order)
    await start_campaign(store, org_id, "Test", by="test")
    voice = FakeVoice(CLOCK, default=SHORT)
    async with running(store, voice):
        await until(lambda: len(voice.placed) == 6)
        assert sorted(one.number[-1] for one in voice.placed) == list("000111")
        await edit_job(store, org_id, "Test", JobEdit(filter=parse_filter(["digit in 1, 5"])), by="ann")
        await until(lambda: len(voice.placed) == 9)
        await asyncio.sleep(0.3)
    assert Counter(one.number[-1] for one in voice.placed) == {"0": 3, "1": 3, "5": 3}


@pytest.mark.row(82)
async def test_a_linked_campaign_starts_when_the_first_has_ended_by_itself(store: Store, org_id: OrgId) -> None:
    second = await campaign(store, org_id, "Second", first=50, count=2)
    await campaign(store, org_id, "First", count=2, then="second")
    with pytest.raises(BadInput, match="circle"):
        await edit_campaign(store, org_id, "Second", replace(second, then="First"), by="test")
    await start_campaign(store, org_id, "First", by="test")
    voice = FakeVoice(CLOCK, default=SHORT)
    async with running(store, voice):
        await until(lambda: len(voice.placed) == 4)
    jobs = await list_jobs(store, org_id)
    assert [job.campaign_name for job in jobs] == ["Second", "First"]


@pytest.mark.row(82)
async def test_an_operators_stop_starts_nothing(store: Store, org_id: OrgId) -> None:
    await campaign(store, org_id, "Second", first=50, count=2)
    await campaign(store, org_id, "First", count=50, pace=replace(FAST, calls=1), then="Second")
    job = await start_campaign(store, org_id, "First", by="test")
    voice = FakeVoice(CLOCK, default=SHORT)
    async with running(store, voice):
        await until(lambda: len(voice.placed) > 0)
        await stop_campaign(store, org_id, "First", by="test")
        await until(completed(store, job.id))
    assert [one.campaign_name for one in await list_jobs(store, org_id)] == ["First"]


async def test_a_condition_holds_a_job_and_lets_it_go_but_an_operators_pause_stays(store: Store, org_id: OrgId) -> None:
    await campaign(store, org_id, count=60, holds=(parse_hold("count 5 Call Busy in 0.2"),), pace=replace(FAST, calls=5))
    job = await start_campaign(store, org_id, "Test", by="test")
    voice = FakeVoice(CLOCK, default=BUSY)
    async with running(store, voice):
        await until(lambda: job_of(store, job).state is JobState.PAUSED)
        assert job_of(store, job).because.startswith("held: ")
        held_at = len(voice.placed)
        await until(lambda: len(voice.placed) > held_at + 2)
        await until(lambda: job_of(store, job).state is JobState.RUNNING)
        await pause_campaign(store, org_id, "Test", by="ann")
        await asyncio.sleep(3)  # longer than the condition's window
        assert job_of(store, job).state is JobState.PAUSED


@pytest.mark.row(87)
async def test_some_contacts_are_held_while_the_others_are_called_and_go_when_let_go(store: Store, org_id: OrgId) -> None:
    too_many = tuple(parse_hold(f"contacts digit = {digit}") for digit in range(4))
    with pytest.raises(BadInput, match="at most 3"):
        await campaign(store, org_id, "Four", holds=too_many)
    await campaign(store, org_id, count=30, holds=too_many[:3])
    job = await start_campaign(store, org_id, "Test", by="test")
    voice = FakeVoice(CLOCK, default=SHORT)
    async with running(store, voice) as engine:
        await until(lambda: len(voice.placed) == 21 and engine.calls.in_flight() == 0)
        await asyncio.sleep(0.3)  # some seconds of the engine's clock
        assert not {one.number[-1] for one in voice.placed} & set("012")
        assert job_of(store, job).state is JobState.RUNNING, "the job waits for those who are held"
        _, gates = await gate_totals(store, org_id, "Test", now=CLOCK.now())
        held = {one.because: one.contacts for one in gates if one.gate == "due"}
        assert held == {f"held: digit = {digit}": 3 for digit in range(3)}
        edited = await edit_job(store, org_id, "Test", JobEdit(holds=too_many[:1]), by="ann")
        assert edited.definition.holds == too_many[:1]
        await until(lambda: len(voice.placed) == 27)
        await edit_job(store, org_id, "Test", JobEdit(holds=()), by="ann")
        await until(completed(store, job.id))
    assert Counter(one.number[-1] for one in voice.placed) == dict.fromkeys("0123456789", 3)


@pytest.mark.row(71, 84)
async def test_two_jobs_share_a_narrow_trunk_by_priority_and_both_go_on(store: Store, org_id: OrgId) -> None:
    await campaign(store, org_id, "Low", count=300, priority=4)
    await campaign(store, org_id, "High", first=1000, count=300, priority=6)
    for name in ("Low", "High"):
        await start_campaign(store, org_id, name, by="test")
    clock = FastClock(2.0)  # both must have the time to say what they want of each line that becomes free
    store._now = clock.now
    voice = FakeVoice(clock, default=replace(SHORT, hangup_s=0.2), max_channels=4)
    async with engine_kit.running(store, voice, clock=clock):
        await until(lambda: len(voice.placed) >= 80)
    high = sum(one.number >= "+49300001000" for one in voice.placed)
    low = len(voice.placed) - high
    assert low >= 8
    assert high > 1.8 * low, (high, low)


@pytest.mark.row(86)
async def test_those_who_ended_with_a_code_are_called_again_once(store: Store, org_id: OrgId) -> None:
    await campaign(store, org_id, count=6)
    job = await start_campaign(store, org_id, "Test", by="test")
    busy = {f"+4930{index:07d}": BUSY for index in (1, 4)}
    voice = FakeVoice(CLOCK, default=SHORT, callees=busy)
    async with running(store, voice):
        await until(completed(store, job.id))
        with pytest.raises(BadInput, match="ended with Opted Out"):
            await recycle_campaign(store, org_id, "Test", ["Opted Out"], by="test")
        again = await recycle_campaign(store, org_id, "Test", ["call busy"], by="test")
        assert again.recycled_codes == (SystemCode.CALL_BUSY.value,)
        await until(completed(store, again.id))
    called = Counter(one.number for one in voice.placed)
    assert {number for number, times in called.items() if times == 2} == set(busy)
    _, gates = await gate_totals(store, org_id, "Test", now=CLOCK.now())
    assert {one.gate: one.contacts for one in gates} == {"finished": 2, "filter": 4}
    whom = f"ended job {job.id} with {SystemCode.CALL_BUSY.value}"
    assert {one.because for one in gates if one.gate == "filter"} == {f"left out by: {whom}"}
    (left_out,) = await why_not_called(store, org_id, "2", strategy_of=StrategyShelf(), now=CLOCK.now(), job_id=again.id)
    assert [(one.name, one.because) for one in left_out.gates][1:] == [("filter", f"the job calls others: {whom}")]


@pytest.mark.row(81, 94)
async def test_why_names_the_filter_and_the_exclusion_of_whom_a_job_does_not_call(store: Store, org_id: OrgId) -> None:
    await campaign(store, org_id, count=6, filter=parse_filter(["digit in 1, 2, 3"]))
    await start_campaign(store, org_id, "Test", by="test")
    now = CLOCK.now()
    await exclude_contact(store, org_id, "Test people", "2", days=2, zone="UTC", now=now)

    async def first_shut(contact: str) -> tuple[str, str]:
        (answer,) = await why_not_called(store, org_id, contact, strategy_of=StrategyShelf(), now=now)
        found = [one for one in answer.gates if one.verdict != "pass" and one.name not in ("job", "claimed")]
        return found[0].name, found[0].because

    assert await first_shut("5") == ("filter", "the job calls others: digit in 1, 2, 3")
    name, because = await first_shut("2")
    assert (name, because.startswith("excluded until")) == ("exclusion", True)
    assert (await first_shut("1"))[0] == "switch", "of whom it will call it says what is in the way"


@pytest.mark.row(82)
async def test_the_second_of_two_editors_is_told_what_the_first_changed(store: Store, org_id: OrgId) -> None:
    new = await campaign(store, org_id)
    await edit_campaign(store, org_id, "Test", replace(new, priority=7), by="ann", version=1)
    with pytest.raises(Conflict, match=r"version 1, now 2.*(?s:.)*ann at .*priority: 5 -> 7"):
        await edit_campaign(store, org_id, "Test", replace(new, infinite=True), by="bob", version=1)
    job = await start_campaign(store, org_id, "Test", by="test")
    assert (job.version, job.definition.priority) == (1, 7)
    await edit_job(store, org_id, "Test", JobEdit(pace=replace(FAST, calls=9)), by="ann", version=1)
    with pytest.raises(Conflict, match=r"nothing of yours was written:(?s:.)*50/second, 0 to 20 ports -> 9/second"):
        await edit_job(store, org_id, "Test", JobEdit(priority=1), by="bob", version=1)
    both = await edit_job(store, org_id, "Test", JobEdit(priority=1), by="bob", version=2)
    assert (both.pace.calls, both.definition.priority, both.version) == (9, 1, 3)
    same = await edit_job(store, org_id, "Test", JobEdit(priority=1), by="bob", version=3)
    assert same.version == 3, "an edit that changes nothing is none"


async def test_a_campaign_can_be_read_changed_and_written(store: Store, org_id: OrgId) -> None:
    await campaign(store, org_id, responses=3, sort=parse_sort("digit"), holds=(parse_hold("time 12:00-13:00 UTC"),))
    now = store.read_now(lambda tx: tx.campaigns(org_id).by_name("Test"))
    assert await edit_campaign(store, org_id, "Test", as_new(now), by="ann") == now


def end_all(tx: Tx) -> None:
    """End the jobs as the engine would."""
    for job in tx.jobs(None).not_completed():
        tx.jobs(None).set_state(job.id, JobState.COMPLETED, because="done", by="test")


@pytest.mark.row(79)
@pytest.mark.parametrize(
    ("zone", "night"),
    [
        ("America/New_York", "2026-03-08"),
        ("America/New_York", "2026-11-01"),
        ("Europe/Berlin", "2026-03-29"),
        ("Europe/Berlin", "2026-10-25"),
        ("Australia/Sydney", "2026-04-05"),
        ("Australia/Sydney", "2026-10-04"),
    ],
)
async def test_a_birthday_campaign_starts_each_day_once_and_a_card_campaign_on_mondays(
    store: Store, org_id: OrgId, zone: str, night: str
) -> None:
    """A clock of half hours over the week around each night in which clocks change, with the birthday of that very day."""
    await campaign(store, org_id, "Birthday", filter=parse_filter(["birthday like *-{month_day}"]))
    await campaign(store, org_id, "Cards", first=100)
    noon = datetime.fromisoformat(f"{night}T12:00").replace(tzinfo=UTC)
    first = (noon - timedelta(days=3)).replace(tzinfo=None)
    begin = noon - timedelta(days=5)
    half_past_two = first.replace(hour=2, minute=30)
    await add_schedule(store, org_id, "Birthday", first=half_past_two, zone=zone, rule=rule_for("daily"), by="t", now=begin)
    cards = await add_schedule(
        store,
        org_id,
        "Cards",
        first=first.replace(hour=9),
        zone=zone,
        rule=rule_for("weekly", weekdays=["MO"]),
        by="t",
        now=begin,
    )
    assert cards.next_local is not None
    started: list[tuple[str, datetime]] = []
    for half_hours in range(-200, 168):
        decided = await run_due(store, noon + timedelta(minutes=30 * half_hours))
        for run in decided:
            assert run.job_id is not None, run
            job = store.read_now(lambda tx, one=run.job_id: tx.jobs(None).get(one))  # type: ignore[misc]  # bound by default
            started.append((job.campaign_name, run.local))
            if job.campaign_name == "Birthday":
                assert str(job.definition.filter) == f"birthday like *-{run.local:%m-%d}"
        if decided:
            await store.write(end_all)
    days = [local.date() for name, local in started if name == "Birthday"]
    assert days == [days[0] + timedelta(days=later) for later in range(len(days))], "each day, and each day once"
    assert len(days) >= 6
    assert noon.date() in days
    assert [local.weekday() for name, local in started if name == "Cards"] == [0]


@pytest.mark.row(79)
async def test_runs_that_were_missed_are_skipped_or_made_good_once(store: Store, org_id: OrgId) -> None:
    await campaign(store, org_id, "Skip")
    await campaign(store, org_id, "Once", first=100)
    begin = datetime(2027, 5, 1, 9, 0)  # noqa: DTZ001 - what a wall clock shows
    for name, missed in (("Skip", Missed.SKIP), ("Once", Missed.RUN_ONCE)):
        await add_schedule(store, org_id, name, first=begin, zone="UTC", rule=rule_for("daily"), missed=missed, by="t")
    late = datetime(2027, 5, 3, 12, 0, tzinfo=UTC)
    assert await reckon_again(store, late) == 0
    await run_due(store, late)
    skip, once = await list_schedules(store, org_id)
    assert [run.outcome for run in await schedule_runs(store, org_id, skip.id)] == [RunOutcome.MISSED] * 3
    assert [run.outcome for run in await schedule_runs(store, org_id, once.id)] == [RunOutcome.STARTED, *[RunOutcome.MISSED] * 2]
    assert skip.next_at == once.next_at == datetime(2027, 5, 4, 9, tzinfo=UTC)
    assert await run_due(store, late) == [], "no run is decided twice"
    assert [run.outcome for run in await run_due(store, datetime(2027, 5, 4, 9, tzinfo=UTC))] == [
        RunOutcome.STARTED,
        RunOutcome.REFUSED,  # the job of yesterday is not over
    ]
    await switch_schedule(store, org_id, once.id, on=False)
    await store.write(end_all)
    assert len(await run_due(store, datetime(2027, 5, 5, 9, tzinfo=UTC))) == 1


@pytest.mark.row(79)
async def test_a_running_engine_starts_a_scheduled_campaign(store: Store, org_id: OrgId) -> None:
    await campaign(store, org_id, count=2)
    soon = (CLOCK.now() + timedelta(seconds=4)).replace(tzinfo=None, microsecond=0)
    await add_schedule(store, org_id, "Test", first=soon, zone="UTC", by="t")
    voice = FakeVoice(CLOCK, default=SHORT)
    async with running(store, voice):
        await until(lambda: len(voice.placed) == 2)
    (schedule,) = await list_schedules(store, org_id, "test")
    assert schedule.next_at is None, "it runs once"
    (job,) = await list_jobs(store, org_id)
    assert job.because != ""
