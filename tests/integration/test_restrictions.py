"""Custom restrictions judge contacts before their attempts, and what is held back for a while is counted."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.campaign import JobContactState, JobState, JobTotals
from dialer.domain.ids import OrgId
from dialer.domain.restriction import RestrictionRequest
from dialer.services.custom_restrictions import CustomRestrictions
from dialer.services.jobs import campaign_status
from dialer.services.strategy_shelf import StrategyShelf
from dialer.services.why import why_not_called
from dialer.store.store import Store
from dialer.testing.voice import FakeCallee, FakeVoice
from tests.engine_kit import ON_SQLITE, FastClock, completed, running, until
from tests.integration.test_strategy_launch import give
from tests.launch_kit import Launch

pytestmark = pytest.mark.integration

NOW = datetime(2026, 5, 11, 12, tzinfo=UTC)
SHORT = FakeCallee(ring_s=0.02, answer_s=None, hangup_s=0.1, cause=17, tech_cause=486)
TEXT = """\
strategy: ask
status: completed
handlers:
  - state: initial
    selector:
      conditions: [{when: {attribute: contact_id, not_equals: nobody}, next_state: ask}]
      otherwise: done
  - state: ask
    call:
      detect_machine: false
      addresses: [{attribute: mobile, from: "00:00", to: "24:00"}]
      restrictions:
        - {when: {attribute: city, equals: Izmir}, type: temporary, recheck_s: 5}
        - {custom: credit, type: KIND, recheck_s: 40}
      results: {otherwise: done}
"""


@pytest.mark.row(51)
async def test_a_program_says_who_is_not_attempted_for_now_and_for_good(store: Store, org_id: OrgId) -> None:
    asked: list[RestrictionRequest] = []
    paid = threading.Event()

    async def credit(request: RestrictionRequest, /) -> str | bool | None:
        asked.append(request)
        match request.contact_id:
            case "d0":
                return None if paid.is_set() else "has a claim open"
            case "d1":
                await asyncio.sleep(3600)
            case "d2":
                if not paid.is_set():
                    raise ValueError("the ledger is closed")
        return False

    launch = await Launch.ready(store, org_id, strategy=TEXT.replace("KIND", "temporary"), count=4)
    clock, voice = FastClock(20), FakeVoice(FastClock(20), default=SHORT)
    restrictions = CustomRestrictions({"credit": credit}, limit_s=0.1)
    async with running(store, voice, clock=clock, restrictions=restrictions):
        await until(lambda: {launch.codes().get("d3")} == {"Call Busy"} and totals(launch).restricted == 3)
        await until(lambda: "credit: has a claim open" in str(launch.place("d0")))
        (why,) = await why_not_called(store, org_id, "d0", strategy_of=StrategyShelf(), now=clock.now())
        assert "restricted for now: credit: has a claim open; looked at again after 40 s" in why.because
        await until(lambda: "credit cannot be asked: not done within 0.1 s" in str(launch.place("d1")))
        await until(lambda: "credit cannot be asked: ValueError: the ledger is closed" in str(launch.place("d2")))
        paid.set()
        await until(lambda: launch.ended() == 3)
        await until(lambda: totals(launch).restrictions >= 4)  # d1 is held back again and again
    assert len(voice.placed) == 3
    assert {one.known["city"] for one in asked} == {"Ankara"}


@ON_SQLITE
async def test_a_permanent_one_ends_the_contact_but_its_failure_does_not(store: Store, org_id: OrgId) -> None:
    def credit(request: RestrictionRequest, /) -> bool:
        answers = {"d0": True, "d1": 7, "d2": False}
        return answers[request.contact_id]  # type: ignore[return-value]  # what a careless author may do

    launch = await Launch.ready(store, org_id, strategy=TEXT.replace("KIND", "permanent"))
    voice = FakeVoice(FastClock(20), default=SHORT)
    async with running(store, voice, clock=FastClock(20), restrictions=CustomRestrictions({"credit": credit})):
        await until(lambda: launch.codes() == {"d0": "Restricted Other", "d2": "Call Busy"})
    held = launch.place("d1")
    assert held is not None
    assert (held.state, held.because.split(";")[0]) == (
        JobContactState.SCHEDULED,
        "restricted for now: credit cannot be asked: it returned 7 and not a reason",
    )


@ON_SQLITE
async def test_programs_that_hang_stop_nobody_for_ever(store: Store, org_id: OrgId) -> None:
    release = threading.Event()

    def credit(request: RestrictionRequest, /) -> None:
        if request.contact_id == "d0":
            release.wait(20)

    launch = await Launch.ready(store, org_id, strategy=TEXT.replace("KIND", "temporary"), count=2)
    restrictions = CustomRestrictions({"credit": credit}, limit_s=0.05, places=1)
    voice = FakeVoice(FastClock(20), default=SHORT)
    async with running(store, voice, clock=FastClock(20), restrictions=restrictions):
        await until(lambda: "places are taken" in str(launch.place("d1")) or "places are taken" in str(launch.place("d0")))
        release.set()
        await until(completed(store, launch.job.id))
    assert launch.codes() == {"d0": "Call Busy", "d1": "Call Busy"}


@ON_SQLITE
async def test_a_job_whose_restriction_is_not_installed_pauses_and_says_so(store: Store, org_id: OrgId) -> None:
    launch = await Launch.ready(store, org_id, strategy=TEXT.replace("KIND", "permanent"))
    async with running(store, FakeVoice(FastClock(20)), clock=FastClock(20)):
        await until(lambda: store.read_now(lambda tx: tx.jobs(None).get(launch.job.id)).state is JobState.PAUSED)
    assert "'credit' is not installed" in store.read_now(lambda tx: tx.jobs(None).get(launch.job.id)).because


async def test_without_an_answer_no_intent_is_written(store: Store, org_id: OrgId) -> None:
    launch = await Launch.ready(store, org_id, strategy=TEXT.replace("KIND", "permanent"), count=1)
    assert not (await launch.run(NOW)).to_place
    place = launch.place("d0")
    assert place is not None
    assert (place.state, place.handler, place.due_at) == (JobContactState.SCHEDULED, "ask", NOW)


@pytest.mark.row(46)
async def test_who_is_restricted_now_falls_and_how_often_it_happened_does_not(store: Store, org_id: OrgId) -> None:
    plain = TEXT.replace("        - {custom: credit, type: KIND, recheck_s: 40}\n", "")
    launch = await Launch.ready(store, org_id, strategy=plain)
    for name in ("d0", "d1"):
        await give(launch, name, city="Izmir")
    assert (totals(launch).restricted, totals(launch).restrictions) == (0, 0)
    (free,) = (await launch.run(NOW)).to_place
    await launch.end(free.id, "Call Busy", NOW)
    assert (totals(launch).restricted, totals(launch).restrictions) == (2, 2)
    await give(launch, "d1", city="Ankara")
    assert len((await launch.run(NOW + timedelta(seconds=5))).to_place) == 1
    assert (totals(launch).restricted, totals(launch).restrictions) == (1, 3)
    await give(launch, "d0", city="Ankara")
    assert len((await launch.run(NOW + timedelta(seconds=10))).to_place) == 1
    assert (totals(launch).restricted, totals(launch).restrictions) == (0, 3)
    status = await campaign_status(store, org_id, "Blood")
    assert status.totals == totals(launch)


def totals(launch: Launch) -> JobTotals:
    """Read where the job's contacts stand."""
    return launch.store.read_now(lambda tx: tx.jobs(None).totals(launch.job.id))
