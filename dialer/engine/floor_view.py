"""The floor as a supervisor sees it: who is at work, with whom, for how long, and whom somebody listens to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dialer.domain.agent import AgentState
from dialer.domain.desk import Desk
from dialer.domain.ids import OrgId
from dialer.engine.seat import Seat
from dialer.logs import mask
from dialer.services.agent_floor import AtWork

if TYPE_CHECKING:
    from dialer.engine.floor import Floor


def at_work(floor: Floor, org_id: OrgId) -> list[AtWork]:
    """The agents of an organisation who are logged in, by login."""
    seats = (one for one in floor.seats.values() if one.desk.agent.org_id == org_id)
    there = [_shown(floor, one) for one in seats if one.desk.state is not AgentState.LOGGED_OUT]
    return sorted(there, key=lambda one: one.agent.casefold())


def number_shown(desk: Desk) -> str:
    """The number of the contact or caller before an agent, so that it can be told from others and not be dialled."""
    if desk.caller is not None:
        return mask(desk.caller.number)
    return "" if desk.call is None else mask(desk.call.address)


def _shown(floor: Floor, seat: Seat) -> AtWork:
    desk, job = seat.desk, None if seat.attached is None else floor.jobs.get(seat.attached)
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
        heard_by=floor.listenings.at(seat),
    )
