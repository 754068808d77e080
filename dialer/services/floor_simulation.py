"""Compare pacings on a simulated floor: the same days for each of them, on all cores."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import accumulate

from dialer.domain.pacing_plan import Pacing, PacingKind, PredictiveStyle
from dialer.domain.service_level import NO_LEVEL, ServiceLevel
from dialer.errors import BadInput
from dialer.pacing.budget_guard import FloorPacer
from dialer.pacing.floor_plan import FloorPlan, FloorResult
from dialer.pacing.inbound import InboundFirst, thresholds_of
from dialer.pacing.plan_pacers import calling_ratio, giving_up, guarded_cruise, so_many_lines
from dialer.pacing.progressive import Progressive
from dialer.pacing.simulator import simulate

HOUR_S = 3600.0
CRUISE = "predictive (cruise control)"
ON_CREDIT = "cruise control on credit"
RATIO = "predictive (expert calling ratio)"


@dataclass(frozen=True, slots=True, kw_only=True)
class PacingResult:
    """Means over the days; the worst half hour is that of all days. Rates and shares are 0 to 1."""

    pacing: str
    occupancy: float
    idle_s: float
    abandoned: float
    worst_half_hour: float
    persons_per_agent_hour: float
    placed_per_agent_hour: float
    placed: float
    waited: float  # of the persons, the share who found no agent free
    wait_p99_s: float  # that one in a hundred of those who got an agent exceeded
    given_up: float  # of the calls placed, the share of late rings, when agents ran short
    agent_hours: float  # of all days together
    occupancy_curve: tuple[float | None, ...]  # over the day, in equal parts; None = nobody was logged in
    abandoned_curve: tuple[float, ...]  # of all answers until then


def compare_pacings(plan: FloorPlan, days: int, *, first_seed: int = 1, campaign: Pacing | None = None) -> list[PacingResult]:
    """Each pacing on the same `days` of the floor, that of a campaign among them, and cruise control with the plan's level
    where it has one. Raises BadInput for a floor that cannot be.
    """
    answered = plan.persons.most + plan.machines
    if answered + plan.busy + plan.failed > 1:
        mend = f"together at most {1 - plan.busy - plan.failed:.2f}: some numbers are busy or do not exist"
        raise BadInput("more calls are answered than are placed", where="persons, machines", mend=mend)
    names = list(_makers(plan, campaign))
    asked = [(plan, campaign, name, seed) for name in names for seed in range(first_seed, first_seed + days)]
    with ProcessPoolExecutor() as processes:
        found = list(processes.map(_day, asked))
    return [_means(name, [one for (_, _, whose, _), one in zip(asked, found, strict=True) if whose == name]) for name in names]


def _makers(plan: FloorPlan, campaign: Pacing | None) -> dict[str, Callable[[], FloorPacer]]:
    """How to make each pacing anew; the campaign's own first, as a job would run it."""
    pacing = campaign or Pacing()
    asked = NO_LEVEL if campaign is None else plan.level  # others show what a floor without it does
    cruise = partial(guarded_cruise, cap=plan.cap, max_wait_s=plan.max_wait_s, window_s=plan.hours * HOUR_S)
    makers: dict[str, Callable[[], FloorPacer]] = {
        CRUISE: cruise,
        ON_CREDIT: partial(cruise, credit=True),
        RATIO: partial(calling_ratio, pacing.ratio, cap=plan.cap, level=asked),
    }
    if plan.level.is_asked:
        makers[with_level(plan.level)] = partial(cruise, credit=pacing.budget.credit, level=plan.level)
    for lines in sorted({1.0, 1.5, 2.0, pacing.lines_per_agent}):
        makers[_progressive(lines)] = partial(Progressive, lines_per_agent=lines)
    if campaign is None:
        return makers
    match campaign.kind, campaign.style:
        case PacingKind.PROGRESSIVE, _:
            own = _progressive(campaign.lines_per_agent)
            makers[own] = partial(so_many_lines, campaign.lines_per_agent, cap=plan.cap, level=asked)
        case PacingKind.PREDICTIVE, PredictiveStyle.EXPERT_CALLING_RATIO:
            own = RATIO
        case PacingKind.PREDICTIVE, _ if plan.level.is_asked:
            own = with_level(plan.level)
        case PacingKind.PREDICTIVE, _:
            own = ON_CREDIT if campaign.budget.credit else CRUISE
        case kind, _:
            raise BadInput(f"a campaign with {kind.value} pacing does not dial for agents", where="campaign", mend="another one")
    return {own: makers.pop(own), **makers}


def with_level(level: ServiceLevel) -> str:
    """What cruise control with a service level is called."""
    return f"cruise control, {level}"


def _progressive(lines: float) -> str:
    return f"progressive, {lines:g} line{'' if lines == 1 else 's'}"


def _day(about: tuple[FloorPlan, Pacing | None, str, int]) -> FloorResult:
    plan, campaign, name, seed = about
    pacer = _makers(plan, campaign)[name]()
    if plan.inbound.most > 0:
        pacer = InboundFirst(pacer, thresholds_of((campaign or Pacing()).inbound))
    least_s = (campaign or Pacing()).least_ring_s
    window_s = plan.hours * HOUR_S
    return simulate(plan, giving_up(pacer, least_s, cap=plan.cap, max_wait_s=plan.max_wait_s, window_s=window_s), seed)


def _means(name: str, days: list[FloorResult]) -> PacingResult:
    count, hours = len(days), sum(one.agent_hours for one in days)
    slices = list(zip(*(one.slices for one in days), strict=True))
    live = list(accumulate(sum(one.live for one in part) for part in slices))
    lost = list(accumulate(sum(one.lost for one in part) for part in slices))
    seen = [[one.occupancy for one in part if one.occupancy is not None] for part in slices]
    return PacingResult(
        pacing=name,
        occupancy=sum(one.occupancy for one in days) / count,
        idle_s=sum(one.idle_s for one in days) / count,
        abandoned=sum(one.lost for one in days) / max(1, sum(one.live for one in days)),
        worst_half_hour=max(one.worst_half_hour for one in days),
        persons_per_agent_hour=sum(one.persons_per_agent_hour for one in days) / count,
        placed_per_agent_hour=sum(one.placed for one in days) / hours if hours else 0.0,
        placed=sum(one.placed for one in days) / count,
        waited=sum(one.waited * one.live for one in days) / max(1, sum(one.live for one in days)),
        wait_p99_s=sum(one.wait_p99_s for one in days) / count,
        given_up=sum(one.given_up for one in days) / max(1, sum(one.placed for one in days)),
        agent_hours=hours,
        occupancy_curve=tuple(sum(part) / len(part) if part else None for part in seen),
        abandoned_curve=tuple(gone / max(1, all_) for gone, all_ in zip(lost, live, strict=True)),
    )
