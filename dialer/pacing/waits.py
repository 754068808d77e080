"""How long those who answered waited for an agent, in tenths of a second: what a service level is judged by."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from dialer.domain.live_answer import Wait
from dialer.domain.service_level import STEP_S, ServiceLevel

_ROUNDING = 1e-6
_FOR_EVER = 1_000_000  # steps: nobody came
_Bin = tuple[int, bool]  # steps, and whether an agent came


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """How a service level stands."""

    answered: int = 0  # persons whose wait is known
    late: int = 0  # of them, those who had no agent in time

    @property
    def share(self) -> float:
        """Of those who had one, 0 to 1; 1 where nobody has answered."""
        return 1 - self.late / self.answered if self.answered else 1.0


class Waits:
    """Counts of each minute, so that any level can be read from them at any time: a campaign's may be another tomorrow."""

    def __init__(self) -> None:
        self._minutes: dict[int, Counter[_Bin]] = {}
        self._whole: Counter[_Bin] = Counter()

    def add(self, minute: int, wait: Wait | None, times: int = 1) -> None:
        """Somebody waited so long; -1 `times` takes it back. None: who waits still, or was nobody."""
        if wait is not None:
            self._minutes.setdefault(minute, Counter())[_bin(wait)] += times
            self._whole[_bin(wait)] += times

    def forget(self, minute: int) -> None:
        """A minute has left the window."""
        self._whole.subtract(self._minutes.pop(minute, Counter()))

    def stand(self, level: ServiceLevel) -> Stand:
        """How a level stands. Who hung up before its seconds were over counts neither way."""
        most = round(level.within_s / STEP_S)
        late = sum(count for (steps, _), count in self._whole.items() if steps > most)
        served = sum(count for (steps, came), count in self._whole.items() if came and steps <= most)
        return Stand(answered=served + late, late=late)


def _bin(wait: Wait) -> _Bin:
    if math.isinf(wait.seconds):
        return _FOR_EVER, wait.served
    return min(_FOR_EVER, math.ceil(max(0.0, wait.seconds) / STEP_S - _ROUNDING)), wait.served
