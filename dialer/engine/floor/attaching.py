"""For which job each agent's time counts: an agent who idles is free for one job, or two jobs would dial for the same person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dialer.domain.agent import AgentState
from dialer.domain.agent_events import JobAttached, JobDetached
from dialer.engine.floor.desks import Desks
from dialer.engine.floor.ground import Ground
from dialer.engine.floor.job import FloorJob
from dialer.engine.floor.leaving import is_awaited, out_of
from dialer.engine.floor.seat import Seat


class Attaching:
    """Of one floor."""

    def __init__(self, ground: Ground, desks: Desks) -> None:
        self._ground, self._desks = ground, desks

    def look(self) -> None:
        """Look anew for whom each agent works."""
        for seat, job in attached(self._ground.seats.values(), self._ground.jobs.values()):
            self._attach(seat, job)

    def _attach(self, seat: Seat, job: FloorJob | None) -> None:
        new = None if job is None else job.job.id
        now, before = self._ground.clock.now(), None if seat.attached is None else self._ground.jobs.get(seat.attached)
        if seat.attached == new:
            seat.moving = False
            return
        if before is not None:
            out = sum(1 for _ in out_of(self._ground.calls.up(before.job.id)))
            seat.moving = is_awaited(seat, self._ground.seats.values(), out + before.ordered)
        if seat.moving:
            return
        if seat.attached is not None:
            self._ground.jobs.look_anew(seat.attached)
            name = before.job.campaign_name if before is not None else ""
            self._desks.tell(seat, JobDetached(at=now, job_id=seat.attached, campaign=name, because=_why_detached(seat, before)))
        seat.attached = new
        if job is not None:
            self._desks.tell(seat, JobAttached(at=now, job_id=job.job.id, campaign=job.job.campaign_name))


def _why_detached(seat: Seat, before: FloorJob | None) -> str:
    if seat.desk.state is AgentState.LOGGED_OUT:
        return "you have logged out"
    if before is None:
        return "its run is over"
    return "it places no more calls" if before.closing else "another campaign needs you"


def attached(seats: Iterable[Seat], jobs: Iterable[FloorJob]) -> Iterator[tuple[Seat, FloorJob | None]]:
    """Each agent with a job: the preferred one, else where agents are fewest for its priority. None = no job has work.

    Whoever is attached stays where the agents are evenly spread: a job more or less moves no more of them than it must.
    """
    open_jobs = [job for job in jobs if not job.closing]
    counts = dict.fromkeys((job.job.id for job in open_jobs), 0)
    for seat in sorted(seats, key=lambda one: (one.attached is None, one.desk.agent.id)):
        prefers = {name.casefold(): place for place, name in enumerate(seat.desk.agent.preferred)}

        def rank(job: FloorJob, seat: Seat = seat, prefers: dict[str, int] = prefers) -> tuple[float, ...]:
            moves = seat.attached != job.job.id
            crowded = (counts[job.job.id] + moves) / 2**job.job.definition.priority
            return prefers.get(job.job.campaign_name.casefold(), len(prefers)), crowded, job.job.id

        fit = [] if seat.desk.state is AgentState.LOGGED_OUT else [job for job in open_jobs if not job.refuses(seat)]
        best = min(fit, key=rank, default=None)
        if best is not None:
            counts[best.job.id] += 1
        yield seat, best
