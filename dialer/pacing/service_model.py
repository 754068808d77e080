"""When will a busy agent be free: by how long the talk or the wrap-up has gone on, learned from the last few hundred contacts."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SAMPLES = 600
STEP_S = 2.0
AGES = 300  # steps that are told apart: ten minutes
REACH = 40  # steps beyond: how far ahead is asked
SHRINK = 5.0  # how many samples the guess is worth
PRIOR_TALK_S, PRIOR_WRAP_S = 120.0, 20.0


class ServiceModel:
    """P(free within h | talking or wrapping up for so long), from samples, drawn towards a guess where they are few.

    The guess is Erlang's law of two phases: hardly anybody is through at once. While samples are few, talks that go on count as
    well, for as long as they are known to have lasted: otherwise the first contacts to end would make all of them look short.
    """

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque(maxlen=SAMPLES)
        self._stays = 0.98  # share of wrap-ups after which the agent is there for the next contact
        self._fresh = 0
        self.refresh()

    def served(self, talk_s: float, wrap_s: float) -> None:
        """An agent has finished a contact."""
        self._samples.append((talk_s, wrap_s))
        self._fresh += 1

    def went_on(self, back: bool) -> None:
        """What an agent did next."""
        self._stays += (float(back) - self._stays) / 100

    @property
    def is_stale(self) -> bool:
        """Whether enough was learned to reckon anew."""
        return self._fresh >= max(5, len(self._samples) // 20)

    def refresh(self) -> None:
        """Reckon the tables anew."""
        self._fresh = 0
        pairs = np.array(self._samples) if self._samples else np.empty((0, 2))
        talk, wrap = pairs[:, 0], pairs[:, 1]
        count = len(pairs)
        self._mean_talk = (talk.sum() + SHRINK * PRIOR_TALK_S) / (count + SHRINK)
        self._mean_wrap = (wrap.sum() + SHRINK * PRIOR_WRAP_S) / (count + SHRINK)
        width = AGES + REACH + 1
        grid = np.zeros((AGES + 1, width))
        np.add.at(
            grid,
            (np.minimum(talk / STEP_S, AGES).astype(int), np.minimum((talk + wrap) / STEP_S, width - 1).astype(int)),
            1.0,
        )
        # outlasted[a, c]: samples whose talk began its step a or a later one, and whose contact was over before step c ends
        self._outlasted = np.cumsum(np.cumsum(grid[::-1], axis=0)[::-1], axis=1)
        self._still = self._outlasted[:, -1]
        self._wraps = np.sort(wrap)

    @property
    def mean_s(self) -> float:
        """How long a contact takes with its wrap-up."""
        return float(self._mean_talk + self._mean_wrap)

    def free_after_talk(self, ages: Floats, within: Floats) -> Floats:
        """P(free within so many seconds) of agents who have talked for `ages`: rows agents, columns horizons."""
        if not len(ages):
            return np.empty((0, len(within)))
        step = np.minimum(ages / STEP_S, AGES).astype(int)
        begun = step * STEP_S
        until = np.minimum((np.minimum(ages, begun + STEP_S)[:, None] + within) / STEP_S - 1, AGES + REACH - 1.0)
        low = np.maximum(until, 0).astype(int)
        part = np.maximum(until - low, 0.0)
        rows = step[:, None]
        over = self._outlasted[rows, low] * (1 - part) + self._outlasted[rows, np.minimum(low + 1, AGES + REACH)] * part
        over = np.where(until < 0, 0.0, over)
        still = self._still[step][:, None]
        if len(self._samples) < SAMPLES:
            lasting = len(ages) - np.searchsorted(np.sort(ages), ages[:, None] + within)
            still = still + lasting
        found = (over + SHRINK * self._guess(ages[:, None], within)) / (still + SHRINK)
        return np.asarray(self._stays * np.minimum(found, 0.999))

    def free_after_wrap(self, ages: Floats, within: Floats) -> Floats:
        """The same of agents who have wrapped up for `ages`."""
        if not len(ages):
            return np.empty((0, len(within)))
        total = len(self._wraps)
        before = np.searchsorted(self._wraps, ages, side="right")
        then = np.searchsorted(self._wraps, ages[:, None] + within, side="right")
        guess = 1 - np.exp(-within / self._mean_wrap)
        found = (then - before[:, None] + SHRINK * guess) / ((total - before)[:, None] + SHRINK)
        return np.asarray(self._stays * np.minimum(found, 0.999))

    def _guess(self, ages: Floats, within: Floats) -> Floats:
        """P(free within so many seconds | age), by Erlang's law of two phases with the mean of all contacts."""
        phase = self.mean_s / 2
        hazard = within / phase - np.log((phase + ages + within) / (phase + ages))
        return np.asarray(1 - np.exp(-np.maximum(0.0, hazard)))

    def to_json(self) -> dict[str, Any]:
        """Plain values, to be saved."""
        return {"contacts": [[round(talk, 1), round(wrap, 1)] for talk, wrap in self._samples], "stays": round(self._stays, 4)}

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> ServiceModel:
        """As it was saved."""
        found = cls()
        found._samples.extend((float(talk), float(wrap)) for talk, wrap in saved["contacts"])
        found._stays = float(saved["stays"])
        found.refresh()
        return found
