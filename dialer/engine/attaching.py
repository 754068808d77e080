"""For which job each agent's time counts: an agent who idles is free for one job, or two jobs would dial for the same person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dialer.domain.agent import AgentState
from dialer.engine.floor_job import FloorJob
from dialer.engine.seat import Seat


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
