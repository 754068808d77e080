"""A service level: who counts as late, how it stands in a window, what it holds back, and that it is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.codes import SystemCode
from dialer.domain.ids import AttemptId, JobId
from dialer.domain.live_answer import LiveAnswer
from dialer.domain.pacing_plan import AbandonBudget
from dialer.domain.service_level import ServiceLevel
from dialer.pacing.abandonment import AbandonLedger
from dialer.pacing.cruise_memory import CruiseMemory
from dialer.pacing.floor import Floor
from dialer.pacing.floor_plan import FloorPlan
from dialer.pacing.plan_pacers import guarded_cruise
from dialer.pacing.predictive import CruiseControl
from dialer.pacing.progressive import Progressive
from dialer.pacing.simulator import simulate
from dialer.pacing.waits import Stand

pytestmark = pytest.mark.unit

BEGINS = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
LEVEL = ServiceLevel(percent=99, within_s=0.2)


def answer(
    number: int = 0,
    *,
    joined_s: float | None = None,
    ended_s: float | None = None,
    detected_s: float | None = None,
    code: str = "",
    machine: bool = False,
    at: datetime = BEGINS,
) -> LiveAnswer:
    return LiveAnswer(
        attempt_id=AttemptId(f"a{number}"),
        job_id=JobId(1),
        ordered_at=at - timedelta(seconds=9),
        answered_at=at,
        person_at=at + timedelta(seconds=detected_s or 0.0),
        detected=detected_s is not None,
        joined_at=None if joined_s is None else at + timedelta(seconds=joined_s),
        ended_at=None if ended_s is None else at + timedelta(seconds=ended_s),
        system_code=code,
        machine=machine,
    )


@pytest.mark.parametrize(
    ("found", "stand"),
    [
        (answer(joined_s=0.0), Stand(answered=1)),
        (answer(joined_s=0.2, ended_s=60.0), Stand(answered=1)),  # the last moment is in time
        (answer(joined_s=0.204), Stand(answered=1, late=1)),
        (answer(detected_s=1.6, joined_s=1.75), Stand(answered=1)),  # the detector's time is nobody's wait for an agent
        (answer(detected_s=1.6, joined_s=1.9), Stand(answered=1, late=1)),
        (answer(ended_s=0.15), Stand()),  # hung up before anybody had to be there
        (answer(ended_s=0.9), Stand(answered=1, late=1)),  # hung up before the law's time was over, and after the level's
        (answer(code=SystemCode.NUISANCE_CALL), Stand(answered=1, late=1)),  # the message; when they went is not known
        (answer(joined_s=0.0, machine=True), Stand()),
        (answer(), Stand()),  # waits still
    ],
)
def test_who_counts_and_who_is_late(found: LiveAnswer, stand: Stand) -> None:
    ledger = AbandonLedger(AbandonBudget())
    ledger.note(found)
    assert ledger.stand(LEVEL, BEGINS + timedelta(minutes=2)) == stand


def test_a_level_is_counted_over_the_window_once_for_each_answer_and_can_be_another_at_any_time() -> None:
    ledger = AbandonLedger(AbandonBudget())
    for number in range(99):
        ledger.note(answer(number, joined_s=0.05))
    for now in (answer(99), answer(99, joined_s=0.7), answer(99, joined_s=0.7, ended_s=40.0)):
        ledger.note(now)
    soon, next_day = BEGINS + timedelta(minutes=2), BEGINS + timedelta(hours=25)
    assert ledger.stand(LEVEL, soon) == Stand(answered=100, late=1)
    assert ledger.stand(LEVEL, soon).share == pytest.approx(0.99)
    assert ledger.stand(replace(LEVEL, within_s=0.7), soon) == Stand(answered=100)
    ledger.note(answer(99, joined_s=0.7, ended_s=40.0, machine=True))
    assert ledger.stand(LEVEL, soon) == Stand(answered=99), "the agent corrected the code"
    ledger.note(answer(100, at=next_day, joined_s=0.0))
    assert ledger.stand(LEVEL, next_day) == Stand(answered=1)


BUSY = Floor(now_s=100.0, idle=4, talking_s=[30.0] * 16, live=5000.0, timed=500.0)


@pytest.mark.parametrize(
    ("floor", "held"),
    [
        (replace(BUSY, late=4.0), ""),  # one more is 5 of 500: the level itself, and no less
        (replace(BUSY, late=4.5), "4.5 of 500 late, 0 waiting: with one more the service level of 99 % in 0.2 s could be missed"),
        (replace(BUSY, late=4.0, waiting=1), "4 of 500 late, 1 waiting: with one more the service level of 99 % in 0.2 s could"),
        (replace(BUSY, timed=99.0), "0 of 99 late, 0 waiting: with one more the service level"),  # nothing on credit
        (replace(BUSY, late=4.5, abandoned=150.0), "150 of 5000 abandoned"),  # both hold; the law's is named first
    ],
)
def test_nobody_is_called_ahead_unless_the_level_would_hold_with_one_more_late(floor: Floor, held: str) -> None:
    for credit in (False, True):
        guard = guarded_cruise(cap=0.03, max_wait_s=2.0, window_s=86_400.0, credit=credit, level=LEVEL)
        if not (credit and floor.abandoned):
            assert guard.holds(floor, 20).startswith(held)
            assert bool(guard.holds(floor, 20)) is bool(held)
    assert not guarded_cruise(cap=0.1, max_wait_s=2.0, window_s=86_400.0).holds(floor, 20), "without a level nobody is late"


def test_the_target_that_allows_fewer_calls_wins_and_is_named() -> None:
    floor = Floor(now_s=0.0, idle=1, talking_s=[30.0 + 9 * one for one in range(40)], live=5000.0, timed=5000.0)
    plain, both = CruiseControl(cap=0.03), CruiseControl(cap=0.03, level=LEVEL)

    def decided(control: CruiseControl, seen: Floor) -> tuple[int, str]:
        memory = CruiseMemory()
        memory.answers = 5000
        outlook = control.decide(seen, memory)
        return outlook.n, outlook.because

    (free, said), (held, because) = decided(plain, floor), decided(both, floor)
    assert "binds" not in said
    assert held < free
    assert "the service level binds: the next call risks" in because
    spent = replace(floor, abandoned=200.0)  # of the law's 150: nothing is left to risk
    assert decided(both, spent)[0] <= decided(plain, spent)[0]
    assert "the budget binds: the next call risks" in decided(both, replace(spent, late=0.0, waiting=0))[1]


def test_what_was_risked_of_a_level_outlives_a_restart_and_another_level_begins_anew() -> None:
    memory = CruiseMemory()
    floor = Floor(now_s=0.0, idle=4, talking_s=[30.0] * 16, live=1000.0, timed=1000.0, late=3.0)
    control = CruiseControl(level=LEVEL)
    for step in range(20):
        control.decide(replace(floor, now_s=float(step), live=1000.0 + step, timed=1000.0 + step), memory)
    again = CruiseMemory.from_json(json.loads(json.dumps(memory.to_json())))
    assert again.late_account(LEVEL, 3.0).risked == pytest.approx(memory.late.risked, abs=1e-3)
    assert memory.late.risked > 3.0
    assert again.late_account(replace(LEVEL, within_s=0.5), 2.0).risked == 2.0
    assert "late" not in CruiseMemory().to_json(), "who asks for no level keeps what was kept before there were any"


def test_a_level_that_everybody_must_have_calls_nobody_ahead() -> None:
    plan = FloorPlan(agents=8, hours=0.1, detector=None, machines=0.0, tick_s=1.0, level=ServiceLevel(percent=100))
    pacer = guarded_cruise(cap=plan.cap, max_wait_s=2.0, window_s=86_400.0, level=plan.level)
    found, one_by_one = simulate(plan, pacer, 1), simulate(plan, Progressive(), 1)
    assert (found.late, found.waited) == (0.0, 0.0)
    assert found.placed == one_by_one.placed


def test_a_floor_keeps_its_level_and_is_busier_than_one_by_one() -> None:
    plan = FloorPlan(agents=10, hours=0.3, cap=0.3, tick_s=1.0, level=ServiceLevel(percent=90, within_s=0.2))
    pacer = guarded_cruise(cap=plan.cap, max_wait_s=plan.max_wait_s, window_s=86_400.0, level=plan.level)
    free = guarded_cruise(cap=plan.cap, max_wait_s=plan.max_wait_s, window_s=86_400.0)
    held, ahead, one_by_one = (simulate(plan, one, 1) for one in (pacer, free, Progressive()))
    assert held.late <= 0.1 + 1 / held.live, "who rang when the last one was late may be one over it"
    assert held.abandoned <= plan.cap
    assert one_by_one.occupancy + 0.03 < held.occupancy < ahead.occupancy
