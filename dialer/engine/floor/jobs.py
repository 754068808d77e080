"""The running jobs with agents: how each stands on the floor, what its pacer sees, and whether an agent could be spared."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from math import ceil

from dialer.domain.campaign import Job
from dialer.domain.desk import Desk
from dialer.domain.desk_call import CallKind
from dialer.domain.desk_tasks import PlaceCall
from dialer.domain.ids import JobId
from dialer.engine.call import Call
from dialer.engine.calls import Calls
from dialer.engine.floor.job import FloorJob, answer_of
from dialer.engine.floor.queues import CallersWaiting
from dialer.engine.floor.records import FloorRecords
from dialer.engine.floor.seat import Seat
from dialer.engine.floor.seats import Seats
from dialer.pacing.floor import AgentWentOn, Fact, Floor, Served
from dialer.ports import Clock
from dialer.services.pacing_plans import active_codes
from dialer.store.store import Store

Placer = Callable[[Seat, PlaceCall], Awaitable[None]]


class FloorJobs(Mapping[JobId, FloorJob]):
    """Of one floor. A job stays until it places no more calls and nobody is left of it."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        calls: Calls,
        seats: Seats,
        records: FloorRecords,
        behind_s: Callable[[str], float],
        callers: Callable[[FloorJob], CallersWaiting],
    ) -> None:
        """`behind_s`: how old what is known of a switch is; `callers`: who waits in the queues that a job gives way to."""
        self._store, self._clock, self._calls, self._seats, self._records = store, clock, calls, seats, records
        self._behind_s, self._callers = behind_s, callers
        self._of: dict[JobId, FloorJob] = {}
        self.placers: dict[JobId, Placer] = {}  # how each job calls somebody for an agent

    def __getitem__(self, job_id: JobId) -> FloorJob:
        return self._of[job_id]

    def __iter__(self) -> Iterator[JobId]:
        return iter(self._of)

    def __len__(self) -> int:
        return len(self._of)

    # ── their coming and going ────────────────────────────────────────────────────────────────────────────────────────

    async def open(self, job: Job, switch: str) -> bool:
        """It begins, or begins again: its budget is read from the database. True where it is new here. Raises StoreDown."""
        codes = await active_codes(self._store, job)
        ledger = await self._records.ledger_of(job)
        if (known := self._of.get(job.id)) is not None:  # paused a moment ago: whoever waits still waits
            known.job, known.ledger, known.codes, known.closing = job, ledger, codes, False
            return False
        self._of[job.id] = FloorJob(job, ledger, codes, switch)
        return True

    def update(self, job: Job) -> None:
        """The job as it is now: an operator may have changed its pacing."""
        if (held := self._of.get(job.id)) is not None:
            held.job = job
            held.ledger.budget = job.definition.pacing.budget

    def close(self, job_id: JobId) -> None:
        """It places no more calls."""
        if (job := self._of.get(job_id)) is not None:
            job.closing = True

    def forget(self) -> None:
        """Those that are through and have nobody left are forgotten."""
        for job_id in [one.job.id for one in self._of.values() if one.closing]:
            if not self.is_busy(job_id) and next(self._calls.up(job_id), None) is None:
                del self._of[job_id]
                self.placers.pop(job_id, None)

    # ── how they stand ────────────────────────────────────────────────────────────────────────────────────────────────

    def picture(self, job_id: JobId) -> Floor:
        """What a pacer sees of the job now."""
        job = self._of[job_id]
        seats = [seat for seat in self._seats.values() if seat.attached == job_id and (job.closing or not seat.moving)]
        if job.closing:  # whoever is free, or is nobody else's, gets those who still answer
            others = (one for one in self._seats.values() if one.attached != job_id and not job.refuses(one))
            seats += [one for one in others if one.attached is None or one.desk.can_take(CallKind.PACED)]
        late, callers, calls = self._behind_s(job.switch), self._callers(job), self._calls.up(job_id)
        return job.picture(self._clock.monotonic_s(), self._clock.now(), seats, calls, behind_s=late, callers=callers)

    def take_facts(self, job_id: JobId) -> list[Fact]:
        """What has happened since this was asked last."""
        job = self._of[job_id]
        facts, job.facts = job.facts, []
        return facts

    def look_anew(self, job_id: JobId) -> None:
        """An agent has left it: what its pacer has decided, and has not placed yet, counted on one more."""
        if (pacing := self._records.pacings.get(job_id)) is not None:
            pacing.look_anew()

    def idle(self, job_id: JobId, kind: CallKind) -> int:
        """How many agents could be offered a contact of the job now."""
        return sum(seat.is_free_for(job_id, kind) for seat in self._seats.values())

    def spare(self, job_id: JobId) -> int:
        """How many idle agents would be left if those who are expected to answer soon had one each."""
        seen, pacing = self.picture(job_id), self._records.pacings.get(job_id)
        out = len(seen.ringing_s) + len(seen.detecting)
        answers = ceil(out * (1.0 if pacing is None else pacing.hit_rate))
        return seen.idle + len(self._of[job_id].promised) - seen.waiting - answers

    def is_busy(self, job_id: JobId) -> bool:
        """Whether an agent still has a contact of the job before them, or somebody waits for one."""
        job = self._of.get(job_id)
        at_desks = any(seat.desk.call is not None and seat.desk.call.job_id == job_id for seat in self._seats.values())
        return at_desks or bool(job is not None and job.waiting)

    # ── what happens to their contacts ────────────────────────────────────────────────────────────────────────────────

    def note_answer(self, call: Call, *, nuisance: bool = False) -> None:
        """The ledger is told how a live answer stands."""
        job, answer = self._of.get(call.attempt.job_id), answer_of(call, nuisance=nuisance)
        if job is not None and answer is not None:
            job.ledger.note(answer)

    def moved(self, desk: Desk, before: Desk) -> None:
        """A pacer learns from a contact who has left a desk."""
        call, now = before.call, self._clock.now()
        job = None if call is None or desk.call is not None else self._of.get(call.job_id)
        if job is not None and call is not None and call.joined_at is not None:
            ended = call.ended_at or now
            job.learn(Served(talk_s=(ended - call.joined_at).total_seconds(), wrap_s=(now - ended).total_seconds()))
            job.learn(AgentWentOn(back=desk.is_idle))
