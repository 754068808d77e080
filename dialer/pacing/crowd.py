"""How likely more people answer than agents are free: sums of many small chances, exactly where they are few."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Complexes = npt.NDArray[np.complex128]

POINTS = 64  # of the discrete Fourier transform: sums further than 32 from their mean are not told apart
EXACT_BELOW = 9.0  # variance: above it the normal law with its skewness is as good, and quicker
_TURN = np.exp(-2j * np.pi * np.arange(POINTS // 2 + 1) / POINTS)
_X = np.linspace(-8.0, 8.0, 3201)
_PHI = np.array([0.5 * math.erfc(-x / math.sqrt(2)) for x in _X])


@dataclass(frozen=True, slots=True)
class _Exact:
    transform: Complexes  # rows horizons: the characteristic function of demand minus supply
    added: Complexes
    low: npt.NDArray[np.int64]  # the smallest value that is told apart


@dataclass(frozen=True, slots=True)
class _Normal:
    mean: Floats
    variance: Floats
    third: Floats
    chance: Floats


class Crowd:
    """The number of people who answer within each horizon, less the agents who become free, plus calls ordered now.

    `answers` and `frees` hold probabilities: rows calls and agents, columns horizons. `arrivals` is the mean of those who call
    in. `chance` is that of a call ordered now to have been answered within each horizon.
    """

    def __init__(self, answers: Floats, frees: Floats, arrivals: Floats, chance: Floats) -> None:
        spread = answers * (1 - answers)
        freed = frees * (1 - frees)
        self._mean = answers.sum(axis=0) - frees.sum(axis=0) + arrivals
        variance = spread.sum(axis=0) + freed.sum(axis=0) + arrivals
        self._exact = bool(variance.max() < EXACT_BELOW)
        self._chance = chance
        if self._exact:
            ones = 1 - answers[:, :, None] * (1 - _TURN)
            others = 1 - frees[:, :, None] * (1 - _TURN.conj())
            whole = ones.prod(axis=0) * others.prod(axis=0)
            self._transform = whole * np.exp(arrivals[:, None] * (_TURN - 1))
            self._added = 1 - chance[:, None] * (1 - _TURN)
        else:
            self._variance = variance
            self._third = (spread * (1 - 2 * answers)).sum(axis=0) - (freed * (1 - 2 * frees)).sum(axis=0) + arrivals
            self._own = chance * (1 - chance)

    def exceeds(self, room: float, extra: int) -> float:
        """P(at least `room` of them), over all horizons alike, with `extra` calls ordered now besides."""
        if not self._exact:
            variance = self._variance + extra * self._own
            spread = np.sqrt(np.maximum(variance, 1e-9))
            third = self._third + extra * self._own * (1 - 2 * self._chance)
            at = (room - 0.5 - self._mean - extra * self._chance) / spread
            skew = third / spread**3
            bell = np.exp(-0.5 * at * at) / math.sqrt(2 * math.pi)
            below = np.interp(at, _X, _PHI) + skew * (1 - at * at) * bell / 6
            return float(np.minimum(np.maximum(1 - below, 0.0), 1.0).mean())
        chances = np.fft.irfft(self._transform * self._added**extra, POINTS, axis=1)
        mean = self._mean + extra * self._chance
        low = np.floor(mean).astype(np.int64) - POINTS // 2
        values = low[:, None] + (np.arange(POINTS) - low[:, None]) % POINTS
        return float(np.where(values >= room, chances, 0.0).sum() / len(mean))
