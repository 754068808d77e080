"""What agents' desktops ask of the desks: each command is carried out, or its agent is told why not."""

from __future__ import annotations

from dataclasses import replace

from dialer.domain.agent import Agent, AgentState
from dialer.domain.agent_commands import Command, DialPreview, GoNotReady, LogIn, Redial
from dialer.domain.desk import Refused
from dialer.domain.desk_machine import after, new_desk
from dialer.domain.ids import AgentId
from dialer.engine.floor.desk_work import DeskWork
from dialer.engine.floor.desks import Desks
from dialer.engine.floor.ground import Ground
from dialer.engine.floor.leaving import Leaving
from dialer.engine.floor.seat import Seat
from dialer.errors import BadInput, NotFound, StoreDown
from dialer.services import agent_contact
from dialer.services.agent_floor import Done
from dialer.services.agents import list_reasons, reason_of


class DeskCommands:
    """Of all desks of a floor."""

    def __init__(self, ground: Ground, desks: Desks, work: DeskWork, leaving: Leaving) -> None:
        self._ground, self._desks, self._work, self._leaving = ground, desks, work, leaving

    async def carry_out(self, agent_id: AgentId, command: Command) -> Done | Refused:
        """Carry out a command, or say why not."""
        store, clock = self._ground.store, self._ground.clock
        seat = self._ground.seats.get(agent_id)
        if seat is None or (isinstance(command, LogIn) and seat.desk.state is AgentState.LOGGED_OUT):
            try:
                agent = await store.read(lambda tx: tx.agents(None).get(agent_id))
            except (NotFound, StoreDown) as why:
                return Refused(str(why))
            seat = self._seat(agent)
        if isinstance(command, GoNotReady):
            try:
                reasons = await list_reasons(store, seat.desk.agent.org_id)
                command = replace(command, reason=reason_of(command.reason, reasons))
            except (BadInput, StoreDown) as why:
                return Refused(str(why))
        answer = after(seat.desk, self._leaving.judged(seat, command), clock.now())
        if isinstance(answer, Refused):
            return answer
        if isinstance(command, DialPreview | Redial) and command.address and seat.desk.call is not None:
            try:
                await agent_contact.check_address(store, seat.desk.agent, seat.desk.call, command.address)
            except (BadInput, NotFound, StoreDown) as why:
                return Refused(str(why))
            answer = after(seat.desk, command, clock.now())  # the desk may have moved meanwhile
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
            answer = after(seat.desk, command, clock.now())
            if isinstance(answer, Refused):
                return Done(said=said)
            answer = replace(answer, tasks=tuple(task for task in answer.tasks if not self._work.answers(task)))
        self._desks.move(seat, answer)
        return Done(said=said)

    def _seat(self, agent: Agent) -> Seat:
        ground = self._ground
        seat = ground.seats.get(agent.id)
        if seat is None:
            seat = ground.seats.add(Seat(new_desk(agent, ground.clock.now())))
            ground.begin(self._work.serve(seat), f"desk of {agent.login}")
        seat.desk = replace(seat.desk, agent=agent)
        return seat
