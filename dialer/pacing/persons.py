"""How likely a call that is taken for a person's is one: by how long it rang, learned from whom agents found on the line."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

BIN_S = 2.0
BINS = 30  # up to a minute of ringing
TRUST = 8.0  # contacts of an age after which it is believed half, against all ages together
MEMORY = 2000.0  # contacts


class PersonShare:
    """P(person | rang for so long) among the calls that agents are given, as far as it differs with the age.

    People answer sooner than their machines. Where no detector listens, or where one lets machines through, the law's count is of
    persons only: a machine that found no agent is no abandoned call. What agents find on the line tells the two apart. Only the
    shape over the ages is used, so a finding that misses a steady share of the persons (such as "talked for long") does no harm.
    """

    def __init__(self) -> None:
        self._persons, self._all = np.zeros(BINS), np.zeros(BINS)
        self._refresh()

    def judged(self, rang_s: float, person: bool) -> None:
        """An agent had a call that was answered after `rang_s`."""
        at = min(BINS - 1, max(0, int(rang_s / BIN_S)))
        self._persons *= 1 - 1 / MEMORY
        self._all *= 1 - 1 / MEMORY
        self._persons[at] += person
        self._all[at] += 1
        self._refresh()

    def _refresh(self) -> None:
        # Neighbouring ages are much alike: each lends half of what it knows.
        persons, whole = (np.convolve(one, (0.5, 1.0, 0.5), mode="same") for one in (self._persons, self._all))
        count = self._all.sum()
        mean = (self._persons.sum() + TRUST) / (count + TRUST)
        self._shares = (persons + TRUST * mean) / (whole + TRUST)
        self._mean = float((self._shares * self._all).sum() / count) if count else 1.0

    def weight(self, rang_s: float) -> float:
        """How much more (above 1) or less likely than the mean of all calls one that rang for so long is a person's."""
        return float(self._shares[min(BINS - 1, max(0, int(rang_s / BIN_S)))] / self._mean)

    def weights(self, rang_s: Floats) -> Floats:
        """The same of many."""
        return np.asarray(self._shares[np.clip(rang_s / BIN_S, 0, BINS - 1).astype(np.int64)] / self._mean)

    def to_json(self) -> dict[str, Any]:
        """Plain values, to be saved."""
        return {"persons": self._persons.round(3).tolist(), "all": self._all.round(3).tolist()}

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> PersonShare:
        """As it was saved."""
        found = cls()
        found._persons, found._all = np.array(saved["persons"], dtype=np.float64), np.array(saved["all"], dtype=np.float64)
        found._refresh()
        return found
