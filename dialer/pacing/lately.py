"""Whether so many calls were abandoned in the last half hour that chance hardly explains it: then dial with more care."""

from __future__ import annotations

import math
from collections import deque
from typing import Any

LOOK_BACK_S = 1500.0  # with what is still ringing, a half hour
MARK_S = 60.0
CAREFUL, STOPPED = 2.0, 2.7  # standard deviations above the cap: where care begins, and where next to nothing is risked
LEAST = 0.1


class Lately:
    """Counts of each minute, as far back as half an hour goes.

    A legal day can hold a bad half hour. By chance alone losses come in bursts; while one is in sight, less is risked.
    """

    def __init__(self) -> None:
        self._marks: deque[tuple[float, float, float]] = deque()  # when, answers, abandoned until then
        self._shown = self._passed = (0.0, 0.0)  # answers and abandoned: in the window, and those that it has lost sight of

    def care(self, now_s: float, live: float, abandoned: float, waiting: int, cap: float) -> float:
        """What to multiply the allowed risk by: 1 as long as nothing is unusual."""
        if live < self._shown[0]:  # the window has rolled on, or a new one has begun
            self._passed = self._passed[0] + self._shown[0] - live, self._passed[1] + max(0.0, self._shown[1] - abandoned)
        self._shown = live, abandoned
        answers, lost = live + self._passed[0], abandoned + self._passed[1]
        marks = self._marks
        if marks and now_s < marks[-1][0]:
            marks.clear()  # another window has begun
        if not marks or now_s - marks[-1][0] >= MARK_S:
            marks.append((now_s, answers, lost))
        while len(marks) > 1 and now_s - marks[1][0] >= LOOK_BACK_S:
            marks.popleft()
        _, answers_before, lost_before = marks[0]
        expected = cap * (answers - answers_before)
        surprise = (lost - lost_before + waiting - expected) / math.sqrt(expected + 0.5)
        return min(1.0, max(LEAST, 1 - (surprise - CAREFUL) / (STOPPED - CAREFUL)))

    def to_json(self) -> list[list[float]]:
        """Plain values, to be saved."""
        return [[round(one, 2) for one in mark] for mark in (self._shown, self._passed, *self._marks)]

    @classmethod
    def from_json(cls, saved: Any) -> Lately:
        """As it was saved."""
        found = cls()
        (shown, gone), (answers, lost), *marks = saved
        found._shown, found._passed = (float(shown), float(gone)), (float(answers), float(lost))
        found._marks.extend((float(when), float(live), float(abandoned)) for when, live, abandoned in marks)
        return found
