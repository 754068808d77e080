"""What a result processor is told of an attempt that has ended."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from dialer.domain.channel import Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptResult:
    """One final completion code with its circumstances."""

    processor: str  # the name by which the strategy asked for it
    campaign: str
    job_id: int
    attempt_id: str
    contact_id: str  # the user's own id
    handler: str
    address_name: str  # "" when nobody was attempted, or none was needed
    channel: Channel
    address: str  # E.164 for a telephone; "" when nobody was attempted, or none was needed
    code: str
    system_code: str
    source: str  # whose word it is: "app", "action", "network", "amd", "gateway", "reconcile", "operator", "reply", "compliance"
    ended_at: datetime
    note: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)  # the contact's, as they were when the code was recorded


class ResultProcessor(Protocol):
    """A function of a third party, plain or async. What it raises is logged; the code is recorded already."""

    def __call__(self, result: AttemptResult, /) -> Awaitable[None] | None: ...
