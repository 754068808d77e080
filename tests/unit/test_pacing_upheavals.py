"""A guarded floor when something happens to it: the budget of its window holds, whatever the pacer had believed before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from dialer.pacing.budget_guard import BudgetGuard
from dialer.pacing.cruise_memory import CruiseMemory
from dialer.pacing.distributions import Curve
from dialer.pacing.floor import Fact, Floor
from dialer.pacing.floor_plan import FloorPlan
from dialer.pacing.plan_pacers import guarded_cruise
from dialer.pacing.predictive import Cruise
from dialer.pacing.simulator import simulate

pytestmark = pytest.mark.unit

CAP, HOUR = 0.03, 3600.0
PLAN = FloorPlan(agents=12, hours=1.2, tick_s=1.0)


class Watched:
    """A guarded cruise control that is watched, and may be restarted in mid-shift; only what is saved survives it."""

    def __init__(self, plan: FloorPlan, *, restarts_at_s: float | None = None, remembers: bool = True) -> None:
        self._plan, self._restarts_at_s, self._remembers = plan, restarts_at_s, remembers
        self._saved: dict[str, object] = {}
        self._saved_s = 0.0
        self.guard = self._fresh(CruiseMemory())
        self.over: list[tuple[float, float]] = []  # when, and by how many calls, the budget was exceeded
        self.dialled_ahead_over = 0  # calls that were ordered for nobody while the budget was used up

    def _fresh(self, memory: CruiseMemory) -> BudgetGuard[Cruise]:
        self._memory = memory  # the pacer changes it in place
        guard = guarded_cruise(cap=CAP, max_wait_s=self._plan.max_wait_s, window_s=24 * HOUR)
        guard.pacer.memory = memory
        return guard

    def learn(self, facts: Sequence[Fact]) -> None:
        self.guard.learn(facts)

    def calls(self, floor: Floor) -> int:
        if floor.now_s - self._saved_s >= 60.0:  # as the floor of the engine does
            self._saved_s = floor.now_s
            self._saved = self._memory.to_json()
        if self._restarts_at_s is not None and floor.now_s >= self._restarts_at_s:
            self._restarts_at_s = None
            self.guard = self._fresh(CruiseMemory.from_json(self._saved) if self._remembers else CruiseMemory())
        wanted = self.guard.calls(floor)
        beyond = floor.abandoned - CAP * floor.live
        if beyond > 0:
            self.over.append((floor.now_s, beyond))
            out = len(floor.ringing_s) + len(floor.detecting)
            self.dialled_ahead_over += max(0, min(wanted, wanted + out - floor.idle))
        return wanted


UPHEAVALS = {
    "half the agents log out at once": replace(PLAN, shifts=tuple((0.0, HOUR * (0.6 if one % 2 else 1.2)) for one in range(12))),
    "the answer rate jumps from 10 to 60 %": replace(
        PLAN, hours=2.2, persons=Curve(((0.0, 0.10), (0.6 * HOUR, 0.10), (0.6 * HOUR, 0.60), (2.2 * HOUR, 0.60))), machines=0.2
    ),
    "the answer rate falls from 50 to 10 %": replace(
        PLAN, persons=Curve(((0.0, 0.50), (0.6 * HOUR, 0.50), (0.6 * HOUR, 0.10), (1.2 * HOUR, 0.10)))
    ),
}


@pytest.mark.row(64)
@pytest.mark.parametrize("upheaval", UPHEAVALS)
def test_the_budget_holds_through_an_upheaval(upheaval: str) -> None:
    pacer = Watched(UPHEAVALS[upheaval])
    found = simulate(UPHEAVALS[upheaval], pacer, 3)
    assert found.live > 60
    assert pacer.dialled_ahead_over == 0, "while it is used up, nobody is called whom no agent waits for"
    assert found.abandoned <= CAP + 2 / found.live, "what rang when it happened may be over it; nothing after"
    assert max((beyond for _, beyond in pacer.over), default=0.0) < 3


def test_a_restart_in_mid_shift_grants_no_fresh_overdraft_even_when_the_memory_is_lost() -> None:
    pacer = Watched(PLAN, restarts_at_s=0.5 * HOUR, remembers=False)
    found = simulate(PLAN, pacer, 5)
    assert pacer.dialled_ahead_over == 0
    assert found.abandoned <= CAP + 2 / found.live
    assert found.occupancy > 0.6
