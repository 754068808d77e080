"""How many people answered and found nobody: the rate that the law limits, by each regulator's own count."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from dialer.domain.ids import AttemptId
from dialer.domain.live_answer import LiveAnswer, Verdict, Wait, window_begins
from dialer.domain.pacing_plan import AbandonBudget, AbandonCount
from dialer.domain.service_level import ServiceLevel
from dialer.pacing.waits import Stand, Waits

_BUCKET_S = 60
_RECENT = timedelta(hours=2)  # longer than any call: what is older does not change any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What happened in a window. A person counts once: connected in time, or abandoned."""

    connected: int = 0  # persons who had an agent in time
    abandoned: int = 0  # answered calls that had nobody in time, machines that were taken for persons among them
    agent_machines: int = 0  # calls that agents found to be machines: the share of machines among those presented
    mistaken: float = 0.0  # a reasoned estimate of persons whom the detector took for machines and hung up on

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            connected=self.connected + other.connected,
            abandoned=self.abandoned + other.abandoned,
            agent_machines=self.agent_machines + other.agent_machines,
            mistaken=self.mistaken + other.mistaken,
        )

    def __sub__(self, other: Tally) -> Tally:
        return Tally(
            connected=self.connected - other.connected,
            abandoned=self.abandoned - other.abandoned,
            agent_machines=self.agent_machines - other.agent_machines,
            mistaken=self.mistaken - other.mistaken,
        )

    @property
    def live(self) -> int:
        """Persons who answered and whose call is decided."""
        return self.connected + self.abandoned

    def lost(self, count: AbandonCount = AbandonCount.PLAIN) -> float:
        """Abandoned persons, by this count."""
        if count is AbandonCount.PLAIN:
            return float(self.abandoned)
        # Ofcom, persistent misuse, annex on the abandoned call rate: with n drops, of those that agents had m were machines
        # and p persons, n * m / (p + m) of the drops are reckoned as machines.
        presented = self.connected + self.agent_machines
        machines = self.agent_machines / presented if presented else 0.0
        return self.abandoned * (1 - machines) + self.mistaken

    def rate(self, count: AbandonCount = AbandonCount.PLAIN) -> float:
        """Abandoned persons by persons who answered, 0 to 1; 0 where nobody has answered."""
        lost = self.lost(count)
        return lost / (lost + self.connected) if lost + self.connected else 0.0


_COUNTS = {
    Verdict.CONNECTED: Tally(connected=1),
    Verdict.ABANDONED: Tally(abandoned=1),
    Verdict.MACHINE: Tally(agent_machines=1),
    Verdict.LEFT: Tally(),
    Verdict.WAITING: Tally(),
}


@dataclass(frozen=True, slots=True)
class _Noted:
    """A live answer as it was counted last."""

    at: datetime
    minute: int
    counts: Tally
    wait: Wait | None


class AbandonLedger:
    """The live answers of one budget, counted over its rolling window; what it holds can be read from the database at any time.

    Times only go forward: what has left the window is forgotten.
    """

    def __init__(self, budget: AbandonBudget) -> None:
        self.budget = budget
        self._minutes: dict[int, Tally] = {}
        self._known: dict[AttemptId, _Noted] = {}  # the latest ones: they may still change
        self._whole = Tally()
        self._waits = Waits()  # of the same answers
        self._machines = 0  # that a detector found in the window

    def note(self, answer: LiveAnswer) -> None:
        """A live answer as it is known now; it takes the place of what was known of it before."""
        minute = int(answer.person_at.timestamp()) // _BUCKET_S
        noted = _Noted(answer.person_at, minute, _COUNTS[answer.verdict(self.budget)], answer.wait)
        before = self._known.get(answer.attempt_id)
        if before is not None:
            self._add(before.minute, Tally() - before.counts)
            self._waits.add(before.minute, before.wait, -1)
        self._known[answer.attempt_id] = noted
        self._add(minute, noted.counts)
        self._waits.add(minute, noted.wait)

    def knows(self, attempt_id: AttemptId) -> bool:
        """Whether an answer of late has been noted."""
        return attempt_id in self._known

    def note_machines(self, found: int) -> None:
        """So many machines were told apart by a detector in the window."""
        self._machines = found

    def tally(self, now: datetime) -> Tally:
        """What the window holds at this moment."""
        since = window_begins(self.budget, now)
        if since is not None:
            first = int(since.timestamp()) // _BUCKET_S
            while self._minutes and (oldest := next(iter(self._minutes))) < first:
                self._whole -= self._minutes.pop(oldest)
                self._waits.forget(oldest)
        for attempt_id in list(self._known):
            if self._known[attempt_id].at > now - _RECENT:
                break
            del self._known[attempt_id]
        return self._whole + Tally(mistaken=self._machines * self.budget.mistaken_share)

    def stand(self, level: ServiceLevel, now: datetime) -> Stand:
        """How a service level stands at this moment, over the same window."""
        self.tally(now)
        return self._waits.stand(level)

    def live(self, tally: Tally) -> float:
        """Of how many the abandoned are a share: persons who answered, and nobody else."""
        return tally.connected + tally.lost(self.budget.count)

    def rate(self, now: datetime) -> float:
        """The rate that the law limits, 0 to 1."""
        tally = self.tally(now)
        live = self.live(tally)
        return tally.lost(self.budget.count) / live if live else 0.0

    def room(self, now: datetime, *, waiting: int = 0) -> float:
        """How many more people may be abandoned now before the budget is used up; those who wait count as if they were."""
        tally = self.tally(now)
        return self.budget.percent / 100 * (self.live(tally) + waiting) - tally.lost(self.budget.count) - waiting

    def _add(self, minute: int, counts: Tally) -> None:
        if minute not in self._minutes and self._minutes and minute < next(reversed(self._minutes)):
            self._minutes[minute] = Tally()
            self._minutes = dict(sorted(self._minutes.items()))
        self._minutes[minute] = self._minutes.get(minute, Tally()) + counts
        self._whole += counts
