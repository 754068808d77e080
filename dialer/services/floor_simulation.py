"""Compare pacings on a simulated floor: the same days for each of them, on all cores."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from functools import partial

from dialer.errors import BadInput
from dialer.pacing.distributions import Curve, Distribution, Exponential, Lognormal
from dialer.pacing.predictive import Cruise, CruiseControl
from dialer.pacing.progressive import Progressive
from dialer.pacing.simulator import FloorPacer, FloorPlan, FloorResult, simulate

HOUR_S = 3600.0
_LENGTH = re.compile(r"(lognormal|exponential) ([0-9.]+)(?: ([0-9.]+))?")

PACINGS: dict[str, Callable[[FloorPlan], FloorPacer]] = {
    "predictive (cruise control)": lambda plan: Cruise(
        CruiseControl(cap=plan.cap, max_wait_s=plan.max_wait_s, window_s=plan.hours * HOUR_S)
    ),
    "progressive, 1 line": lambda plan: Progressive(lines_per_agent=1.0),
    "progressive, 1.5 lines": lambda plan: Progressive(lines_per_agent=1.5),
    "progressive, 2 lines": lambda plan: Progressive(lines_per_agent=2.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PacingResult:
    """Means over the days; the worst half hour is that of all days. Rates and shares are 0 to 1."""

    pacing: str
    occupancy: float
    idle_s: float
    abandoned: float
    worst_half_hour: float
    persons_per_agent_hour: float
    placed: float


def compare_pacings(plan: FloorPlan, days: int) -> list[PacingResult]:
    """Each pacing on the same `days` of the floor. Raises BadInput for a floor that cannot be."""
    answered = plan.persons.most + plan.machines
    if answered + plan.busy + plan.failed > 1:
        mend = f"together at most {1 - plan.busy - plan.failed:.2f}: some numbers are busy or do not exist"
        raise BadInput("more calls are answered than are placed", where="persons, machines", mend=mend)
    asked = [(plan, name, seed) for name in PACINGS for seed in range(1, days + 1)]
    with ProcessPoolExecutor() as processes:
        found = list(processes.map(_day, asked))
    return [_means(name, [one for (_, whose, _), one in zip(asked, found, strict=True) if whose == name]) for name in PACINGS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What may be expected of one shift: the mean of many, and between what nine of ten of them are."""

    mean: PacingResult
    least: PacingResult
    most: PacingResult


def predict(plan: FloorPlan, pacing: str, lines_per_agent: float = 1.0, *, shifts: int = 20) -> Prediction:
    """A shift of this floor, simulated many times. `pacing` is "predictive" or "progressive"; others cannot be foretold.

    Raises BadInput.
    """
    if pacing == "predictive":
        make = PACINGS["predictive (cruise control)"]
    elif pacing == "progressive":
        make = partial(_progressive, lines_per_agent)
    else:
        raise BadInput(f"{pacing} cannot be simulated", where="pacing", mend="predictive or progressive")
    found = [_means(pacing, [simulate(plan, make(plan), seed)]) for seed in range(1, shifts + 1)]
    sides = {}
    for one in fields(PacingResult)[1:]:
        values = sorted(getattr(result, one.name) for result in found)
        sides[one.name] = (sum(values) / shifts, values[shifts // 20], values[-1 - shifts // 20])
    mean, least, most = (PacingResult(pacing=pacing, **{name: side[which] for name, side in sides.items()}) for which in range(3))
    return Prediction(mean=mean, least=least, most=most)


def length_of(text: str, where: str) -> Distribution:
    """Read "lognormal 120 0.9" (mean in seconds, coefficient of variation) or "exponential 45". Raises BadInput."""
    found = _LENGTH.fullmatch(" ".join(text.split()))
    try:
        mean, spread = (float(found[2]), float(found[3] or 0)) if found else (0.0, 0.0)
    except ValueError:
        mean = spread = 0.0
    if found is None or mean <= 0 or (found[1] == "lognormal") is not (spread > 0):
        raise BadInput(f"{text!r} is no length", where=where, mend='"lognormal 120 0.9" (mean and spread) or "exponential 45"')
    return Lognormal(mean, spread) if spread else Exponential(mean)


def share_of(text: str) -> Curve:
    """Read "0.25", or shares over the hours: "0:0.2, 2:0.35, 4:0.25". Raises BadInput."""
    points = []
    for part in text.split(","):
        hour, _, share = part.strip().rpartition(":")
        try:
            points.append((float(hour or 0) * HOUR_S, float(share)))
        except ValueError as exc:
            raise BadInput(f"{part!r} is no share", where="persons", mend='0.25, or "0:0.2, 2:0.35"') from exc
    if not all(0 < share <= 1 for _, share in points) or points != sorted(points, key=lambda one: one[0]):
        mend = "each above 0 and at most 1, the hours in order"
        raise BadInput(f"{text!r} are no shares of calls by the hour", where="persons", mend=mend)
    return Curve(tuple(points))


def _progressive(lines_per_agent: float, plan: FloorPlan) -> FloorPacer:
    return Progressive(lines_per_agent=lines_per_agent)


def _day(about: tuple[FloorPlan, str, int]) -> FloorResult:
    plan, name, seed = about
    return simulate(plan, PACINGS[name](plan), seed)


def _means(name: str, days: list[FloorResult]) -> PacingResult:
    count = len(days)
    return PacingResult(
        pacing=name,
        occupancy=sum(one.occupancy for one in days) / count,
        idle_s=sum(one.idle_s for one in days) / count,
        abandoned=sum(one.lost for one in days) / max(1, sum(one.live for one in days)),
        worst_half_hour=max(one.worst_half_hour for one in days),
        persons_per_agent_hour=sum(one.persons_per_agent_hour for one in days) / count,
        placed=sum(one.placed for one in days) / count,
    )
