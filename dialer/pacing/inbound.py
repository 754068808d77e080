"""Slow down when callers of their own wait for the same agents: by how many wait, or by how long the first has waited."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from dialer.pacing.budget_guard import FloorPacer, reason
from dialer.pacing.floor import Fact, Floor


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundThreshold:
    """From so many callers in the queue on, only this share of the calls is placed that would be placed without them."""

    waiting: int
    share: float  # 0 to 1; 0 = none


LOW, MEDIUM, HIGH = (
    InboundThreshold(waiting=1, share=0.75),
    InboundThreshold(waiting=3, share=0.5),
    InboundThreshold(waiting=6, share=0.0),
)


@dataclass(slots=True)
class InboundFirst:
    """Wraps a pacer of a floor that also takes calls; the strictest threshold that is reached holds."""

    pacer: FloorPacer
    thresholds: Sequence[InboundThreshold] = (LOW, MEDIUM, HIGH)
    because: str = field(default="")

    def learn(self, facts: Sequence[Fact]) -> None:
        """What has happened since the last decision."""
        self.pacer.learn(facts)

    def calls(self, floor: Floor) -> int:
        """The pacer's calls, lowered."""
        wanted = self.pacer.calls(floor)
        self.because = reason(self.pacer)
        reached = [one.share for one in self.thresholds if floor.inbound_waiting >= one.waiting]
        if not reached or wanted <= 0:
            return wanted
        lowered = math.floor(wanted * min(reached))
        self.because = f"{floor.inbound_waiting} callers wait: {min(reached):.0%} of {wanted} calls"
        return lowered
