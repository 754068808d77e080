"""A call for agents that a person answered: every moment that a regulator asks for, and what it counts as."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from dialer.domain.codes import SystemCode
from dialer.domain.ids import AttemptId, JobId
from dialer.domain.pacing_plan import AbandonBudget, BudgetWindow, StartPoint

GREETING_SILENCE_S = 0.7
"""The detector knows a person by the silence after the greeting, and says so this long after it (AMD in [outdial])."""

DETECTOR_USUAL_S = 1.5  # from a person's answer until the detector says so

WINDOWS = {BudgetWindow.DAY: timedelta(hours=24), BudgetWindow.MONTH: timedelta(days=30), BudgetWindow.CAMPAIGN: None}


def window_begins(budget: AbandonBudget, now: datetime) -> datetime | None:
    """The moment from which the share is reckoned; None = from the campaign's first call."""
    length = WINDOWS[budget.window]
    return None if length is None else now - length


def wait_s(budget: AbandonBudget, *, detected: bool) -> float:
    """How long somebody who has just been known for a person may still be without an agent.

    Counted from the answer, what a detector may take is gone by then.
    """
    if not detected:
        return budget.threshold_s
    taken = GREETING_SILENCE_S if budget.start is StartPoint.GREETING_END else DETECTOR_USUAL_S
    return max(0.3, budget.threshold_s - taken)


def answer_began(answered_at: datetime | None, person_at: datetime) -> datetime:
    """The answer of somebody who was known for a person: its own news may have come late, or never."""
    return min(answered_at or person_at, person_at)


class Verdict(StrEnum):
    """What a live answer counts as."""

    CONNECTED = "connected"  # had an agent in time
    ABANDONED = "abandoned"  # had none in time
    LEFT = "left"  # hung up before the time was over: neither
    MACHINE = "machine"  # an agent found that it was a machine
    WAITING = "waiting"  # not decided yet


@dataclass(frozen=True, slots=True)
class Wait:
    """How long a person waited for an agent: until one came, or (not `served`) for as long as they stayed without one."""

    seconds: float  # infinite for whoever heard the message, and is not known to have gone
    served: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveAnswer:
    """One call for agents that a person answered, with every moment that a regulator asks for; times are aware UTC."""

    attempt_id: AttemptId
    job_id: JobId
    ordered_at: datetime
    answered_at: datetime
    person_at: datetime  # known for a person: by the detector, or by the answer itself
    detected: bool  # a detector has listened
    ringing_at: datetime | None = None
    joined_at: datetime | None = None  # an agent had them
    agent: str = ""  # the login
    ended_at: datetime | None = None
    code: str = ""
    system_code: str = ""
    machine: bool = False  # the agent's code says that it was a machine

    @property
    def greeting_ended_at(self) -> datetime:
        """The end of their greeting, as well as it is known: a detector tells it late, without one the answer stands for it."""
        if not self.detected:
            return self.answered_at
        return max(self.answered_at, self.person_at - timedelta(seconds=GREETING_SILENCE_S))

    def waits_from(self, budget: AbandonBudget) -> datetime:
        """The moment from which the law's seconds run."""
        return self.answered_at if budget.start is StartPoint.ANSWER else self.greeting_ended_at

    @property
    def wait(self) -> Wait | None:
        """From the moment at which an agent could have had them, which is when they were known for a person; without a detector,
        from the answer. None for who waits still, and for a machine.
        """
        if self.machine:
            return None
        since = self.person_at if self.detected else self.answered_at
        if self.joined_at is not None:
            return Wait(max(0.0, (self.joined_at - since).total_seconds()), served=True)
        if self.ended_at is not None:
            return Wait(max(0.0, (self.ended_at - since).total_seconds()), served=False)
        return Wait(math.inf, served=False) if SystemCode.NUISANCE_CALL in (self.system_code, self.code) else None

    def verdict(self, budget: AbandonBudget) -> Verdict:
        """What it counts as. Who cannot be shown to have had an agent in time, and stayed, was abandoned."""
        limit = self.waits_from(budget) + timedelta(seconds=budget.threshold_s)
        if self.machine:
            return Verdict.MACHINE
        if self.joined_at is not None:
            return Verdict.CONNECTED if self.joined_at <= limit else Verdict.ABANDONED
        if self.system_code == SystemCode.NUISANCE_CALL or self.code == SystemCode.NUISANCE_CALL:
            return Verdict.ABANDONED
        if self.ended_at is None:
            return Verdict.WAITING
        return Verdict.LEFT if self.ended_at < limit else Verdict.ABANDONED
