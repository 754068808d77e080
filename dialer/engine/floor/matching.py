"""Which agent gets which contact: whoever has waited longest goes to whoever has idled longest, of those who may have them."""

from __future__ import annotations

from collections.abc import Sequence

from dialer.domain.desk_call import CallKind, DeskCall
from dialer.domain.desk_happenings import Assigned, Offered
from dialer.engine.call import Call
from dialer.engine.floor.desks import Desks
from dialer.engine.floor.ground import Ground
from dialer.engine.floor.job import FloorJob
from dialer.engine.floor.seat import Seat


class Matching:
    """Of one floor."""

    def __init__(self, ground: Ground, desks: Desks) -> None:
        self._ground, self._desks = ground, desks

    def match(self) -> None:
        """Give those who wait an agent, as far as there are any."""
        queue = sorted(
            (since, attempt, job.job.id) for job in self._ground.jobs.values() for attempt, since in job.waiting.items()
        )
        for _, attempt_id, job_id in queue:
            job, call = self._ground.jobs[job_id], self._ground.calls.get(attempt_id)
            if call is None or call.off_line:
                job.waiting.pop(attempt_id, None)
                continue
            if not (free := self._free(job, CallKind.PACED)):
                continue
            seat = _longest_idle(free, job)
            del job.waiting[attempt_id]
            self._ground.seats.contacts[attempt_id] = seat
            self._desks.apply(seat, Assigned(call=job.call_to(call)))

    def wait_again(self, call: Call) -> None:
        """A contact has lost the agent: the next free one, at once."""
        job = self._ground.jobs.get(call.attempt.job_id)
        self._ground.seats.contacts.pop(call.attempt.id, None)
        if job is not None and not call.off_line:
            job.waiting[call.attempt.id] = self._ground.clock.now()
            self.match()

    def offer(self, call: DeskCall, *, login: str = "", only: bool = False) -> bool:
        """Offer a contact to the agent of that login, or else (unless `only`) to whoever has been idle longest."""
        job = self._ground.jobs.get(call.job_id)
        if job is None:
            return False
        free = self._free(job, call.kind)
        mine = [one for one in free if login and one.desk.agent.login.casefold() == login.casefold()]
        chosen = mine or ([] if only else free)
        if not chosen:
            return False
        seat = _longest_idle(chosen, job)
        if call.attempt_id is not None:
            self._ground.seats.contacts[call.attempt_id] = seat
        self._desks.apply(seat, Offered(call=call))
        return True

    def _free(self, job: FloorJob, kind: CallKind) -> list[Seat]:
        return [one for one in self._ground.seats.values() if one.desk.can_take(kind) and not job.refuses(one)]


def _longest_idle(free: Sequence[Seat], job: FloorJob) -> Seat:
    """Those whose time counts for the job come first."""
    return min(free, key=lambda one: (one.attached != job.job.id, one.desk.since))
