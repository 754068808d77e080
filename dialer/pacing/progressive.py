"""Dial for agents who are free: so many lines for each, and no more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dialer.pacing.floor import Fact, Floor


@dataclass(slots=True, kw_only=True)
class Progressive:
    """`lines_per_agent` calls for each agent who idles. With 1 nobody who answers is without an agent."""

    lines_per_agent: float = 1.0
    because: str = ""

    def learn(self, facts: Sequence[Fact]) -> None:
        """Nothing: the ratio is the operator's."""

    def calls(self, floor: Floor) -> int:
        """Lines for those who idle, less the calls that are out."""
        free = floor.idle - floor.waiting - floor.inbound_waiting
        out = len(floor.ringing_s) + len(floor.detecting)
        self.because = f"{free} idle, {self.lines_per_agent:g} lines for each, {out} calls out"
        return max(0, math.floor(free * self.lines_per_agent) - out)
