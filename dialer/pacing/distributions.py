"""How long things take on a simulated floor: talks, wrap-ups, ringing; drawn from a seeded source of chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Distribution(Protocol):
    """Seconds, drawn one by one."""

    def draw(self, chance: np.random.Generator) -> float: ...


@dataclass(frozen=True, slots=True)
class Lognormal:
    """Around `mean`, with the coefficient of variation `cv`: what most talks look like."""

    mean: float
    cv: float

    def draw(self, chance: np.random.Generator) -> float:
        spread = math.log(1.0 + self.cv * self.cv)
        return float(chance.lognormal(math.log(self.mean) - spread / 2, math.sqrt(spread)))


@dataclass(frozen=True, slots=True)
class Exponential:
    """Without a memory: however long it has gone on, it goes on for `mean`."""

    mean: float

    def draw(self, chance: np.random.Generator) -> float:
        return float(chance.exponential(self.mean))


@dataclass(frozen=True, slots=True)
class Bell:
    """Around `mean`, never below `least` nor above `most`."""

    mean: float
    sd: float
    least: float
    most: float

    def draw(self, chance: np.random.Generator) -> float:
        return min(self.most, max(self.least, float(chance.normal(self.mean, self.sd))))


@dataclass(frozen=True, slots=True)
class Mixture:
    """One of several, by weight: short refusals and long sales."""

    parts: tuple[tuple[float, Distribution], ...]

    def draw(self, chance: np.random.Generator) -> float:
        at = chance.random() * sum(weight for weight, _ in self.parts)
        for weight, part in self.parts:
            at -= weight
            if at <= 0:
                return part.draw(chance)
        return self.parts[-1][1].draw(chance)


@dataclass(frozen=True, slots=True)
class Curve:
    """A value that changes over time: straight lines between points (seconds, value); two points at one time make a step."""

    points: Sequence[tuple[float, float]]

    def at(self, seconds: float) -> float:
        """The value at a moment."""
        before = self.points[0]
        for point in self.points:
            if point[0] > seconds:
                if seconds < before[0]:
                    return before[1]
                return before[1] + (point[1] - before[1]) * (seconds - before[0]) / (point[0] - before[0])
            before = point
        return before[1]

    @property
    def most(self) -> float:
        """The highest value."""
        return max(value for _, value in self.points)


def steady(value: float) -> Curve:
    """A curve that does not change."""
    return Curve(((0.0, value),))
