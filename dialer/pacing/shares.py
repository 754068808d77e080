"""Share a trunk that has too little room among the jobs that want it: by priority, and nobody starves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

FRESH_S = 3.0  # a job says what it wants many times a second, or when the database is through with what it placed last


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """What one job would place at this moment if the trunk had room without end."""

    n: int
    in_flight: int = 0
    reserved: int = 0  # ports that are its own: below them it comes before everybody who has theirs
    priority: int = 5
    at_s: float = 0.0

    @property
    def weight(self) -> float:
        """Each step of priority doubles a job's share."""
        return float(2**self.priority)


def share(room: int, wants: Mapping[int, Want], used: Mapping[int, float]) -> dict[int, int]:
    """Give out the room call by call: to reserved ports first, then to whoever has `used` least for its weight.

    Every job's share is at least its weight by the sum of all weights, so the least of them goes on too.
    """
    given = dict.fromkeys(wants, 0)
    for _ in range(min(room, sum(want.n for want in wants.values()))):
        hungry = [job for job, want in wants.items() if given[job] < want.n]
        short = [job for job in hungry if wants[job].in_flight + given[job] < wants[job].reserved]
        chosen = min(short or hungry, key=lambda job: (used.get(job, 0.0) + (given[job] + 1) / wants[job].weight, job))
        given[chosen] += 1
    return given


@dataclass(slots=True)
class Shares:
    """The room of one trunk: what each job wants of it, and how much of it each has had, for its weight."""

    _wants: dict[int, Want] = field(default_factory=dict)
    _used: dict[int, float] = field(default_factory=dict)

    def room(self, job: int, want: Want, room: int) -> int:
        """How much of the `room` there is now is this job's."""
        fresh = {one: other for one, other in self._wants.items() if other.n and want.at_s - other.at_s < FRESH_S and one != job}
        if job not in self._wants or not self._wants[job].n:
            # Who wanted nothing for a while has saved nothing up: it begins where those stand that have had the least.
            least = min((self._used.get(one, 0.0) for one in fresh), default=0.0)
            self._used[job] = max(self._used.get(job, 0.0), least)
        self._wants[job] = want
        if not fresh:
            return room
        others = sum(other.n for other in fresh.values())
        if room >= others + want.n:
            return room
        return share(room, {**fresh, job: want}, self._used)[job]

    def placed(self, job: int, calls: int) -> None:
        """So many calls of a job were placed."""
        if job in self._wants:
            self._used[job] = self._used.get(job, 0.0) + calls / self._wants[job].weight

    def leave(self, job: int) -> None:
        """A job has ended."""
        self._wants.pop(job, None)
        self._used.pop(job, None)
