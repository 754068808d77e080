"""The pacers of a floor beside cruise control, and the guard that stops dialling ahead before the budget is used up."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

import pytest

from dialer.domain.inbound_plan import InboundPlan
from dialer.pacing.budget_guard import AIM, BudgetGuard, FloorPacer
from dialer.pacing.calling_ratio import SAMPLES, ExpertCallingRatio, RatioBasis
from dialer.pacing.floor import Ended, Fact, Floor, NobodyAnswered, PersonAnswered, Served
from dialer.pacing.floor_plan import FloorPlan
from dialer.pacing.inbound import InboundFirst, thresholds_of
from dialer.pacing.plan_pacers import guarded_cruise
from dialer.pacing.predictive import Cruise, CruiseControl
from dialer.pacing.preview import Preview
from dialer.pacing.progressive import Progressive
from dialer.pacing.simulator import simulate

pytestmark = pytest.mark.unit

BUSY = Floor(now_s=100.0, idle=4, talking_s=[30.0] * 16, live=500.0)


class Reckless:
    """Places ten calls, whatever happens."""

    because = "I can"

    def learn(self, facts: Sequence[Fact]) -> None:
        return

    def calls(self, floor: Floor) -> int:
        return 10


@pytest.mark.parametrize(
    ("floor", "calls", "because"),
    [
        (replace(BUSY, abandoned=3.0), 10, "I can"),
        (replace(BUSY, abandoned=14.0), 10, "I can"),  # 15 of 500 is the cap itself, and no more
        (replace(BUSY, abandoned=14.5), 4, "progressive: 14.5 of 500 abandoned, 0 waiting: one more could be over 3.0%"),
        (replace(BUSY, abandoned=13.0, waiting=2), 2, "progressive: 13 of 500 abandoned, 2 waiting: one more could be over 3.0%"),
        (
            replace(BUSY, live=20.0),
            4,
            "progressive: 0 of 20 abandoned, 0 waiting: one more could be over 3.0%",
        ),  # nothing on credit
        (replace(BUSY, behind_s=2.5), 4, "progressive: what the switch tells is 2.5 s late"),
        (Floor(now_s=1.0, idle=2, live=500.0), 2, "progressive: 2 agents are too few to dial ahead"),
        (Floor(now_s=1.0, idle=0, live=500.0), 0, "no agent is there"),
    ],
)
def test_the_guard_lowers_to_one_line_for_each_idle_agent_and_says_why(floor: Floor, calls: int, because: str) -> None:
    guard = BudgetGuard(Reckless(), cap=0.03)
    assert guard.calls(floor) == calls
    assert guard.because == because


def test_on_credit_the_guard_stands_behind_what_the_pacer_may_borrow() -> None:
    guard = BudgetGuard(Reckless(), cap=0.03, credit=True)  # 20 agents: twice 1.5 * sqrt(20) calls ahead of 15 of 500
    assert guard.calls(replace(BUSY, abandoned=27.0)) == 10
    assert guard.calls(replace(BUSY, abandoned=28.0)) == 4
    assert guard.because == "progressive: 28 of 500 abandoned, 0 waiting: one more could be over 3.0% and 13 calls on credit"
    assert guard.calls(replace(BUSY, abandoned=14.0, behind_s=2.5)) == 4, "credit is for the budget only"


def test_what_cruise_control_has_borrowed_is_paid_back_before_the_window_ends() -> None:
    plan, seed = FloorPlan(agents=16, hours=1.0, tick_s=1.0), 1
    window_s = plan.hours * 3600
    lent = simulate(plan, guarded_cruise(cap=plan.cap, max_wait_s=plan.max_wait_s, window_s=window_s, credit=True), seed)
    strict = simulate(plan, guarded_cruise(cap=plan.cap, max_wait_s=plan.max_wait_s, window_s=window_s), seed)
    assert lent.lost <= plan.cap * lent.live + 1
    assert lent.occupancy > strict.occupancy


@pytest.mark.parametrize(
    "pacer",
    [
        Progressive(lines_per_agent=2.5),
        ExpertCallingRatio(basis=RatioBasis.WORK_TIME),
        ExpertCallingRatio(basis=RatioBasis.UPDATE_TIME),
    ],
)
def test_a_guarded_floor_keeps_near_its_budget_whatever_the_pacer(pacer: FloorPacer) -> None:
    plan = FloorPlan(agents=20, hours=1.5)
    free, held = simulate(plan, deepcopy(pacer), 1), simulate(plan, BudgetGuard(pacer, cap=0.03), 1)
    assert held.lost <= 0.03 * held.live + 6, "no more over it than were ringing when the budget was used up"
    assert held.abandoned <= max(free.abandoned, 0.035)


def test_cruise_control_under_the_guard_keeps_the_budget_and_still_wins() -> None:
    plan = FloorPlan(agents=16, hours=1.2)
    ahead = simulate(plan, BudgetGuard(Cruise(CruiseControl(cap=AIM * plan.cap, max_wait_s=plan.max_wait_s)), cap=plan.cap), 2)
    one_by_one = simulate(plan, Progressive(), 2)
    assert ahead.abandoned <= plan.cap
    assert ahead.occupancy > one_by_one.occupancy + 0.08


@pytest.mark.row(63)
def test_a_progressive_ratio_is_never_exceeded() -> None:
    pacer = BudgetGuard(Progressive(lines_per_agent=1.5), cap=0.03)
    floor = Floor(now_s=0.0, idle=10, live=1000.0)
    assert pacer.calls(floor) == 15
    assert pacer.calls(replace(floor, ringing_s=[3.0] * 9, detecting=[(9.0, 1.0)])) == 5
    assert pacer.calls(replace(floor, abandoned=30.0)) == 10, "with the budget used up: one line for each"


# ── the expert calling ratio ────────────────────────────────────────────────────────────────────────────────────────────────


def seen(pacer: ExpertCallingRatio, persons: int, others: int) -> ExpertCallingRatio:
    pacer.learn([PersonAnswered(rang_s=10.0)] * persons + [NobodyAnswered(age_s=26.0, how=Ended.NO_ANSWER)] * others)
    return pacer


@pytest.mark.row(66)
def test_until_enough_calls_were_seen_the_hit_rate_is_the_operators() -> None:
    pacer = ExpertCallingRatio(initial_hit_rate=0.5, least_hit_rate=0.1)
    floor = Floor(now_s=0.0, idle=4)
    assert pacer.calls(floor) == 8
    assert seen(pacer, 10, SAMPLES - 11).calls(floor) == 8
    assert seen(pacer, 0, 1).hit_rate == pytest.approx(0.2, abs=0.02)
    assert pacer.calls(floor) == pytest.approx(20, abs=2)
    assert seen(pacer, 0, 1000).hit_rate == 0.1, "never below the least"


@pytest.mark.row(65)
def test_work_time_dials_also_for_agents_who_are_about_to_stop_talking_and_update_time_only_for_those_who_write() -> None:
    work, update = ExpertCallingRatio(basis=RatioBasis.WORK_TIME), ExpertCallingRatio(basis=RatioBasis.UPDATE_TIME)
    for pacer in (work, update):
        pacer.learn([Served(talk_s=60.0, wrap_s=20.0)] * 400)
    talking = Floor(now_s=0.0, idle=0, talking_s=[10.0, 72.0, 75.0])
    writing = Floor(now_s=0.0, idle=0, wrapping_s=[2.0, 9.0, 15.0])
    assert (work.calls(talking), update.calls(talking)) == (4, 0), "two of three are about to be through: two lines for each"
    assert (work.calls(writing), update.calls(writing)) == (4, 4)
    assert "work_time" in work.because


def test_the_nearer_the_cap_the_fewer_busy_agents_are_dialled_for() -> None:
    pacer = ExpertCallingRatio()
    floor = Floor(now_s=0.0, idle=2, wrapping_s=[30.0] * 10, live=1000.0)
    assert pacer.calls(floor) == 24
    assert pacer.calls(replace(floor, abandoned=15.0)) == 14
    assert pacer.calls(replace(floor, abandoned=30.0)) == 4


# ── preview, and callers of their own ────────────────────────────────────────────────────────────────────────────────────────


def test_preview_offers_a_contact_to_each_idle_agent() -> None:
    assert Preview().calls(Floor(now_s=0.0, idle=3, talking_s=[5.0])) == 3


@pytest.mark.row(69)
@pytest.mark.parametrize(("queue", "calls"), [(0, 10), (1, 7), (3, 5), (5, 5), (6, 0), (60, 0)])
def test_callers_who_wait_lower_the_rate_by_thresholds(queue: int, calls: int) -> None:
    pacer = InboundFirst(Reckless())
    assert pacer.calls(replace(BUSY, inbound_waiting=queue)) == calls
    assert pacer.because == ("I can" if not queue else f"{queue} callers wait: {dict({7: 75, 5: 50, 0: 0})[calls]}% of 10 calls")


def test_a_queue_is_named_and_the_wait_of_its_first_caller_counts_where_the_campaign_says_so() -> None:
    plan = InboundPlan(queues=("support",), levels=(), waits_s=(20.0, 40.0, 60.0))
    pacer = InboundFirst(Reckless(), thresholds_of(plan))
    floor = replace(BUSY, inbound_waiting=2, inbound_where="support")
    assert pacer.calls(replace(floor, inbound_longest_s=19.0)) == 10
    assert pacer.calls(replace(floor, inbound_longest_s=41.0)) == 5
    assert pacer.because == "2 callers wait in support, the first for 41 s: 50% of 10 calls"
    assert pacer.calls(replace(floor, inbound_longest_s=60.0)) == 0
    both = InboundFirst(Reckless(), thresholds_of(replace(plan, levels=(2, 3, 4))))
    assert both.calls(replace(floor, inbound_longest_s=1.0)) == 7, "the strictest threshold that is reached holds"


def test_nobody_is_called_ahead_while_nobody_knows_who_waits() -> None:
    pacer = InboundFirst(Reckless())
    assert pacer.calls(replace(BUSY, ringing_s=[3.0], inbound_unknown="support: not looked at yet")) == 3
    assert pacer.because == "progressive: who waits is not known (support: not looked at yet)"
