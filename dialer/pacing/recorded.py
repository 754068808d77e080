"""A recorded day of a floor as a plan of the simulator: its calls, talks and shifts, for another pacing to be tried on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from dialer.pacing.distributions import Curve, Distribution, Lognormal
from dialer.pacing.floor_plan import Detector, FloorPlan

BUCKET_S = 1800.0  # the share of persons is taken for as long
FEW = 20  # calls of a bucket, or durations, below which nothing is read from them


class CallEnd(StrEnum):
    """What became of a recorded call."""

    PERSON = "person"
    MACHINE = "machine"
    BUSY = "busy"
    FAILED = "failed"
    NO_ANSWER = "no_answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCall:
    """Seconds: `at_s` from the day's beginning to the order, `rang_s` from the order to the answer or the end."""

    at_s: float
    rang_s: float
    end: CallEnd
    detected_s: float | None = None  # until the detector's verdict; None = nobody listened


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedDay:
    """What is on record of one run of a campaign with agents."""

    length_s: float
    calls: Sequence[RecordedCall]
    talks_s: Sequence[float]
    wraps_s: Sequence[float]
    shifts: Sequence[tuple[float, float]]  # of each agent, from and until
    breaks: Sequence[tuple[int, float, float]] = ()  # agent, from, for


@dataclass(frozen=True, slots=True)
class Recorded:
    """Lengths as they were: one of them, drawn by chance."""

    lengths: tuple[float, ...]

    def draw(self, chance: np.random.Generator) -> float:
        """Seconds."""
        return self.lengths[int(chance.integers(len(self.lengths)))]


def plan_of(day: RecordedDay, *, cap: float, threshold_s: float = 2.0) -> FloorPlan:
    """The day as a plan. What was hardly seen is as in the simulator's own plan."""
    own, calls = FloorPlan(), day.calls
    count = max(1, len(calls))
    share = {end: sum(one.end is end for one in calls) / count for end in CallEnd}
    rings = {end: [one.rang_s for one in calls if one.end is end] for end in CallEnd}
    timeouts = rings[CallEnd.NO_ANSWER]
    detected = [one.detected_s for one in calls if one.detected_s is not None]
    fails = [*rings[CallEnd.BUSY], *rings[CallEnd.FAILED]]
    return FloorPlan(
        name="recorded",
        hours=day.length_s / 3600.0,
        agents=len(day.shifts),
        persons=_persons(day, 1.0 - share[CallEnd.MACHINE] - share[CallEnd.BUSY] - share[CallEnd.FAILED]),
        machines=share[CallEnd.MACHINE],
        busy=share[CallEnd.BUSY],
        failed=share[CallEnd.FAILED],
        dialling=Recorded((0.0,)),  # is in the ringing
        person_rings=_seen(rings[CallEnd.PERSON], own.person_rings),
        machine_rings=_seen(rings[CallEnd.MACHINE], own.machine_rings),
        fails_after=_seen(fails, own.fails_after),
        ring_timeout_s=float(np.median(timeouts)) if len(timeouts) >= FEW else own.ring_timeout_s,
        detector=Detector(person=_seen(detected, Detector().person)) if detected else None,
        greeting_s=0.0 if not detected else own.greeting_s,
        legal_wait_s=threshold_s,
        talk=_seen(day.talks_s, own.talk),
        wrap=_seen(day.wraps_s, own.wrap),
        shifts=tuple(day.shifts),
        breaks=tuple(day.breaks),
        cap=cap,
    )


def _seen(lengths: Sequence[float], otherwise: Distribution) -> Distribution:
    kept = tuple(one for one in lengths if one > 0)
    if len(kept) >= FEW:
        return Recorded(kept)
    return Lognormal(float(np.mean(kept)), 0.7) if kept else otherwise


def _persons(day: RecordedDay, most: float) -> Curve:
    """The share of calls that a person answered, half hour by half hour."""
    whole = sum(one.end is CallEnd.PERSON for one in day.calls) / max(1, len(day.calls))
    points: list[tuple[float, float]] = []
    begins = 0.0
    while begins < max(day.length_s, 1.0):
        inside = [one for one in day.calls if begins <= one.at_s < begins + BUCKET_S]
        share = sum(one.end is CallEnd.PERSON for one in inside) / len(inside) if len(inside) >= FEW else whole
        points.append((begins, min(share, most)))
        points.append((min(begins + BUCKET_S, max(day.length_s, 1.0)), min(share, most)))
        begins += BUCKET_S
    return Curve(tuple(points))
