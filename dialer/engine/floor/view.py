"""The floor as a supervisor sees it: who is at work, with whom, for how long, and whom somebody listens to."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dialer.domain.agent import AgentState
from dialer.domain.desk import Desk
from dialer.domain.ids import JobId, OrgId
from dialer.engine.floor.job import FloorJob
from dialer.engine.floor.seat import Seat
from dialer.engine.floor.seats import Seats
from dialer.logs import mask
from dialer.services.agent_floor import AtWork

HeardBy = Callable[[Seat], Mapping[str, str]]  # the supervisors at an agent's side, and how they take part


def at_work(seats: Seats, jobs: Mapping[JobId, FloorJob], heard_by: HeardBy, org_id: OrgId) -> list[AtWork]:
    """The agents of an organisation who are logged in, by login."""
    mine = (one for one in seats.values() if one.desk.agent.org_id == org_id)
    there = [_shown(one, jobs, heard_by(one)) for one in mine if one.desk.state is not AgentState.LOGGED_OUT]
    return sorted(there, key=lambda one: one.agent.casefold())


def number_shown(desk: Desk) -> str:
    """The number of the contact or caller before an agent, so that it can be told from others and not be dialled."""
    if desk.caller is not None:
        return mask(desk.caller.number)
    return "" if desk.call is None else mask(desk.call.address)


def _shown(seat: Seat, jobs: Mapping[JobId, FloorJob], heard_by: Mapping[str, str]) -> AtWork:
    desk, job = seat.desk, None if seat.attached is None else jobs.get(seat.attached)
    waits_for = "" if job is None else job.job.campaign_name
    return AtWork(
        agent=desk.agent.login,
        name=desk.agent.name,
        state=desk.state,
        since=desk.since,
        reason=desk.reason,
        line=desk.leg.value,
        campaign=waits_for if desk.call is None else desk.call.campaign,
        queue="" if desk.caller is None else desk.caller.queue,
        number=number_shown(desk),
        silent=desk.lost_at is not None,
        heard_by=heard_by,
    )
