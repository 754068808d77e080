"""Spend the abandon budget evenly over its window, and never more than it holds."""

from __future__ import annotations

import math
from dataclasses import dataclass

SPENT = 0.975  # of the legal cap that is aimed at: what the dialer sees differs a little from what the law counts
TRUST = 10.0  # abandoned calls after which the own forecast is corrected by half
CLOSED = 0.002  # the risk at which a call is still placed when the budget is used up


@dataclass(slots=True, kw_only=True)
class Steering:
    """The risk at which the next call is placed: what is left of the budget for each answer that is still to come.

    `cap` is the legal share of abandoned among live answers; `window_s` the time for which it is reckoned.
    """

    cap: float
    window_s: float
    _risked: float = 0.0  # the sum of the risks at which the answers so far were bought
    _live: float = 0.0
    _risk: float = 0.0

    def risk(self, *, gone_s: float, live: float, abandoned: float, waiting: int, agents: int) -> float:
        """The chance of an abandoned call that the next one may bring."""
        self._risked += (live - self._live) * self._risk
        self._live = live
        gone = min(1.0, max(gone_s / self.window_s, 1e-6))
        to_come = max(live * (1 - gone) / max(gone, 0.05), 5.0 + 0.03 * live)
        aim = SPENT * self.cap
        left = (aim * (live + to_come) - abandoned - 0.5 * waiting) / to_come
        share = max(0.25 * aim, min(1.8 * aim, left))
        bias = (abandoned + TRUST) / (self._risked + TRUST)
        loan = 1.5 * math.sqrt(agents) * min(1.0, max(0.0, (0.85 - gone) / 0.5))
        if abandoned + waiting + 1 > self.cap * live + loan:
            self._risk = CLOSED
        else:
            self._risk = min(0.25, max(CLOSED, share / min(3.0, max(0.3, bias))))
        return self._risk
