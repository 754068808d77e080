"""Send agents over to callers by itself while a queue stands above its threshold, and back when it has been empty for a while."""

from __future__ import annotations

from collections.abc import Callable

from dialer.domain.agent import AgentState
from dialer.domain.desk import Pending
from dialer.domain.desk_call import CallKind
from dialer.domain.desk_happenings import Blended
from dialer.domain.ids import AgentId, JobId
from dialer.domain.inbound_plan import Blend
from dialer.engine.floor.desks import Desks
from dialer.engine.floor.ground import Ground
from dialer.engine.floor.job import FloorJob
from dialer.engine.floor.queues import CallersWaiting
from dialer.engine.floor.seat import Seat
from dialer.engine.floor.takers import takers_of

COMING = (AgentState.READY, AgentState.DIALLING, AgentState.WRAP_UP)  # from these an agent who is blended in takes a caller soon


class Blending:
    """Of one floor. It moves nobody for whom somebody who answers may be waiting soon."""

    def __init__(self, ground: Ground, desks: Desks, callers: Callable[[FloorJob], CallersWaiting]) -> None:
        """`callers`: who waits in the queues that a job gives way to."""
        self._ground, self._desks, self._callers = ground, desks, callers
        self._sent: dict[AgentId, JobId] = {}  # whom we have sent over, and for which campaign
        self._declined: dict[AgentId, JobId] = {}  # who went back by their own word: not again before the queue was empty
        self._above_s: dict[JobId, float] = {}  # since when
        self._empty_s: dict[JobId, float] = {}

    def look(self) -> None:
        """Send over, or back, whoever is to go."""
        for agent_id in [one for one in self._sent if not self._takes_callers(one)]:
            self._declined[agent_id] = self._sent.pop(agent_id)
        running = {job.job.id: job for job in self._ground.jobs.values() if _blends(job)}
        for agent_id in [one for one, job_id in self._sent.items() if job_id not in running]:
            self._send_back(agent_id, "the campaign is over: contacts come to you again")
        for job in running.values():
            self._look_at(job, self._callers(job))

    def _look_at(self, job: FloorJob, callers: CallersWaiting) -> None:
        job_id, now_s, plan = job.job.id, self._ground.clock.monotonic_s(), job.inbound
        if callers.unknown or not plan.is_above(callers.waiting, callers.longest_s):
            self._above_s.pop(job_id, None)
        elif now_s - self._above_s.setdefault(job_id, now_s) >= plan.blend_after_s:
            self._send_over(job, callers)
        if callers.unknown or callers.waiting:
            self._empty_s.pop(job_id, None)
        elif now_s - self._empty_s.setdefault(job_id, now_s) >= plan.blend_back_s:
            for agent_id in [one for one, whose in self._sent.items() if whose == job_id]:
                self._send_back(agent_id, f"nobody waits in {', '.join(plan.queues)}: contacts come to you again")
            self._declined = {one: whose for one, whose in self._declined.items() if whose != job_id}

    def _send_over(self, job: FloorJob, callers: CallersWaiting) -> None:
        coming = sum(seat.desk.state in COMING and seat.desk.caller is None for seat in takers_of(job, self._ground.seats))
        for _ in range(callers.waiting - coming):
            seat = self._next(job)
            if seat is None:
                return
            self._sent[seat.desk.agent.id] = job.job.id
            because = f"{callers.waiting} callers wait in {callers.where}: you take callers now"
            self._desks.apply(seat, Blended(inbound=True, because=because))

    def _next(self, job: FloorJob) -> Seat | None:
        """Who idles and is not needed by those who may answer soon, else who is writing while others are there for them."""
        mine = [one for one in self._ground.seats.values() if one.attached == job.job.id and self._may_go(one)]
        spare = self._ground.jobs.spare(job.job.id)
        idle = [one for one in mine if one.desk.can_take(CallKind.PACED)] if spare >= 1 else []
        writing = [one for one in mine if one.desk.state is AgentState.WRAP_UP] if spare >= 0 else []
        return min(idle or writing, key=lambda one: one.desk.since, default=None)

    def _may_go(self, seat: Seat) -> bool:
        desk = seat.desk
        stays = desk.pending is not Pending.NOTHING or desk.lost_at is not None or desk.blended_in
        return not stays and desk.has_line and desk.agent.id not in self._declined

    def _takes_callers(self, agent_id: AgentId) -> bool:
        seat = self._ground.seats.get(agent_id)
        return seat is not None and seat.desk.blended_in

    def _send_back(self, agent_id: AgentId, because: str) -> None:
        del self._sent[agent_id]
        self._desks.apply(self._ground.seats[agent_id], Blended(inbound=False, because=because))


def _blends(job: FloorJob) -> bool:
    return not job.closing and job.inbound.blend is Blend.AUTOMATIC and bool(job.inbound.queues)
