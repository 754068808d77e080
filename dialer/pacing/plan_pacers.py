"""The pacer of a campaign's plan, with the guards that the law needs around it: one for jobs, simulations and replays."""

from __future__ import annotations

from dialer.domain.live_answer import WINDOWS, wait_s
from dialer.domain.pacing_plan import EcrWatch, ExpertRatio, Pacing, PacingKind, PredictiveStyle
from dialer.domain.service_level import NO_LEVEL, ServiceLevel
from dialer.pacing.budget_guard import AIM, BudgetGuard, FloorPacer
from dialer.pacing.calling_ratio import ExpertCallingRatio, RatioBasis
from dialer.pacing.inbound import InboundFirst, thresholds_of
from dialer.pacing.late_rings import LateRings
from dialer.pacing.predictive import Cruise, CruiseControl
from dialer.pacing.preview import Preview
from dialer.pacing.progressive import Progressive

LONGEST_S = 30 * 86_400.0
_BASES = {EcrWatch.WORK_TIME: RatioBasis.WORK_TIME, EcrWatch.UPDATE_TIME: RatioBasis.UPDATE_TIME}


def pacer_of(plan: Pacing, *, detected: bool) -> FloorPacer:
    """What a job runs. `detected`: a detector listens before a person can have an agent."""
    cap = plan.budget.percent / 100
    length = WINDOWS[plan.budget.window]
    window_s = LONGEST_S if length is None else length.total_seconds()
    max_wait_s = wait_s(plan.budget, detected=detected)
    match plan.kind:
        case PacingKind.PREVIEW | PacingKind.MANUAL:
            return Preview()
        case PacingKind.PROGRESSIVE:
            pacer = so_many_lines(plan.lines_per_agent, cap=cap, level=plan.level)
        case PacingKind.PREDICTIVE if plan.style is PredictiveStyle.EXPERT_CALLING_RATIO:
            pacer = calling_ratio(plan.ratio, cap=cap, level=plan.level)
        case _:
            credit, level = plan.budget.credit, plan.level
            pacer = guarded_cruise(cap=cap, max_wait_s=max_wait_s, window_s=window_s, credit=credit, level=level)
    pacer = InboundFirst(pacer, thresholds_of(plan.inbound))
    return giving_up(pacer, plan.least_ring_s, cap=cap, max_wait_s=max_wait_s, window_s=window_s)


def giving_up(pacer: FloorPacer, least_ring_s: float | None, *, cap: float, max_wait_s: float, window_s: float) -> FloorPacer:
    """A pacer that also gives up late rings, when agents run short; None = never."""
    if least_ring_s is None:
        return pacer
    return LateRings(pacer, Cruise(CruiseControl(cap=cap, max_wait_s=max_wait_s, window_s=window_s)), least_s=least_ring_s)


def so_many_lines(lines_per_agent: float, *, cap: float, level: ServiceLevel = NO_LEVEL) -> FloorPacer:
    """Lines for each agent who idles. One each abandons nobody, and needs no guard."""
    pacer = Progressive(lines_per_agent=lines_per_agent)
    return pacer if lines_per_agent <= 1 else BudgetGuard(pacer, cap=cap, level=level)


def calling_ratio(ratio: ExpertRatio, *, cap: float, level: ServiceLevel = NO_LEVEL) -> FloorPacer:
    """An expert calling ratio with its knobs."""
    pacer = ExpertCallingRatio(
        basis=_BASES[ratio.watch],
        initial_hit_rate=ratio.first_hit_rate,
        least_hit_rate=ratio.least_hit_rate,
        most_hit_rate=ratio.most_hit_rate,
        samples=ratio.samples,
        cap=cap,
    )
    return BudgetGuard(pacer, cap=cap, level=level)


def guarded_cruise(
    *, cap: float, max_wait_s: float, window_s: float, credit: bool = False, level: ServiceLevel = NO_LEVEL
) -> BudgetGuard[Cruise]:
    """Cruise control under its guard. Without `credit` it aims a bit below what the guard holds; with it, it steers by itself to
    the end of the window, and the guard stands behind it.
    """
    aim = cap if credit else AIM * cap
    control = CruiseControl(cap=aim, max_wait_s=max_wait_s, window_s=window_s, level=level, braced=not credit)
    return BudgetGuard(Cruise(control), cap=cap, credit=credit, level=level)
