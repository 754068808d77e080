"""How likely more people answer than agents are free: the law of a sum of many small chances."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Complexes = npt.NDArray[np.complex128]

POINTS = 64  # of the discrete Fourier transform: sums further than 32 from their mean are not told apart
FEW = 16  # up to so many calls and agents each chance is reckoned as it is; of more, the chances are put on a grid
GRID = 128
_TURN = np.exp(-2j * np.pi * np.arange(POINTS // 2 + 1) / POINTS)
_FACTORS = 1 - np.linspace(0, 1, GRID + 1)[:, None] * (1 - _TURN)  # of a chance on the grid, at each frequency
_LOG_SIZE = np.log(np.maximum(np.abs(_FACTORS), 1e-8))
_ANGLE = np.angle(_FACTORS)


class Crowd:
    """The number of people who answer within each horizon, less the agents who become free, plus calls ordered now.

    `answers` and `frees` hold probabilities: rows calls and agents, columns horizons. `arrivals` is the mean of those who call
    in. `chance` is that of a call ordered now to have been answered within each horizon. `weights` says how much each horizon
    counts; they sum to 1.
    """

    def __init__(self, answers: Floats, frees: Floats, arrivals: Floats, chance: Floats, weights: Floats | None = None) -> None:
        self._mean = answers.sum(axis=0) - frees.sum(axis=0) + arrivals
        self._chance = chance
        self._weights = np.full(len(chance), 1 / len(chance)) if weights is None else weights
        whole: Complexes  # the characteristic function of demand minus supply: rows horizons
        if len(answers) + len(frees) <= FEW:
            ones = 1 - answers[:, :, None] * (1 - _TURN)
            others = 1 - frees[:, :, None] * (1 - _TURN.conj())
            whole = ones.prod(axis=0) * others.prod(axis=0)
        else:
            # Each chance is shared out between its two neighbours on the grid: the mean stays exact, and the variance nearly so.
            many, fewer = _counted(answers), _counted(frees)
            whole = np.exp((many + fewer) @ _LOG_SIZE + 1j * ((many - fewer) @ _ANGLE))
        self._transform = whole * np.exp(arrivals[:, None] * (_TURN - 1))
        self._added = 1 - chance[:, None] * (1 - _TURN)

    def exceeds(self, room: float, extra: int) -> float:
        """P(at least `room` of them), over all horizons, with `extra` calls ordered now besides."""
        chances = np.fft.irfft(self._transform * self._added**extra if extra else self._transform, POINTS, axis=1)
        low = np.floor(self._mean + extra * self._chance).astype(np.int64)[:, None] - POINTS // 2
        values = low + (np.arange(POINTS) - low) % POINTS
        return float(self._weights @ np.where(values >= room, chances, 0.0).sum(axis=1))


def _counted(chances: Floats) -> Floats:
    """How many of the rows have each chance of the grid: rows horizons, columns the grid."""
    columns = chances.shape[1]
    at = chances * GRID
    low = np.minimum(at.astype(np.int64), GRID - 1)
    part = (at - low).ravel()
    where = (low + np.arange(columns) * (GRID + 1)).ravel()
    size = columns * (GRID + 1)
    counted = np.bincount(where, 1 - part, size) + np.bincount(where + 1, part, size)
    return np.asarray(counted.reshape(columns, GRID + 1))
