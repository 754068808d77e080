"""A floor that does nothing but remember: for tests of the desk that agents' programs connect to."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator
from datetime import UTC, datetime

from dialer.domain.agent import Agent, AgentState
from dialer.domain.agent_commands import Command
from dialer.domain.agent_events import AgentEvent, StateChanged
from dialer.domain.desk import Desk, Refused
from dialer.domain.desk_call import DeskCall
from dialer.domain.ids import AgentId, OrgId
from dialer.domain.supervisor_commands import SupervisorCommand
from dialer.errors import NotFound, StoreDown
from dialer.services.agent_card import AgentCard
from dialer.services.agent_floor import AtWork, Done
from dialer.web.agent_questions import DeskBooks

ANN = Agent(id=AgentId(1), org_id=OrgId(1), login="ann")
BOB = Agent(id=AgentId(2), org_id=OrgId(1), login="bob")
ANNS_TOKEN, BOBS_TOKEN = "ann-token-0123456789", "bob-token-0123456789"


class FakeFloor:
    """Answers as it was told to: `answers` by the command's type, Done otherwise."""

    def __init__(self) -> None:
        self.commands: list[tuple[AgentId, Command | SupervisorCommand]] = []
        self.listenings = FakeSupervision(self)
        self.answers: dict[type, Done | Refused | Exception] = {}
        self.going_on = asyncio.Event()  # cleared: commands wait until it is set
        self.going_on.set()
        self.presence: list[tuple[AgentId, bool]] = []
        self.broken = False  # it cannot say how a desk stands
        self._queues: dict[AgentId, list[asyncio.Queue[AgentEvent | None]]] = defaultdict(list)

    async def command(self, agent_id: AgentId, command: Command) -> Done | Refused:
        self.commands.append((agent_id, command))
        await self.going_on.wait()
        answer = self.answers.get(type(command), Done())
        if isinstance(answer, Exception):
            raise answer
        return answer

    def listen(self, agent_id: AgentId) -> AsyncGenerator[AgentEvent, None]:
        queue: asyncio.Queue[AgentEvent | None] = asyncio.Queue()
        self._queues[agent_id].append(queue)
        return self._told(agent_id, queue)

    async def _told(self, agent_id: AgentId, queue: asyncio.Queue[AgentEvent | None]) -> AsyncGenerator[AgentEvent, None]:
        try:
            while (event := await queue.get()) is not None:
                yield event
        finally:
            self._queues[agent_id].remove(queue)

    async def socket_lost(self, agent_id: AgentId) -> None:
        self.presence.append((agent_id, False))

    async def socket_back(self, agent_id: AgentId) -> None:
        self.presence.append((agent_id, True))

    async def desk(self, agent_id: AgentId) -> Desk | None:
        if self.broken:
            raise StoreDown("no database")
        return None

    def tell(self, agent: Agent, *events: AgentEvent) -> None:
        """Something happens to an agent."""
        for event in events:
            for queue in self._queues[agent.id]:
                queue.put_nowait(event)

    def close(self) -> None:
        """The floor ends: nobody is told anything more."""
        for queues in self._queues.values():
            for queue in queues:
                queue.put_nowait(None)

    def listeners(self, agent: Agent) -> int:
        """How many listen to what an agent is told."""
        return len(self._queues[agent.id])


class FakeSupervision:
    """What supervisors ask: remembered and answered as the floor's other commands."""

    def __init__(self, floor: FakeFloor) -> None:
        self.floor = floor
        self.there: list[AtWork] | Refused = []  # who is at work

    async def command(self, agent_id: AgentId, command: SupervisorCommand) -> Done | Refused:
        self.floor.commands.append((agent_id, command))
        answer = self.floor.answers.get(type(command), Done())
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def at_work(self, agent_id: AgentId) -> list[AtWork] | Refused:
        return self.there


def state(now: AgentState) -> StateChanged:
    """An event."""
    return StateChanged(at=datetime(2026, 5, 11, 18, tzinfo=UTC), state=now)


class Tokens(dict[str, Agent]):
    """Whose each token is."""

    down = False  # the database does not answer
    asked = 0

    async def identify(self, token: str) -> Agent | None:
        self.asked += 1
        if self.down:
            raise StoreDown("no database")
        return self.get(token)

    @property
    def books(self) -> DeskBooks:
        """For a desk that looks up nothing else."""
        return DeskBooks(identify=self.identify, contact=self._nobody, reasons=self._reasons)

    async def _nobody(self, agent: Agent, call: DeskCall) -> AgentCard:
        raise NotFound("no such contact")

    async def _reasons(self, agent: Agent) -> list[str]:
        return ["Lunch"]
