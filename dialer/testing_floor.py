"""Who is on the floor of `FakeAgentVoice`, for tests to look at."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from dialer.domain.ids import AttemptId, ConsultId, LegId
from dialer.ports import CallOrder
from dialer.ports_agents import ConsultOrder, ContactState, LegOrder, LegState, SpyMode


@dataclass(slots=True)
class FakeLeg:
    """One agent's phone that is ringing or up."""

    order: LegOrder
    began: float
    state: LegState = LegState.RINGING
    contact: AttemptId | None = None  # with whom it talks, also in a conference
    third: ConsultId | LegId | None = None  # the third party, or other agent, with whom it talks
    spies_on: tuple[LegId, SpyMode] | None = None


@dataclass(slots=True)
class FakeContact:
    """One person on the floor."""

    order: CallOrder
    switch: str
    state: ContactState = ContactState.WAITING
    legs: tuple[LegId, ...] = ()  # with whom they talk
    thirds: tuple[ConsultId, ...] = ()
    keeper: LegId | None = None  # the agent who holds them
    transferred: bool = False  # to a third party: both calls end together
    digits: str = ""  # what was pressed towards them
    heard: str = ""  # the message that they heard last
    timer: asyncio.Task[None] | None = None


@dataclass(slots=True)
class FakeThird:
    """One third party that is ringing or up."""

    order: ConsultOrder
    switch: str
    up: bool = False
