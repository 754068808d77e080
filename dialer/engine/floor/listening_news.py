"""What supervisors who listen are told of it and of the agent, and what the agent is told of them."""

from __future__ import annotations

from dialer.domain.agent import Agent
from dialer.domain.agent_events import AgentMoved, ListeningChanged, ListeningStage, SupervisorChanged
from dialer.engine.floor.listening import Listening
from dialer.engine.floor.seat import Audience, Seat
from dialer.engine.floor.view import number_shown
from dialer.ports import Clock
from dialer.ports_agents import SpyMode


class ListeningNews:
    """Of one floor. `agents_know`: agents are told of supervisors who only listen, too."""

    def __init__(self, audience: Audience, clock: Clock, *, agents_know: bool) -> None:
        self._audience, self._clock, self._agents_know = audience, clock, agents_know

    def tell(self, held: Listening, stage: ListeningStage, because: str = "") -> None:
        """The supervisor is told how it stands."""
        now = self._clock.now()
        event = ListeningChanged(at=now, stage=stage, agent=held.agent, how=held.how.value, because=because)
        self._audience.tell(held.supervisor.id, event)

    def moved(self, held: Listening) -> None:
        """The supervisor is told that the agent's desk is another now."""
        desk, now = held.seat.desk, self._clock.now()
        campaign = "" if desk.call is None else desk.call.campaign
        event = AgentMoved(at=now, agent=held.agent, state=desk.state, campaign=campaign, number=number_shown(desk))
        self._audience.tell(held.supervisor.id, event)

    def inform(self, held: Listening, how: str) -> None:
        """The agent is told of whom they hear; of who only listens where the settings say so."""
        if how == SpyMode.LISTEN and not self._agents_know:
            how = ""
        old, held.told = held.told, (held.seat, how)
        if old is not None and old[0] is not held.seat and old[1]:
            self._inform_of(old[0], held.supervisor, "")
        if how != (old[1] if old is not None and old[0] is held.seat else ""):
            self._inform_of(held.seat, held.supervisor, how)

    def _inform_of(self, seat: Seat, supervisor: Agent, how: str) -> None:
        event = SupervisorChanged(at=self._clock.now(), supervisor=supervisor.login, how=how)
        self._audience.tell(seat.desk.agent.id, event)
