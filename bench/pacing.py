"""The shipped predictive pacer against rules that others publish, on thirteen floors, in the product's own simulator."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial

from bench.pacing_peers import DialLevel, ErlangService, LinesPerAgent
from dialer.pacing.budget_guard import FloorPacer
from dialer.pacing.distributions import Bell, Curve, Exponential, Lognormal, Mixture, steady
from dialer.pacing.floor_plan import FloorPlan, FloorResult
from dialer.pacing.plan_pacers import guarded_cruise
from dialer.pacing.progressive import Progressive
from dialer.pacing.simulator import simulate

HOUR_S = 3600.0
OURS = ("outdial", "outdial strict")  # on credit within the day, and without
PACERS = (*OURS, "progressive", "ratio 2", "lines per agent", "dial level", "erlang service")
MIXED_TALK = Mixture(((0.4, Lognormal(14.0, 0.4)), (0.6, Lognormal(280.0, 0.5))))


def _staggered(agents: int, hours: float) -> tuple[tuple[float, float], ...]:
    end = hours * HOUR_S
    return tuple((at * 180.0, end - (agents - at) * 150.0) for at in range(agents))


FLOORS = (
    FloorPlan(name="3 agents", agents=3, hours=6.0),
    FloorPlan(name="8 agents", agents=8, hours=5.0, persons=steady(0.3)),
    FloorPlan(name="20 agents", agents=20),
    FloorPlan(name="60 agents, few lines", agents=60, hours=2.0, lines=105, cps=4.0),
    FloorPlan(name="200 agents", agents=200, hours=1.5),
    FloorPlan(name="few answers", agents=20, persons=steady(0.09), machines=0.4, failed=0.14),
    FloorPlan(name="many answers", agents=20, persons=steady(0.5), machines=0.15, person_rings=Lognormal(8.0, 0.5)),
    FloorPlan(name="short talks", agents=20, talk=Exponential(50.0), wrap=Exponential(9.0)),
    FloorPlan(name="short or long talks", agents=20, talk=MIXED_TALK),
    FloorPlan(
        name="shocks", agents=100, hours=2.0, persons=Curve(((0, 0.16), (2400, 0.16), (2400, 0.42), (4800, 0.42), (4800, 0.12)))
    ),
    FloorPlan(
        name="shifts and breaks",
        agents=20,
        hours=5.0,
        persons=Curve(((0, 0.15), (6000, 0.34), (12000, 0.2), (18000, 0.36))),
        shifts=_staggered(20, 5.0),
        break_chance=0.015,
    ),
    FloorPlan(name="callers of their own", agents=25, inbound=Curve(((0, 0.03), (7200, 0.08), (14400, 0.03)))),
    FloorPlan(name="no detector", agents=20, detector=None, machines=0.22, machine_rings=Bell(19.0, 4.0, 2.0, 40.0)),
)


def pacer(name: str, plan: FloorPlan) -> FloorPacer:
    """A fresh one."""
    cruise = partial(guarded_cruise, cap=plan.cap, max_wait_s=plan.max_wait_s, window_s=plan.hours * HOUR_S)
    makers: dict[str, Callable[[], FloorPacer]] = {
        "outdial": partial(cruise, credit=True),
        "outdial strict": cruise,
        "progressive": lambda: Progressive(lines_per_agent=1.0),
        "ratio 2": lambda: Progressive(lines_per_agent=2.0),
        "lines per agent": lambda: LinesPerAgent(cap=plan.cap),
        "dial level": lambda: DialLevel(cap=plan.cap),
        "erlang service": ErlangService,
    }
    return makers[name]()


def day(about: tuple[FloorPlan, str, int]) -> FloorResult:
    """One floor, one pacer, one seed."""
    plan, name, seed = about
    return simulate(plan, pacer(name, plan), seed)


def main() -> None:
    """One day of each, or as many as BENCH_SEEDS says, on all cores or BENCH_JOBS; BENCH_HOURS shortens the days."""
    seeds, hours = int(os.environ.get("BENCH_SEEDS", "1")), float(os.environ.get("BENCH_HOURS", "0"))
    floors = [replace(one, hours=hours) if hours else one for one in FLOORS]
    days = [(plan, name, seed + 1) for plan in floors for name in PACERS for seed in range(seeds)]
    found: dict[str, dict[str, dict[str, float]]] = {}
    with ProcessPoolExecutor(int(os.environ.get("BENCH_JOBS", "0")) or None) as processes:
        results = dict(zip([(plan.name, name, seed) for plan, name, seed in days], processes.map(day, days), strict=True))
    for plan in floors:
        for name in PACERS:
            mine = [results[plan.name, name, seed + 1] for seed in range(seeds)]
            found.setdefault(plan.name, {})[name] = {
                "occupancy": round(sum(one.occupancy for one in mine) / seeds, 4),
                "abandoned": round(sum(one.lost for one in mine) / max(1, sum(one.live for one in mine)), 4),
                "worst_half_hour": round(max(one.worst_half_hour for one in mine), 4),
                "ms_per_decision": round(max(one.ms_per_decision for one in mine), 3),
                "ms_p99": round(max(one.ms_p99 for one in mine), 3),
            }
    _tell(found)
    print(json.dumps({"bench": "pacing", "floors": found}))


def _tell(found: dict[str, dict[str, dict[str, float]]]) -> None:
    """The table that people read: ours, and the best of the others that keeps to the law."""
    print(
        "| floor | occupancy | abandoned | worst ½ h | strict | abandoned | best other within 3 % | ms mean | ms p99 |\n"
        "|---|---|---|---|---|---|---|---|---|"
    )
    for floor, rows in found.items():
        ours, strict = (rows[name] for name in OURS)
        legal = {name: row for name, row in rows.items() if name not in OURS and row["abandoned"] <= 0.03}
        occupancy, best = max(((row["occupancy"], name) for name, row in legal.items()), default=(0.0, "none"))
        print(
            f"| {floor} | {ours['occupancy']:.1%} | {ours['abandoned']:.2%} | {ours['worst_half_hour']:.1%} | "
            f"{strict['occupancy']:.1%} | {strict['abandoned']:.2%} | {occupancy:.1%} {best} | "
            f"{ours['ms_per_decision']:.2f} | {ours['ms_p99']:.2f} |"
        )


if __name__ == "__main__":
    main()
