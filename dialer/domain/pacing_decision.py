"""Why a job placed as many calls as it did, over one stretch of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dialer.domain.ids import JobId


@dataclass(frozen=True, slots=True, kw_only=True)
class PacingDecision:
    """The decisions of some seconds taken together; the figures and the reason are those of the last of them."""

    job_id: JobId
    at: datetime  # aware UTC: the last decision
    pacer: str
    decisions: int = 1
    placed: int
    idle: int  # agents
    talking: int
    wrapping: int
    ringing: int  # calls that nobody has answered
    waiting: int  # persons without an agent
    live: float  # persons in the window of the budget
    abandoned: float
    because: str
