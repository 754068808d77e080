"""What moves the desks of agents: their own commands, what happens around them, and time."""

from __future__ import annotations

from collections.abc import Callable

from dialer.domain.agent_commands import Command
from dialer.domain.agent_events import AgentEvent
from dialer.domain.desk import Desk, Moved
from dialer.domain.desk_happenings import Happening, LegDown, TimeIsUp
from dialer.domain.desk_machine import after
from dialer.domain.ids import LegId
from dialer.engine.floor.ground import Ground
from dialer.engine.floor.seat import Seat


class Desks:
    """All desks of one floor. A desk changes at once; what it asks for waits in its seat, and is done by `DeskWork`."""

    def __init__(self, ground: Ground, moved: Callable[[Seat, Desk], None]) -> None:
        """`moved` is told of each desk that has moved, and what it was before."""
        self._ground, self._on_moved = ground, moved

    def apply(self, seat: Seat, what: Happening | Command) -> None:
        """Something has happened at a desk, or is done there for its agent."""
        answer = after(seat.desk, what, self._ground.clock.now())
        if isinstance(answer, Moved):
            self.move(seat, answer)

    def move(self, seat: Seat, moved: Moved) -> None:
        """The desk is another from now on: tell its agent, and put down what is to be done."""
        before, seat.desk = seat.desk, moved.desk
        for event in moved.events:
            self.tell(seat, event)
        for task in moved.tasks:
            seat.tasks.put_nowait(task)
        self._on_moved(seat, before)

    def tell(self, seat: Seat, event: AgentEvent) -> None:
        """Tell whoever listens to this agent."""
        self._ground.audience.tell(seat.desk.agent.id, event)

    def ring_alarms(self) -> None:
        """Move the desks whose time is up."""
        now = self._ground.clock.now()
        for seat in self._ground.seats.values():
            due = seat.desk.due_at
            if due is not None and due <= now:
                self.apply(seat, TimeIsUp())

    def leg_down(self, leg_id: LegId, because: str) -> None:
        """An agent's telephone is not up any more."""
        if (seat := self._ground.seats.forget_leg(leg_id)) is not None:
            seat.switch = ""
            self.apply(seat, LegDown(because=because))
