"""Dial by a calling ratio: as many lines for each agent who is free or about to be as it takes for one person to answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from dialer.pacing.floor import Fact, Floor, NobodyAnswered, PersonAnswered, Served

SAMPLES = 50  # calls until then: the hit rate is the operator's guess; after it, what was seen
MEMORY = 300.0  # calls after which what was seen has faded to a third
CONTACTS = 50.0  # contacts after which the agents' times have
ANSWER_S, TALK_S, WRAP_S = 12.0, 120.0, 20.0  # until something was seen


class RatioBasis(StrEnum):
    """Which of the agents' times triggers the calls (Avaya POM: the type of an Expert Calling Ratio)."""

    WORK_TIME = "work_time"  # talk and wrap-up: also agents whose talk is about to end are dialled for
    UPDATE_TIME = "update_time"  # wrap-up alone: only agents who are writing up their record


@dataclass(slots=True)
class ExpertCallingRatio:
    """For every agent who idles, or whose usual time is over when a call ordered now is answered: 1 / hit rate lines.

    The hit rate is what was seen, kept between `least_hit_rate` and `most_hit_rate`; `initial_hit_rate` until `samples` calls
    have ended. The nearer the abandoned come to the cap, the fewer of the agents who do not idle yet are dialled for.
    """

    basis: RatioBasis = RatioBasis.WORK_TIME
    initial_hit_rate: float = 0.5
    least_hit_rate: float = 0.1
    most_hit_rate: float = 1.0
    samples: int = SAMPLES
    cap: float = 0.03
    because: str = ""
    _persons: float = 0.0
    _calls: float = 0.0
    _seen: int = 0
    _answer_s: float = ANSWER_S
    _talk_s: float = TALK_S
    _wrap_s: float = WRAP_S

    def learn(self, facts: Sequence[Fact]) -> None:
        """How calls ended, and how long agents took."""
        for fact in facts:
            match fact:
                case PersonAnswered():
                    self._ended(1.0)
                    self._answer_s += (fact.rang_s + fact.detected_s - self._answer_s) / CONTACTS
                case NobodyAnswered():
                    self._ended(0.0)
                case Served():
                    self._talk_s += (fact.talk_s - self._talk_s) / CONTACTS
                    self._wrap_s += (fact.wrap_s - self._wrap_s) / CONTACTS
                case _:
                    pass

    @property
    def hit_rate(self) -> float:
        """The share of calls that a person is taken to answer."""
        if self._seen < self.samples:
            return self.initial_hit_rate
        return min(self.most_hit_rate, max(self.least_hit_rate, self._persons / self._calls))

    def calls(self, floor: Floor) -> int:
        """How many calls to place now; `because` says why."""
        soon = sum(age >= self._wrap_s - self._answer_s for age in floor.wrapping_s)
        if self.basis is RatioBasis.WORK_TIME:
            soon += sum(age >= self._talk_s + self._wrap_s - self._answer_s for age in floor.talking_s)
        used = floor.abandoned / (self.cap * floor.live) if floor.live else 0.0
        counted = soon * max(0.0, 1.0 - used)
        free = floor.idle - floor.waiting - floor.inbound_waiting
        wanted = math.floor(max(0.0, free + counted) / self.hit_rate)
        self.because = f"{free} idle, {counted:.1f} of {soon} by their {self.basis.value}; {1 / self.hit_rate:.1f} lines for each"
        return max(0, wanted - len(floor.ringing_s) - len(floor.detecting))

    def _ended(self, person: float) -> None:
        keep = 1 - 1 / MEMORY
        self._persons, self._calls = self._persons * keep + person, self._calls * keep + 1.0
        self._seen += 1
