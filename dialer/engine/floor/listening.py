"""A supervisor at an agent's side, and whom a supervisor may hear."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from dialer.domain.agent import Agent, AgentState
from dialer.domain.desk import Leg, Refused
from dialer.domain.desk_call import CallKind
from dialer.domain.ids import LegId
from dialer.engine.floor.seat import Seat
from dialer.engine.floor.seats import Seats
from dialer.ports_agents import SpyMode

TALKS = (AgentState.TALKING, AgentState.HELD, AgentState.CONSULT, AgentState.CONFERENCE)


@dataclass(slots=True, kw_only=True)
class Listening:
    """One supervisor at an agent's side, from the ringing of the supervisor's telephone to the end."""

    supervisor: Agent
    seat: Seat  # the agent's
    agent_leg: LegId
    how: SpyMode
    leg_id: LegId  # the supervisor's own telephone
    switch: str
    began: bool = False  # the supervisor hears
    over: bool = False
    record: int | None = None  # of the stretch that goes on
    told: tuple[Seat, str] | None = None  # which agent was told of it, and what
    lost_at: datetime | None = None  # the supervisor's desktop has been silent since
    parks: int = 0  # times that the switch will tell that the telephone is parked, because we parked it
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)  # the switch is asked for one thing after the other

    @property
    def agent(self) -> str:
        """The agent's login."""
        return self.seat.desk.agent.login


def whom(supervisor: Agent, login: str, held: Listening | None, seats: Seats) -> Seat | Refused:
    """The agent whom a supervisor names and may hear now. `held`: whom they hear already."""
    if not login:
        return held.seat if held is not None else Refused("you listen to nobody", "name an agent")
    seat = seats.named(supervisor.org_id, login)
    if seat is None or seat.desk.state is AgentState.LOGGED_OUT:
        return Refused(f"no agent {login[:80]!r} is at work")
    if held is not None and seat is held.seat:
        return seat  # between two talks, too
    call = seat.desk.call
    if seat.desk.state not in TALKS:
        return Refused(f"{seat.desk.agent.login} is not talking", "the question floor tells who is")
    manual = call is not None and call.kind is CallKind.MANUAL
    if manual or seat.desk.leg is not Leg.UP or seat.leg_id is None:
        return Refused(f"{seat.desk.agent.login} is not talking on a telephone of ours")
    return seat
