"""Pacing rules as other dialers publish them, written anew from their descriptions, to compare with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from dialer.pacing.floor import Fact, Floor, NobodyAnswered, PersonAnswered


@dataclass(slots=True)
class LinesPerAgent:
    """Lines per agent, corrected after every hundred live answers towards the cap."""

    cap: float = 0.03
    gain: float = 1.0
    lines: float = 1.5
    _live: float = 0.0
    _gone: float = 0.0

    def learn(self, facts: Sequence[Fact]) -> None:
        """Nothing but the counters of the floor."""

    def calls(self, floor: Floor) -> int:
        """As a ratio, with a slow hand on it."""
        if floor.live - self._live >= 100:
            rate = (floor.abandoned - self._gone) / (floor.live - self._live)
            self.lines = min(3.0, max(1.0, self.lines + self.gain * (self.cap - rate) / self.cap * 0.5))
            self._live, self._gone = floor.live, floor.abandoned
        return int(floor.idle * self.lines) - len(floor.ringing_s) - len(floor.detecting) - floor.waiting


@dataclass(slots=True)
class DialLevel:
    """A dial level for all agents, adapted every 15 s to how many idle and wait; cut while the drops are over the cap."""

    cap: float = 0.03
    most: float = 3.0
    level: float = 1.0
    _adapted_s: float = -math.inf
    _idle: list[float] = field(default_factory=list)

    def learn(self, facts: Sequence[Fact]) -> None:
        """Nothing but the counters of the floor."""

    def calls(self, floor: Floor) -> int:
        """Level times agents, less the lines that there are."""
        agents = floor.idle + len(floor.talking_s)
        self._idle.append(float(floor.idle - floor.waiting))
        if floor.now_s - self._adapted_s >= 15.0 and agents:
            mean = sum(self._idle) / len(self._idle)
            self.level = min(self.most, max(1.0, self.level * (1 + mean / agents)))
            if floor.live >= 50 and floor.abandoned > self.cap * floor.live:
                self.level = 1.0
            self._idle, self._adapted_s = [], floor.now_s
        lines = len(floor.ringing_s) + len(floor.detecting) + floor.waiting + len(floor.talking_s)
        return int(self.level * agents) - lines


@dataclass(slots=True)
class ErlangService:
    """Idle agents and those whose talk an exponential law says is about to end, over the share of calls that are answered."""

    mean_talk_s: float = 120.0
    _answered: int = 0
    _over: int = 0

    def learn(self, facts: Sequence[Fact]) -> None:
        """The share of answers."""
        self._answered += sum(isinstance(one, PersonAnswered) for one in facts)
        self._over += sum(isinstance(one, PersonAnswered | NobodyAnswered) for one in facts)

    def calls(self, floor: Floor) -> int:
        """Those who will be free by the time of an answer."""
        soon = sum(1 - math.exp(-(age + 10.0) / self.mean_talk_s) >= 0.9 for age in floor.talking_s)
        rate = max(0.2, self._answered / self._over) if self._over >= 10 else 1.0
        free = floor.idle + soon - floor.waiting
        return int(free / rate) - len(floor.ringing_s) - len(floor.detecting)
