"""What an agent did with the time at work, reckoned from the changes of state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from dialer.domain.agent import AgentState

WORK = frozenset(
    {
        AgentState.PREVIEW,
        AgentState.TALKING,
        AgentState.HELD,
        AgentState.CONSULT,
        AgentState.CONFERENCE,
        AgentState.WRAP_UP,
    }
)
"""In these states an agent is at work on a contact."""

WAITING = frozenset({AgentState.READY, AgentState.DIALLING})
"""In these the agent waits for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTimes:
    """Seconds in each state in a stretch of time, and what came of them."""

    login: str
    seconds: Mapping[AgentState, float] = field(default_factory=dict)
    codes: Mapping[str, int] = field(default_factory=dict)  # how the agent's attempts ended

    @property
    def contacts(self) -> int:
        """Attempts that the agent had and that have ended."""
        return sum(self.codes.values())

    @property
    def logged_in_s(self) -> float:
        """Seconds at the desk, rests included."""
        return sum(seconds for state, seconds in self.seconds.items() if state is not AgentState.LOGGED_OUT)

    @property
    def occupancy(self) -> float | None:
        """Work by work and waiting, 0 to 1; rests do not count. None before there was either."""
        work = sum(self.seconds.get(state, 0.0) for state in WORK)
        waited = sum(self.seconds.get(state, 0.0) for state in WAITING)
        return work / (work + waited) if work + waited else None


def seconds_in_states(
    first: AgentState, changes: Sequence[tuple[datetime, AgentState]], since: datetime, until: datetime
) -> dict[AgentState, float]:
    """Seconds in each state between two moments: `first` at `since`, then the changes in their order."""
    found: dict[AgentState, float] = {}
    state, at = first, since
    for moment, following in [*changes, (until, first)]:
        passed = (min(moment, until) - at).total_seconds()
        if passed > 0:
            found[state] = found.get(state, 0.0) + passed
            at = min(moment, until)
        state = following
    return found
