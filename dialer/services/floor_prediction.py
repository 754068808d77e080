"""Say what a shift of a floor may be expected to bring: the same floor simulated many times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

from dialer.pacing.budget_guard import FloorPacer
from dialer.pacing.floor_plan import FloorPlan, FloorResult
from dialer.pacing.simulator import simulate


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftFigures:
    """One shift. Shares are 0 to 1; `abandoned` is of persons who answered."""

    occupancy: float
    idle_s: float
    abandoned: float
    waited: float  # of the persons, those who found no agent free
    wait_p99_s: float  # from the answer until the talk
    late: float  # of the persons, those whom the service level does not allow for
    persons_per_agent_hour: float
    placed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The mean of many shifts, and between what nine of ten of them are."""

    mean: ShiftFigures
    least: ShiftFigures
    most: ShiftFigures


def predict(plan: FloorPlan, make: Callable[[], FloorPacer], *, shifts: int = 20) -> Prediction:
    """Simulate `shifts` of this floor; `make` gives a new pacer for each."""
    found = [_figures(simulate(plan, make(), seed)) for seed in range(1, shifts + 1)]
    values = {one.name: sorted(getattr(shift, one.name) for shift in found) for one in fields(ShiftFigures)}
    side = shifts // 20
    return Prediction(
        mean=ShiftFigures(**{name: sum(of) / shifts for name, of in values.items()}),
        least=ShiftFigures(**{name: of[side] for name, of in values.items()}),
        most=ShiftFigures(**{name: of[-1 - side] for name, of in values.items()}),
    )


def _figures(result: FloorResult) -> ShiftFigures:
    return ShiftFigures(
        occupancy=result.occupancy,
        idle_s=result.idle_s,
        abandoned=result.lost / max(1, result.live),
        waited=result.waited,
        wait_p99_s=result.wait_p99_s,
        late=result.late,
        persons_per_agent_hour=result.persons_per_agent_hour,
        placed=result.placed,
    )
