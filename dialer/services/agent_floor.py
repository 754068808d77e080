"""What an agent's desktop asks of the floor: carry out a command, and tell what happens."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from dialer.domain.agent import AgentState
from dialer.domain.agent_commands import Command
from dialer.domain.agent_events import AgentEvent
from dialer.domain.desk import Desk, Refused
from dialer.domain.ids import AgentId
from dialer.domain.supervisor_commands import SupervisorCommand


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A command was carried out."""

    said: Mapping[str, object] = field(default_factory=dict)  # what it answers besides: the moment of a callback that was put off


BUSY = Refused("the dialer is starting or stopping", "try again in a moment")


@dataclass(frozen=True, slots=True, kw_only=True)
class AtWork:
    """An agent at work, as supervisors see it."""

    agent: str
    name: str
    state: AgentState
    since: datetime
    reason: str = ""  # why not ready
    line: str = ""  # "down", "ringing", "up"; "" = works without a telephone of ours
    campaign: str = ""  # of the contact, or whose contacts the agent would get
    queue: str = ""  # of the caller before the agent
    number: str = ""  # of the contact or caller before the agent, masked
    silent: bool = False  # the desktop is not connected
    heard_by: Mapping[str, str] = field(default_factory=dict)  # supervisors, and how: "listen", "whisper", "barge"


class Supervision(Protocol):
    """What supervisors ask of the floor (engine.floor.listenings)."""

    async def command(self, agent_id: AgentId, command: SupervisorCommand) -> Done | Refused:
        """Carry out a supervisor's command, or say why not."""

    async def at_work(self, agent_id: AgentId) -> Sequence[AtWork] | Refused:
        """Who of the organisation is at work, as this supervisor sees it; or why it is not shown."""


class AgentFloor(Protocol):
    """The agents who work now, whoever keeps them (engine.floor.floor)."""

    async def command(self, agent_id: AgentId, command: Command) -> Done | Refused:
        """Carry out a command, or say why not. One that has begun is never cancelled by who asked."""

    def listen(self, agent_id: AgentId) -> AsyncGenerator[AgentEvent, None]:
        """What the agent is told, from the moment of this call, until the floor closes. It says nothing of who is there."""

    async def socket_lost(self, agent_id: AgentId) -> None:
        """The agent's desktop has gone away: no new contact for who cannot see it; what goes on goes on."""

    async def socket_back(self, agent_id: AgentId) -> None:
        """A desktop of this agent is there, for the first time or again."""

    @property
    def listenings(self) -> Supervision:
        """What supervisors ask."""

    async def desk(self, agent_id: AgentId) -> Desk | None:
        """The agent's state as it is now; None for one who is not logged in."""
