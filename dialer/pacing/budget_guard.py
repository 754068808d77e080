"""Stop dialling ahead of the agents before the law's budget of abandoned calls is used up, and when nobody can reckon it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from dialer.pacing.floor import Fact, Floor
from dialer.pacing.progressive import Progressive

FEW_AGENTS = 3  # with fewer, one wrong guess in a day is the whole budget
LATE_S = 2.0  # a picture of the floor that is older than what the law gives a person is no picture
AIM = 0.8  # of the cap is what a pacer under the guard aims at: what it is beside that, chance takes
_ROUNDING = 1e-9


class FloorPacer(Protocol):
    """Decides how many calls to place, from what is seen of a floor."""

    def learn(self, facts: Sequence[Fact]) -> None:
        """What has happened since the last decision."""

    def calls(self, floor: Floor) -> int:
        """How many calls to place now."""


def reason(pacer: FloorPacer) -> str:
    """Why a pacer decided as it did last."""
    return str(getattr(pacer, "because", "") or getattr(pacer, "outlook", ""))


class BudgetGuard:
    """Wraps a pacer that dials ahead. What it can do is lower: to one line for each agent who idles, and the reason is kept.

    A call beyond the idle agents is allowed only if the budget would hold even with everybody who waits now, and one more,
    abandoned. Early in a window, before 1/`cap` people have answered, that is never so: nobody is abandoned on credit.
    """

    def __init__(self, pacer: FloorPacer, *, cap: float) -> None:
        self.pacer, self.cap = pacer, cap
        self.because = ""
        self._one_by_one = Progressive(lines_per_agent=1.0)

    def learn(self, facts: Sequence[Fact]) -> None:
        """What has happened since the last decision; the pacer learns also while it is held back."""
        self.pacer.learn(facts)

    def calls(self, floor: Floor) -> int:
        """How many calls to place now; `because` says why."""
        wanted = self.pacer.calls(floor)
        agents = floor.idle + len(floor.talking_s) + len(floor.wrapping_s)
        if not agents:
            self.because = "no agent is there"
            return 0
        held = self.holds(floor, agents)
        if not held:
            self.because = reason(self.pacer)
            return wanted
        self.because = f"progressive: {held}"
        return self._one_by_one.calls(floor)

    def holds(self, floor: Floor, agents: int) -> str:
        """Why nobody may be called ahead of the agents at this moment; "" = they may."""
        if floor.behind_s > LATE_S:
            return f"what the switch tells is {floor.behind_s:.1f} s late"
        if agents < FEW_AGENTS:
            return f"{agents} agents are too few to dial ahead"
        if floor.abandoned + floor.waiting + 1 > self.cap * (floor.live + floor.waiting) + _ROUNDING:
            used = f"{floor.abandoned:g} of {floor.live:g} abandoned, {floor.waiting} waiting"
            return f"{used}: one more could be over {self.cap:.1%}"
        return ""
