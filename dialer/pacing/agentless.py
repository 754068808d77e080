"""Dial at a steady pace for a job that needs no agents: so many calls per second, minute or hour, on so many ports."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

from dialer.pacing.snapshot import Decision, Memory, Snapshot

BURST_S = 1.0  # how much of the pace may be saved up: a pause of the dialer is not made good by a volley of calls
LATE_S = 0.5  # a look that comes so much too late makes no call late but its own: what it was late by is kept
_ROUNDING = 1e-9
_LESS_THAN_A_CALL = 0.999


@dataclass(frozen=True, slots=True, kw_only=True)
class Agentless:
    """`calls_per_s` on at most `max_ports` calls at once; below `min_ports` calls it fills up without waiting for the pace."""

    calls_per_s: float
    min_ports: int = 0
    max_ports: int

    def decide(self, seen: Snapshot, memory: Memory) -> Decision:
        """How many calls to place now. Fractions of a call are carried over, so that any pace is kept on average."""
        earned = self._earned(seen, memory)
        by_pace = min(floor(earned.credit + _ROUNDING), floor(self._volley()))
        by_floor = self.min_ports - seen.in_flight
        wanted, because = by_pace, f"pace {self.calls_per_s:g}/s"
        if by_floor > wanted:
            wanted, because = by_floor, f"{seen.in_flight} of at least {self.min_ports} ports in use"
        free = self.max_ports - seen.in_flight
        if wanted > 0 and free < wanted:
            wanted, because = free, f"{seen.in_flight} of {self.max_ports} ports in use"
        if wanted > 0 and seen.due is not None and seen.due < wanted:
            wanted, because = seen.due, f"{seen.due} contacts due"
        if by_pace <= 0 and by_floor <= 0:
            because = f"pace {self.calls_per_s:g}/s: {self._wait(earned)}"
        return Decision(n=max(0, wanted), because=because, memory=earned)

    def _earned(self, seen: Snapshot, memory: Memory) -> Memory:
        most = self._volley() + min(self.calls_per_s * LATE_S, _LESS_THAN_A_CALL)
        if memory.at_s is None:
            credit = 1.0 if self.calls_per_s > 0 else 0.0  # the first call need not wait
        else:
            credit = memory.credit + max(0.0, seen.now_s - memory.at_s) * self.calls_per_s
        return Memory(credit=min(most, credit), at_s=seen.now_s)

    def _volley(self) -> float:
        """Calls that may be placed at one moment."""
        return max(1.0, self.calls_per_s * BURST_S)

    def _wait(self, earned: Memory) -> str:
        if self.calls_per_s <= 0:
            return "no calls"
        return f"the next call in {(1.0 - earned.credit) / self.calls_per_s:.1f} s"
