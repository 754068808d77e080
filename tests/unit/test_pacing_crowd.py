"""The chance that more people answer than agents are free, against a count of all cases and against the dice."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from dialer.pacing.crowd import Crowd

pytestmark = pytest.mark.unit


def counted(answers: list[float], frees: list[float], chance: float, extra: int, room: int) -> float:
    """P(answers + extra - frees >= room) by looking at every case."""
    chances = [*answers, *[chance] * extra]
    total = 0.0
    for outcome in itertools.product((0, 1), repeat=len(chances) + len(frees)):
        weight = 1.0
        for happened, probability in zip(outcome, [*chances, *frees], strict=True):
            weight *= probability if happened else 1 - probability
        if sum(outcome[: len(chances)]) - sum(outcome[len(chances) :]) >= room:
            total += weight
    return total


@pytest.mark.parametrize("seed", range(20))
def test_few_calls_are_reckoned_exactly(seed: int) -> None:
    dice = random.Random(seed)
    answers = [dice.random() for _ in range(dice.randrange(6))]
    frees = [dice.random() for _ in range(dice.randrange(5))]
    chance, room, extra = dice.random(), dice.randrange(-3, 6), dice.randrange(3)
    crowd = Crowd(np.array(answers).reshape(-1, 1), np.array(frees).reshape(-1, 1), np.zeros(1), np.array([chance]))
    assert crowd.exceeds(room, extra) == pytest.approx(counted(answers, frees, chance, extra, room), abs=1e-9)


@pytest.mark.parametrize("calls", [60, 120, 400])
def test_many_calls_are_reckoned_closely(calls: int) -> None:
    dice = np.random.default_rng(calls)
    answers, frees = dice.uniform(0.02, 0.3, calls), dice.uniform(0.02, 0.2, calls // 2)
    crowd = Crowd(answers[:, None], frees[:, None], np.array([0.5]), np.array([0.2]))
    thrown = (
        (dice.random((20_000, calls)) < answers).sum(axis=1)
        + (dice.random((20_000, 3)) < 0.2).sum(axis=1)
        + dice.poisson(0.5, 20_000)
        - (dice.random((20_000, calls // 2)) < frees).sum(axis=1)
    )
    for quantile in (0.5, 0.9, 0.97, 0.99):
        room = int(np.quantile(thrown, quantile))
        assert crowd.exceeds(room, 3) == pytest.approx((thrown >= room).mean(), abs=0.012)


def test_more_calls_are_never_less_of_a_risk() -> None:
    crowd = Crowd(np.full((9, 3), 0.2), np.full((4, 3), 0.1), np.zeros(3), np.array([0.05, 0.1, 0.2]))
    risks = [crowd.exceeds(5, extra) for extra in range(12)]
    assert risks == sorted(risks)
