"""Stop dialling ahead of the agents before the budget of abandoned calls, or of late ones, is used up or cannot be reckoned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from dialer.domain.service_level import NO_LEVEL, ServiceLevel
from dialer.pacing.floor import Fact, Floor
from dialer.pacing.progressive import Progressive
from dialer.pacing.steering import largest_loan

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


Guarded = TypeVar("Guarded", bound=FloorPacer)


def reason(pacer: FloorPacer) -> str:
    """Why a pacer decided as it did last."""
    return str(getattr(pacer, "because", "") or getattr(pacer, "outlook", ""))


class BudgetGuard(Generic[Guarded]):
    """Wraps a pacer that dials ahead. What it can do is lower: to one line for each agent who idles, and the reason is kept.

    A call beyond the idle agents is allowed only if the budget would hold even with everybody who waits now, and one more,
    abandoned. Early in a window, before 1/`cap` people have answered, that is never so: nobody is abandoned on credit.
    With `credit` the pacer keeps its own account of what it has borrowed from the rest of the window (`Steering`), and is
    stopped when it is ahead by twice what that grants at the most. A service `level` is held likewise, and never on credit:
    late is who has no agent within its seconds.
    """

    def __init__(self, pacer: Guarded, *, cap: float, credit: bool = False, level: ServiceLevel = NO_LEVEL) -> None:
        self.pacer, self.cap, self.credit, self.level = pacer, cap, credit, level
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
        loan = 2 * largest_loan(agents) if self.credit else 0.0
        if floor.abandoned + floor.waiting + 1 > self.cap * (floor.live + floor.waiting) + loan + _ROUNDING:
            used = f"{floor.abandoned:g} of {floor.live:g} abandoned, {floor.waiting} waiting"
            lent = f" and {loan:.0f} calls on credit" if self.credit else ""
            return f"{used}: one more could be over {self.cap:.1%}{lent}"
        share = self.level.late_share
        if self.level.is_asked and floor.late + floor.waiting + 1 > share * (floor.timed + floor.waiting) + _ROUNDING:
            used = f"{floor.late:g} of {floor.timed:g} late, {floor.waiting} waiting"
            return f"{used}: with one more the service level of {self.level} could be missed"
        return ""
