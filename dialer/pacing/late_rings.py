"""Give up calls that have rung long enough when agents run short: before a person answers and finds nobody."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from dialer.domain.pacing_plan import LEAST_RING_S
from dialer.pacing.budget_guard import LATE_S, FloorPacer, reason
from dialer.pacing.crowd import Crowd, Floats
from dialer.pacing.floor import Fact, Floor
from dialer.pacing.predictive import PATIENCE, Cruise, cruise_of

SOON_S = np.array([1.0, 3.0, 6.0])  # from now: when a call that has rung for long is answered, if it ever is
MOST_RISK = 0.5  # who answers more probably finds somebody: nothing is given up, far as that is above the budget's risk


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Which calls are given up, and why. `risk` is that of the first of them."""

    calls: tuple[Hashable, ...] = ()
    risk: float = 0.0
    limit: float = 0.0
    least_s: float = LEAST_RING_S

    @property
    def because(self) -> str:
        """In words; "" where none are."""
        if not self.calls:
            return ""
        many = f"{len(self.calls)} call{'' if len(self.calls) == 1 else 's'} that rang for {self.least_s:g} s or longer given up"
        return f"{many}: agents ran short, who answered next would find nobody at {self.risk:.0%}, more than {self.limit:.0%}"


NONE = GivenUp()


class LateRings:
    """Wraps a pacer of a floor: what it places is as it was, and `late` are the calls to be hung up at this look.

    Never one that has rung for less than `least_s` as the network told it, never while an agent idles, and never more than it
    takes: the next to go is the one that is most likely to be answered, and it goes only if whoever answers it would find nobody
    more probably than somebody, reckoned with all others that still ring. Calls are placed at a risk of a few percent, so that
    what was placed a moment ago is not given up by chance. Raises ValueError for less than the law's 15 seconds.
    """

    def __init__(self, pacer: FloorPacer, forecast: Cruise, *, least_s: float = LEAST_RING_S) -> None:
        """`forecast`: watches the floor where the pacer itself forecasts nothing."""
        if not least_s >= LEAST_RING_S:
            raise ValueError(f"a call rings for at least {LEAST_RING_S:g} s, not {least_s:g}")
        self.pacer, self.least_s = pacer, least_s
        self.late, self.because = NONE, ""
        own = cruise_of(pacer)
        self._forecast, self._watches = (forecast, True) if own is None else (own, False)

    def learn(self, facts: Sequence[Fact]) -> None:
        """What has happened since the last decision."""
        self.pacer.learn(facts)
        if self._watches:
            self._forecast.learn(facts)

    def calls(self, floor: Floor) -> int:
        """The pacer's calls; `late` is known after it."""
        wanted = self.pacer.calls(floor)
        if self._watches:
            self._forecast.calls(floor)
        self.late = given_up(floor, self._forecast, least_s=self.least_s)
        self.because = "; ".join(one for one in (self.late.because, reason(self.pacer)) if one)
        return wanted


def late_of(pacer: object) -> GivenUp:
    """What a pacer gives up at this look; nothing where it never does."""
    return pacer.late if isinstance(pacer, LateRings) else NONE


def given_up(floor: Floor, forecast: Cruise, *, least_s: float) -> GivenUp:
    """The calls to be given up at this moment, by what the forecast has learned until its last look."""
    rings = floor.rings
    late = [at for at, ring in enumerate(rings) if ring.rung_s >= max(least_s, LEAST_RING_S)]
    room = floor.idle - floor.waiting - floor.inbound_waiting
    if not late or floor.idle > 0 or floor.behind_s > LATE_S:
        return NONE
    limit = max(MOST_RISK, forecast.control.cap)  # a budget of 100 % is one that nothing has to be given up for
    memory, calls = forecast.memory, forecast.memory.calls
    needed_at = SOON_S + calls.detection_s + PATIENCE * forecast.control.max_wait_s
    answers = calls.within(np.array([ring.ordered_s for ring in rings], dtype=np.float64), SOON_S)
    detecting = np.asarray(floor.detecting, dtype=np.float64).reshape(-1, 2)
    known = np.repeat(calls.is_person(detecting[:, 0], detecting[:, 1])[:, None], len(SOON_S), axis=1)
    frees = np.concatenate(
        (
            memory.service.free_after_talk(np.asarray(floor.talking_s, dtype=np.float64), needed_at),
            memory.service.free_after_wrap(np.asarray(floor.wrapping_s, dtype=np.float64), needed_at),
        )
    )
    arrivals = memory.inbound_per_s * needed_at
    stays = np.ones(len(rings), dtype=np.bool_)
    gone: list[Hashable] = []
    first = 0.0
    for at in sorted(late, key=lambda one: (-answers[one, -1], -rings[one].rung_s)):
        stays[at] = False
        others = np.concatenate((answers[stays], known))
        risk = _finds_nobody(answers[at], others, frees, arrivals, room)
        if risk <= limit:
            break
        gone.append(rings[at].call)
        first = first or risk
    return GivenUp(tuple(gone), first, limit, least_s) if gone else NONE


def _finds_nobody(mine: Floats, others: Floats, frees: Floats, arrivals: Floats, room: int) -> float:
    """P(a person who answers this call finds nobody | it is answered soon)."""
    when = np.diff(mine, prepend=0.0)
    weights = when / when.sum() if when.sum() > 0 else np.full(len(mine), 1 / len(mine))
    return Crowd(others, frees, arrivals, np.zeros(len(mine)), weights).exceeds(room, 0)
