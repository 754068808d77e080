"""A floor in virtual time: the same seed gives the same day, and the pacings do what they promise on it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dialer.pacing.distributions import Exponential, steady
from dialer.pacing.floor import Floor
from dialer.pacing.floor_plan import FloorPlan
from dialer.pacing.predictive import Cruise, CruiseControl
from dialer.pacing.progressive import Progressive
from dialer.pacing.simulator import simulate

pytestmark = pytest.mark.unit

SMALL = FloorPlan(agents=12, hours=0.75)


def cruise(plan: FloorPlan) -> Cruise:
    return Cruise(CruiseControl(cap=plan.cap, max_wait_s=plan.max_wait_s, window_s=plan.hours * 3600))


def test_a_day_can_be_repeated() -> None:
    days = [simulate(SMALL, Progressive(), 7) for _ in range(2)]
    timeless = [replace(day, ms_per_decision=0.0, ms_p99=0.0) for day in days]
    assert timeless[0] == timeless[1]
    assert simulate(SMALL, Progressive(), 8).placed != days[0].placed


def test_one_line_for_each_idle_agent_abandons_nobody_who_came_by_it() -> None:
    found = simulate(replace(SMALL, detector=None, machines=0.0), Progressive(), 1)
    assert found.lost == 0
    assert 0.3 < found.occupancy < 0.8


def test_as_many_people_are_lost_as_erlangs_formula_says() -> None:
    """Calls at a steady pace, exponential talks, no wrap-up, nobody waits: the loss is Erlang's B (1917)."""

    class Steady:
        def learn(self, facts: object) -> None:
            return

        def calls(self, floor: Floor) -> int:
            return 1 if int(floor.now_s * 2) % 2 == 0 else 0

    plan = FloorPlan(
        agents=15,
        hours=3.0,
        persons=steady(0.6),
        machines=0.0,
        detector=None,
        talk=Exponential(20.0),
        wrap=Exponential(1e-6),
        greeting_s=0.0,
        legal_wait_s=0.0,
        ring_timeout_s=60.0,
    )
    found = simulate(plan, Steady(), 3)
    load = found.live / (plan.hours * 3600) * 20.0
    blocked = 1.0
    for servers in range(1, plan.agents + 1):
        blocked = load * blocked / (servers + load * blocked)
    assert found.abandoned == pytest.approx(blocked, abs=0.02)


def test_dialling_ahead_keeps_agents_busier_and_the_budget() -> None:
    ahead, waiting = simulate(SMALL, cruise(SMALL), 2), simulate(SMALL, Progressive(), 2)
    assert ahead.occupancy > waiting.occupancy + 0.1
    assert ahead.abandoned <= 0.035


def test_the_reason_of_a_decision_is_told() -> None:
    pacer = cruise(SMALL)
    placed = pacer.calls(Floor(now_s=0.0, idle=4))
    assert placed >= 4
    assert str(pacer.outlook).startswith("4 idle")
    assert pacer.calls(Floor(now_s=0.5, idle=0, talking_s=[1.0] * 4)) == 0
    assert "risks" in str(pacer.outlook)
    assert pacer.calls(Floor(now_s=1.0, idle=0)) == 0, "nobody is logged in"
