"""The contact that an agent has before them, from the offer until its code."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from dialer.domain.agent import AgentRules
from dialer.domain.ids import AttemptId, CallbackId, ContactId, JobId, OfferId


class CallKind(StrEnum):
    """How the contact came to the agent."""

    PACED = "paced"  # called for whoever is free; it had answered when it came
    PREVIEW = "preview"  # read about first, then called
    MANUAL = "manual"  # read about, and called by the agent elsewhere; nothing goes through our switches
    CALLBACK = "callback"  # somebody promised it; as a preview


@dataclass(frozen=True, slots=True, kw_only=True)
class Third:
    """The third person whom an agent asks."""

    number: str = ""
    agent: str = ""  # login, when it is one of ours
    up: bool = False  # has answered

    def __str__(self) -> str:
        return self.agent or self.number


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskCall:
    """One contact at one desk. Times are aware UTC."""

    job_id: JobId
    contact_id: ContactId
    campaign: str
    kind: CallKind
    rules: AgentRules  # of its campaign, as they were when it came
    attempt_id: AttemptId | None = None  # a preview has none until it is called; a manual one from the offer on
    address: str = ""
    callback_id: CallbackId | None = None
    joined_at: datetime | None = None
    ended_at: datetime | None = None
    fallback: str = ""  # the code that the dialer itself would give it, as far as it has come
    third: Third | None = None
    passed_to: str = ""  # the number with whom the contact still talks, after a transfer
    asked_by: str = ""  # the login of the agent whose call it is; "" = it is this agent's own

    @property
    def is_own(self) -> bool:
        """This agent says how it ended."""
        return not self.asked_by


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskCaller:
    """A caller of a queue at one desk: no contact, and no attempt of a campaign. Times are aware UTC."""

    offer: OfferId
    queue: str
    number: str = ""  # "" = not told
    rules: AgentRules = field(default_factory=AgentRules)  # how long the wrap-up is
    joined_at: datetime | None = None
    third: Third | None = None
    passed_to: str = ""  # the number with whom the caller still talks, after a transfer
    asked_by: str = ""  # the login of the agent who has the caller and asks this one; "" = it is this agent's own

    @property
    def is_own(self) -> bool:
        """This agent has taken the caller, or was handed them."""
        return not self.asked_by


Person: TypeAlias = DeskCall | DeskCaller
"""Somebody whom an agent has on the line."""
