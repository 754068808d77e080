"""A result on its way to those who are to be told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dialer.domain.ids import ContactId


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedResult:
    """One result for one target. `event_id` is the same however often it is told, and to whomever: by it doubles are known."""

    id: int  # a contact's results are told in this order
    event_id: str
    contact_id: ContactId
    created_at: datetime
    body: Mapping[str, Any]  # what is told, fit for JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """How many results wait for a target (None: for targets to be named in the settings), and since when the oldest does."""

    target: str | None
    results: int
    oldest_at: datetime
