"""A floor with the real desks and no telephone network: phones are answered at once, and contacts talk as long as they like."""

from __future__ import annotations

from datetime import UTC, datetime

from dialer.domain.agent import Agent, AgentState
from dialer.domain.agent_commands import Command
from dialer.domain.desk import Desk, Refused
from dialer.domain.desk_call import DeskCall
from dialer.domain.desk_happenings import Assigned, ContactGone, Happening, Joined, LegUp, Offered, Placed, SocketBack, SocketLost
from dialer.domain.desk_machine import after, new_desk
from dialer.domain.desk_tasks import CloseAttempt, GiveBack, HangUpContact, Join, PlaceCall, RingLeg, Task
from dialer.domain.ids import AgentId, AttemptId
from dialer.services.agent_floor import Done
from tests.fake_floor import FakeFloor


class DeskFloor(FakeFloor):
    """Carries commands out on desks. `closed` and `given_back` are what left them."""

    def __init__(self, *agents: Agent) -> None:
        super().__init__()
        self.desks = {one.id: new_desk(one, datetime.now(UTC)) for one in agents}
        self.tasks: list[Task] = []
        self.closed: list[CloseAttempt] = []
        self.given_back: list[DeskCall] = []

    async def command(self, agent_id: AgentId, command: Command) -> Done | Refused:
        self.commands.append((agent_id, command))
        return self._move(agent_id, command)

    async def socket_lost(self, agent_id: AgentId) -> None:
        await super().socket_lost(agent_id)
        self._move(agent_id, SocketLost())

    async def socket_back(self, agent_id: AgentId) -> None:
        await super().socket_back(agent_id)
        self._move(agent_id, SocketBack())

    async def desk(self, agent_id: AgentId) -> Desk | None:
        desk = self.desks[agent_id]
        return None if desk.state is AgentState.LOGGED_OUT else desk

    def offer(self, agent: Agent, call: DeskCall) -> None:
        """A contact to read about first."""
        self._move(agent.id, Offered(call=call))

    def assign(self, agent: Agent, call: DeskCall) -> None:
        """A contact who has answered."""
        self._move(agent.id, Assigned(call=call))

    def hang_up(self, agent: Agent) -> None:
        """The contact hangs up."""
        call = self.desks[agent.id].call
        assert call is not None
        assert call.attempt_id is not None
        self._move(agent.id, ContactGone(attempt_id=call.attempt_id))

    def _move(self, agent_id: AgentId, what: Command | Happening) -> Done | Refused:
        moved = after(self.desks[agent_id], what, datetime.now(UTC))
        if isinstance(moved, Refused):
            return moved
        self.desks[agent_id] = moved.desk
        self.tell(moved.desk.agent, *moved.events)
        for task in moved.tasks:
            self._do(agent_id, task)
        return Done()

    def _do(self, agent_id: AgentId, task: Task) -> None:
        self.tasks.append(task)
        match task:
            case RingLeg():
                self._move(agent_id, LegUp())
            case Join(call=call) if call.attempt_id is not None:
                self._move(agent_id, Joined(attempt_id=call.attempt_id))
            case PlaceCall():
                attempt = AttemptId(f"called{len(self.tasks):020d}")
                self._move(agent_id, Placed(attempt_id=attempt))
                self._move(agent_id, Joined(attempt_id=attempt))
            case HangUpContact(call=call) if call.attempt_id is not None:
                self._move(agent_id, ContactGone(attempt_id=call.attempt_id))
            case CloseAttempt():
                self.closed.append(task)
            case GiveBack(call=call):
                self.given_back.append(call)
