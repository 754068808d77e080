"""How many more people answer lately than the calls' ages promised: steady while nothing changes, quick when the list does."""

from __future__ import annotations

import math
from typing import Any

LONG = 100.0  # answers after which the steady eye has forgotten
SHORT = 25.0  # and the quick one
SURPRISE = 2.5  # standard deviations by which the quick eye must disagree before it is believed
PRIOR = 5.0  # answers that the hazards themselves are worth
CAUTION = 1.0  # how far above what was seen the first answers are taken for
LEAST, MOST = 0.1, 10.0


class Level:
    """A factor on the chance that calls are answered, from what the calls that rang promised and what came.

    Two memories of different length watch the same answers. The long one is believed, because noise in it would be dialled out;
    as soon as the short one contradicts it by more than chance explains, the long one starts anew from the short one.
    """

    def __init__(self) -> None:
        self._promised, self._seen = LONG / 3, LONG / 3
        self._promised_lately, self._seen_lately = SHORT / 3, SHORT / 3
        self._persons = 0

    def promised(self, answers: float) -> None:
        """The calls that rang promised so many answers since the last look."""
        self._promised += answers
        self._promised_lately += answers

    def answered(self) -> None:
        """A person answered."""
        self._persons += 1
        self._seen, self._promised = (self._seen + 1) * (1 - 1 / LONG), self._promised * (1 - 1 / LONG)
        self._seen_lately = (self._seen_lately + 1) * (1 - 1 / SHORT)
        self._promised_lately *= 1 - 1 / SHORT

    def factor(self, unsaid: float) -> float:
        """How many times the promise; `unsaid`: persons expected among answers that are not told apart yet."""
        found = (self._seen + unsaid + PRIOR) / (self._promised + PRIOR)
        expected = found * self._promised_lately
        spread = math.sqrt(max(1.0, expected) / 2 + 0.25 * expected * SHORT / LONG)
        if abs(self._seen_lately + unsaid - expected) > SURPRISE * spread:
            self._seen, self._promised = self._seen_lately, self._promised_lately
            found = (self._seen + unsaid + PRIOR) / (self._promised + PRIOR)
        return min(MOST, max(LEAST, found)) * (1 + CAUTION / math.sqrt(2.0 + self._persons))

    def to_json(self) -> dict[str, Any]:
        """Plain values: how much was seen at all. What was so lately is not so after a pause."""
        return {"persons": self._persons}

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Level:
        """After a pause: neutral, and less cautious than at the very first."""
        found = cls()
        found._persons = min(int(saved["persons"]), 20)
        return found
