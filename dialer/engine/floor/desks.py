"""What moves the desks of agents: their own commands, what happens around them, and time."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace

import structlog

from dialer.domain.agent import Agent, AgentState
from dialer.domain.agent_commands import Command, GoNotReady, LogIn
from dialer.domain.agent_events import AgentEvent
from dialer.domain.desk import Desk, Moved, Refused
from dialer.domain.desk_happenings import Happening, TimeIsUp
from dialer.domain.desk_machine import after, new_desk
from dialer.domain.desk_tasks import Task
from dialer.domain.ids import AgentId
from dialer.engine.floor.desk_work import DeskWork
from dialer.engine.floor.seat import Audience, Seat
from dialer.engine.floor.seats import Seats
from dialer.errors import BadInput, NotFound, StoreDown
from dialer.ports import Clock
from dialer.services.agent_floor import Done
from dialer.services.agents import list_reasons, reason_of
from dialer.store.store import Store

log = structlog.get_logger()

Begin = Callable[[Coroutine[None, None, None], str], None]


class Desks:
    """All desks of one floor. A desk changes at once; what its tasks ask of wires and of the database follows, one by one."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        seats: Seats,
        audience: Audience,
        work: DeskWork,
        begin: Begin,
        moved: Callable[[Seat, Desk], None],
    ) -> None:
        """`begin` starts something that goes on beside; `moved` is told of each desk that has moved, and what it was before."""
        self._store, self._clock, self._seats, self._audience = store, clock, seats, audience
        self._work, self._begin, self._on_moved = work, begin, moved

    async def command(self, agent_id: AgentId, command: Command) -> Done | Refused:
        """Carry out a command, or say why not."""
        seat = self._seats.get(agent_id)
        if seat is None or (isinstance(command, LogIn) and seat.desk.state is AgentState.LOGGED_OUT):
            try:
                agent = await self._store.read(lambda tx: tx.agents(None).get(agent_id))
            except (NotFound, StoreDown) as why:
                return Refused(str(why))
            seat = self._seat(agent)
        if isinstance(command, GoNotReady):
            try:
                reasons = await list_reasons(self._store, seat.desk.agent.org_id)
                command = replace(command, reason=reason_of(command.reason, reasons))
            except (BadInput, StoreDown) as why:
                return Refused(str(why))
        answer = after(seat.desk, command, self._clock.now())
        if isinstance(answer, Refused):
            return answer
        asked = [task for task in answer.tasks if self._work.answers(task)]
        said: dict[str, object] = {}
        for task in asked:  # before the desk moves: what is refused has changed nothing
            told = await self._work.answer(seat, task)
            if isinstance(told, Refused):
                return told
            said |= told
        if asked:  # the desk may have moved meanwhile
            answer = after(seat.desk, command, self._clock.now())
            if isinstance(answer, Refused):
                return Done(said=said)
            answer = replace(answer, tasks=tuple(task for task in answer.tasks if not self._work.answers(task)))
        self._moved(seat, answer)
        return Done(said=said)

    def apply(self, seat: Seat, what: Happening | Command) -> None:
        """Something has happened at a desk, or is done there for its agent."""
        answer = after(seat.desk, what, self._clock.now())
        if isinstance(answer, Moved):
            self._moved(seat, answer)

    def tell(self, seat: Seat, event: AgentEvent) -> None:
        """Tell whoever listens to this agent."""
        self._audience.tell(seat.desk.agent.id, event)

    def ring_alarms(self) -> None:
        """Move the desks whose time is up."""
        now = self._clock.now()
        for seat in self._seats.values():
            due = seat.desk.due_at
            if due is not None and due <= now:
                self.apply(seat, TimeIsUp())

    # ── inside ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _seat(self, agent: Agent) -> Seat:
        seat = self._seats.get(agent.id)
        if seat is None:
            seat = self._seats.add(Seat(new_desk(agent, self._clock.now())))
            self._begin(self._do_tasks(seat), f"desk of {agent.login}")
        seat.desk = replace(seat.desk, agent=agent)
        return seat

    def _moved(self, seat: Seat, moved: Moved) -> None:
        before, seat.desk = seat.desk, moved.desk
        for event in moved.events:
            self.tell(seat, event)
        for task in moved.tasks:
            seat.tasks.put_nowait(task)
        self._on_moved(seat, before)

    async def _do_tasks(self, seat: Seat) -> None:
        while True:
            task: Task = await seat.tasks.get()
            try:
                await self._work.do(seat, task)
            except Exception:  # the outer edge of one desk's task: its trouble may not end another's
                log.exception("a desk's task failed", agent=seat.desk.agent.login, task=type(task).__name__)
