"""What a pacer sees, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One job at one moment. `now_s` is a clock that never jumps."""

    now_s: float
    in_flight: int = 0  # calls from the order to dial until the hang-up
    ringing: int = 0  # of these, ordered and not answered
    answered: int = 0  # of these, answered
    due: int | None = None  # contacts that could be dialled now; None = not counted, take it as enough
    room: int = 0  # calls that the trunk could take now: its CPS budget, channels and back-off
    headroom: int | None = None  # calls that may still be placed before the job's end is reached; None = no such limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a pacer keeps from one decision to the next."""

    credit: float = 0.0  # calls that time has earned and that have not been placed
    at_s: float | None = None  # when that was reckoned; None = never

    def spent(self, calls: int) -> Memory:
        """The memory after so many calls were really placed. Calls beyond the credit are a gift, not a debt."""
        return replace(self, credit=max(0.0, self.credit - calls))


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Place `n` calls now. Keep `memory.spent(placed)` for the next decision."""

    n: int
    because: str
    memory: Memory = Memory()


class Pacer(Protocol):
    """A pure function from what is seen to how many calls to place."""

    def decide(self, seen: Snapshot, memory: Memory) -> Decision: ...
