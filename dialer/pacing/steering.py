"""Spend the abandon budget evenly over its window, and never more than it holds."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from dialer.pacing.lately import Lately

SPENT = 0.96  # of the legal cap that is aimed at: chance, and what the law counts otherwise than the dialer sees, have the rest
TRUST = 10.0  # abandoned calls after which the own forecast is corrected by half
CLOSED = 0.002  # the risk at which a call is still placed when the budget is used up
HIGHEST = 0.25  # the risk above which no call is placed, whatever the budget
LEAST_SHARE, MOST_SHARE = 0.25, 1.8  # of the aim that is spent at one time: what was saved is not spent in a burst
LENT = 1.5  # times the root of the number of agents: abandoned calls that may be ahead of the budget
BELIEF_S = 300.0  # of answering as fast as agents can talk: what the pace of the answers is taken for at first
PAID_BACK = 0.4  # of the budget of the answers to come that may be lent at most: spending less of it pays the loan back


@dataclass(slots=True)
class Account:
    """What was risked so far, to be held against what came of it."""

    risked: float = 0.0  # the sum of the risks at which the answers so far were bought
    live: float | None = None  # answers until the last look; None = not looked at yet
    risk: float = 0.0  # allowed at the last look
    gone_s: float = 0.0  # of the window, at the last look
    agent_s: float = 0.0  # seconds of agents logged in, until then
    lately: Lately = field(default_factory=Lately)

    def forget(self, share: float) -> None:
        """So much of the window has passed out of sight: it rolls on, or a new one has begun."""
        self.risked *= 1 - share
        self.gone_s *= 1 - share
        self.agent_s *= 1 - share

    def to_json(self) -> dict[str, Any]:
        """Plain values, to be saved."""
        return {
            "risked": round(self.risked, 4),
            "live": self.live,
            "risk": round(self.risk, 6),
            "gone_s": round(self.gone_s),
            "agent_s": round(self.agent_s),
            "lately": self.lately.to_json(),
        }

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Account:
        """As it was saved."""
        live = None if saved["live"] is None else float(saved["live"])
        return cls(
            risked=float(saved["risked"]),
            live=live,
            risk=float(saved["risk"]),
            gone_s=float(saved["gone_s"]),
            agent_s=float(saved["agent_s"]),
            lately=Lately.from_json(saved["lately"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Steering:
    """The risk at which the next call is placed: what is left of the budget for each answer that is still to come.

    `cap` is the legal share of abandoned among live answers; `window_s` the time for which it is reckoned.
    """

    cap: float
    window_s: float

    def risk(
        self,
        account: Account,
        *,
        gone_s: float,
        live: float,
        abandoned: float,
        waiting: int,
        agents: int,
        contact_s: float,
        trust: float = 1.0,
    ) -> float:
        """The chance of an abandoned call that the next one may bring; written down in the account.

        `gone_s` of the window have passed; a contact takes an agent `contact_s`; `trust` in the forecast is 0 to 1.
        """
        if account.live is not None:
            account.risked += max(0.0, live - account.live) * account.risk
        account.live = live
        account.agent_s += agents * max(0.0, gone_s - account.gone_s)
        account.gone_s = gone_s
        believed = agents * BELIEF_S
        pace = (live + believed / contact_s) / (account.agent_s + believed)  # answers that an agent takes in a second
        to_come = pace * agents * max(0.0, self.window_s - gone_s)
        aim = SPENT * self.cap
        rest = max(to_come, 5.0 + 0.03 * live)  # of a few answers at the very end no budget is reckoned
        left = (aim * (live + rest) - abandoned - 0.5 * waiting) / rest
        share = max(LEAST_SHARE * aim, min(MOST_SHARE * aim, left))
        bias = (abandoned + TRUST) / (account.risked + TRUST)
        loan = min(largest_loan(agents), PAID_BACK * self.cap * to_come)
        share *= trust * account.lately.care(gone_s, live, abandoned, waiting, self.cap)
        if abandoned + waiting + 1 > self.cap * live + loan:
            account.risk = CLOSED
        else:
            account.risk = min(HIGHEST, max(CLOSED, share / min(3.0, max(0.3, bias))))
        return account.risk


def largest_loan(agents: int) -> float:
    """How many abandoned calls may be ahead of the budget at the most, where it may be ahead at all."""
    return LENT * math.sqrt(agents)
