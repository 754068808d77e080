"""Slow down when callers of their own wait for the same agents: by how many wait, or by how long the first has waited."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from dialer.domain.inbound_plan import InboundPlan
from dialer.pacing.budget_guard import FloorPacer, reason
from dialer.pacing.floor import Fact, Floor
from dialer.pacing.progressive import Progressive

SHARES = (0.75, 0.5, 0.0)  # of the calls, from the first, second and third threshold on


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundThreshold:
    """From so many callers in the queue on, or from so long a wait, only this share of the calls is placed."""

    waiting: int | None = None
    longest_s: float | None = None
    share: float  # of what would be placed without callers, 0 to 1; 0 = none

    def is_reached(self, floor: Floor) -> bool:
        """Whether it holds now."""
        many = self.waiting is not None and floor.inbound_waiting >= self.waiting
        late = self.longest_s is not None and floor.inbound_waiting > 0 and floor.inbound_longest_s >= self.longest_s
        return many or late


def thresholds_of(plan: InboundPlan) -> Sequence[InboundThreshold]:
    """Those of a campaign."""
    numbers = [InboundThreshold(waiting=one, share=share) for one, share in zip(plan.levels, SHARES, strict=False)]
    waits = [InboundThreshold(longest_s=one, share=share) for one, share in zip(plan.waits_s, SHARES, strict=False)]
    return (*numbers, *waits)


@dataclass(slots=True)
class InboundFirst:
    """Wraps a pacer of a floor that also takes calls; the strictest threshold that is reached holds.

    While nobody knows how many wait, nobody is called ahead of the agents: one line for each who idles.
    """

    pacer: FloorPacer
    thresholds: Sequence[InboundThreshold] = field(default_factory=lambda: thresholds_of(InboundPlan()))
    because: str = field(default="")
    _one_by_one: Progressive = field(default_factory=Progressive)

    def learn(self, facts: Sequence[Fact]) -> None:
        """What has happened since the last decision."""
        self.pacer.learn(facts)

    def calls(self, floor: Floor) -> int:
        """The pacer's calls, lowered."""
        wanted = self.pacer.calls(floor)
        self.because = reason(self.pacer)
        if floor.inbound_unknown:
            wanted = min(wanted, self._one_by_one.calls(floor))
            self.because = f"progressive: who waits is not known ({floor.inbound_unknown})"
        if not floor.inbound_waiting:
            return wanted
        reached = [one.share for one in self.thresholds if one.is_reached(floor)]
        where = f" in {floor.inbound_where}" if floor.inbound_where else ""
        first = f", the first for {floor.inbound_longest_s:.0f} s" if any(one.longest_s for one in self.thresholds) else ""
        callers = f"{floor.inbound_waiting} callers wait{where}{first}"
        if not reached or wanted <= 0:
            self.because = f"{callers}; {self.because}"
            return wanted
        self.because = f"{callers}: {min(reached):.0%} of {wanted} calls"
        return math.floor(wanted * min(reached))
