"""Agents leave, the list changes, the dialer is started again in the middle of a day: the budget holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from dialer.pacing.cruise_memory import CruiseMemory
from dialer.pacing.distributions import Curve, Lognormal, steady
from dialer.pacing.floor import Fact, Floor
from dialer.pacing.floor_plan import FloorPlan
from dialer.pacing.predictive import CruiseControl
from dialer.pacing.simulator import simulate

pytestmark = pytest.mark.unit

HOUR_S = 3600.0
DAY = FloorPlan(agents=30, hours=1.0, tick_s=1.0)


def control(plan: FloorPlan) -> CruiseControl:
    return CruiseControl(cap=plan.cap, max_wait_s=plan.max_wait_s, window_s=plan.hours * HOUR_S)


@dataclass
class Watched:
    """Cruise control that is started again at a moment, with or without its memory, and keeps what it was shown."""

    control: CruiseControl
    memory: CruiseMemory = field(default_factory=CruiseMemory)
    again_at_s: float = float("inf")
    forgets: bool = False
    shown: list[tuple[float, int, float, float]] = field(default_factory=list)  # when, calls, live, abandoned

    def learn(self, facts: Sequence[Fact]) -> None:
        self.memory.learn(facts)

    def calls(self, floor: Floor) -> int:
        if floor.now_s >= self.again_at_s:
            self.again_at_s = float("inf")
            saved = json.dumps(self.memory.to_json())
            self.memory = CruiseMemory() if self.forgets else CruiseMemory.from_json(json.loads(saved))
        n = self.control.decide(floor, self.memory).n
        self.shown.append((floor.now_s, n, floor.live, floor.abandoned))
        return n

    def overspent(self) -> float:
        """Abandoned calls above the budget at the end of the window, as the dialer counts them."""
        _, _, live, abandoned = self.shown[-1]
        assert live > 300
        return abandoned - self.control.cap * live


def test_half_the_agents_log_out_at_once() -> None:
    half, leave_s = DAY.agents // 2, HOUR_S / 2
    plan = replace(DAY, shifts=tuple((0.0, leave_s if at < half else HOUR_S) for at in range(DAY.agents)))
    pacer = Watched(control(plan))
    simulate(plan, pacer, 1)
    assert pacer.overspent() <= 1
    assert all(n == 0 for when, n, *_ in pacer.shown if leave_s < when < leave_s + 2), "no new calls while too many are out"


def test_the_answer_rate_jumps_from_ten_to_sixty_percent() -> None:
    """The calls that ring at that moment cannot be taken back; what they cost is saved on the rest of the window."""
    plan = replace(DAY, agents=20, hours=2.0, machines=0.2, persons=Curve(((0, 0.1), (1800, 0.1), (1800, 0.6))))
    pacer = Watched(control(plan))
    simulate(plan, pacer, 1)
    assert pacer.overspent() <= 1


@pytest.mark.parametrize("forgets", [False, True], ids=["with its memory", "without"])
def test_a_restart_in_the_middle_of_a_shift_grants_no_second_loan(forgets: bool) -> None:
    pacer = Watched(control(DAY), again_at_s=HOUR_S / 2, forgets=forgets)
    simulate(DAY, pacer, 3)
    assert pacer.overspent() <= 1


def test_what_was_learned_yesterday_is_known_this_morning() -> None:
    """A list on which few answer and long talks: the first quarter of an hour is better spent by who remembers them."""
    plan = replace(DAY, agents=20, persons=steady(0.09), machines=0.4, talk=Lognormal(200.0, 0.6))
    yesterday = Watched(control(plan))
    simulate(plan, yesterday, 5)
    saved = json.dumps(yesterday.memory.to_json())
    assert len(saved) < 20_000
    morning, gained = replace(plan, hours=0.25), 0.0
    for seed in (7, 8, 9):
        knowing = Watched(control(plan), memory=CruiseMemory.from_json(json.loads(saved)))
        gained += simulate(morning, knowing, seed).occupancy - simulate(morning, Watched(control(plan)), seed).occupancy
    assert gained / 3 > 0.02


def test_a_damaged_memory_is_a_fresh_one() -> None:
    saved = CruiseMemory().to_json()
    for damaged in ({}, {**saved, "version": 0}, {**saved, "calls": {}}, {**saved, "service": {"contacts": [[1]], "stays": 1}}):
        assert CruiseMemory.from_json(damaged).to_json() == saved
