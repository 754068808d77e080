"""An agent at work: the desk, the telephone that is kept up for it, what is to be done next; and who listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from types import TracebackType
from typing import Any

from dialer.domain.agent_events import AgentEvent
from dialer.domain.desk import Desk
from dialer.domain.desk_call import CallKind
from dialer.domain.desk_tasks import Task
from dialer.domain.ids import AgentId, ConsultId, JobId, LegId

UNREAD_MOST = 1000  # a desktop that does not read loses the oldest: it asks for the desk as it is when it comes back


class Seat:
    """One agent. Its tasks are done one after the other; its desk changes at once."""

    __slots__ = ("attached", "consult_id", "desk", "leg_id", "moving", "switch", "tasks")

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.leg_id: LegId | None = None
        self.switch = ""  # that carries the leg
        self.consult_id: ConsultId | None = None  # whom the agent asks now
        self.attached: JobId | None = None  # for which job the agent's time is counted
        self.moving = False  # ... but no call is placed for the agent any more: another job has the agent next
        self.tasks: asyncio.Queue[Task] = asyncio.Queue()

    def is_free_for(self, job_id: JobId, kind: CallKind) -> bool:
        """Whether calls of a job may be placed for this agent, who waits."""
        return self.attached == job_id and not self.moving and self.desk.can_take(kind)


class Listener(AsyncGenerator[AgentEvent, None]):
    """What an agent is told, from the moment it is made until it is closed."""

    def __init__(self, left: Callable[[Listener], None]) -> None:
        self._unread: asyncio.Queue[AgentEvent | None] = asyncio.Queue(UNREAD_MOST)
        self._left, self._over = left, False

    def put(self, event: AgentEvent | None) -> None:
        """One more thing to be told; None = that was all."""
        if self._unread.full():
            self._unread.get_nowait()
        self._unread.put_nowait(event)

    async def asend(self, value: None) -> AgentEvent:
        """The next event."""
        event = None if self._over else await self._unread.get()
        if event is None:
            await self.aclose()
            raise StopAsyncIteration
        return event

    async def athrow(self, typ: Any, val: Any = None, tb: TracebackType | None = None) -> AgentEvent:
        """End it with an error."""
        await self.aclose()
        raise typ if val is None else val

    async def aclose(self) -> None:
        """Listen no more."""
        if not self._over:
            self._over = True
            self._left(self)


class Audience:
    """Everybody who is told something of the floor, by whose desk it is."""

    def __init__(self) -> None:
        self._listeners: dict[AgentId, set[Listener]] = {}

    def listen(self, agent_id: AgentId) -> Listener:
        """What this person is told, from now on."""
        mine = self._listeners.setdefault(agent_id, set())
        listener = Listener(mine.discard)
        mine.add(listener)
        return listener

    def tell(self, agent_id: AgentId, event: AgentEvent) -> None:
        """Tell whoever listens to this person's desk."""
        for listener in self._listeners.get(agent_id, ()):
            listener.put(event)

    def close(self) -> None:
        """That was all, for everybody."""
        for listener in [one for mine in self._listeners.values() for one in mine]:
            listener.put(None)
