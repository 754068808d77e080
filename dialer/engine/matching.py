"""Which agent gets which contact: whoever has waited longest goes to whoever has idled longest, of those who may have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dialer.domain.desk_call import CallKind, DeskCall
from dialer.domain.desk_happenings import Assigned, Offered
from dialer.engine.floor_job import FloorJob
from dialer.engine.seat import Seat

if TYPE_CHECKING:
    from dialer.engine.floor import Floor


class Matching:
    """Of one floor."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def match(self) -> None:
        """Give those who wait an agent, as far as there are any."""
        floor = self._floor
        queue = sorted((since, attempt, job.job.id) for job in floor.jobs.values() for attempt, since in job.waiting.items())
        for _, attempt_id, job_id in queue:
            job, call = floor.jobs[job_id], floor.calls.get(attempt_id)
            if call is None or call.off_line:
                job.waiting.pop(attempt_id, None)
                continue
            if not (free := self._free(job, CallKind.PACED)):
                continue
            seat = _longest_idle(free, job)
            del job.waiting[attempt_id]
            floor.with_seat[attempt_id] = seat
            floor.apply(seat, Assigned(call=job.call_to(call)))

    def offer(self, call: DeskCall, *, login: str = "", only: bool = False) -> bool:
        """Offer a contact to the agent of that login, or else (unless `only`) to whoever has been idle longest."""
        job = self._floor.jobs.get(call.job_id)
        if job is None:
            return False
        free = self._free(job, call.kind)
        mine = [one for one in free if login and one.desk.agent.login.casefold() == login.casefold()]
        chosen = mine or ([] if only else free)
        if not chosen:
            return False
        seat = _longest_idle(chosen, job)
        if call.attempt_id is not None:
            self._floor.with_seat[call.attempt_id] = seat
        self._floor.apply(seat, Offered(call=call))
        return True

    def _free(self, job: FloorJob, kind: CallKind) -> list[Seat]:
        return [one for one in self._floor.seats.values() if one.desk.can_take(kind) and not job.refuses(one)]


def _longest_idle(free: Sequence[Seat], job: FloorJob) -> Seat:
    """Those whose time counts for the job come first."""
    return min(free, key=lambda one: (one.attached != job.job.id, one.desk.since))
