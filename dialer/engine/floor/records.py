"""What the floor keeps in the database: agents' states, reasons of pacing, what pacers learned; and the ledger that it reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta

import structlog

from dialer.domain.agent import AgentState
from dialer.domain.campaign import Job
from dialer.domain.desk import Desk
from dialer.domain.ids import AttemptId, JobId
from dialer.domain.live_answer import window_begins
from dialer.domain.pacing_decision import PacingDecision
from dialer.engine.floor.job import BudgetKey, FloorJob, budget_key
from dialer.engine.floor.pacing import MEMORY_S, FloorPacing
from dialer.errors import StoreDown
from dialer.pacing.abandonment import AbandonLedger
from dialer.ports import Clock
from dialer.services.agent_times import nobody_is_there, note_states
from dialer.services.budgets import BudgetAnswers, read_budget
from dialer.services.pacing_plans import active_codes
from dialer.store.agents import StateChange
from dialer.store.store import Store

log = structlog.get_logger()

CODES_S = 5.0  # how soon a code that is made passive is offered to no agent any more
WRITE_S = 0.5  # how soon a change of state is on record
AGAIN_S = 1.0  # a floor that begins while the database is away waits for it
LEDGER_S = 60.0  # the ledger in memory is compared with the database this often: agents correct codes
LEDGER_BACK = timedelta(minutes=110)
KEPT = timedelta(days=35)  # decisions
FORGET_S = 600.0
STOPPED = "the dialer stopped"


class FloorRecords:
    """Of all jobs of the floor. `is_up`: whether a call is up, of which the floor knows more than the database."""

    def __init__(self, store: Store, clock: Clock, is_up: Callable[[AttemptId], bool]) -> None:
        self._store, self._clock, self._is_up = store, clock, is_up
        self._changes: list[StateChange] = []
        self._decisions: list[PacingDecision] = []
        self._ledgers: dict[BudgetKey, AbandonLedger] = {}
        self._read_s: dict[BudgetKey, float] = {}
        self._remembered_s: dict[JobId, float] = {}
        self._forgot_s = self._codes_read_s = clock.monotonic_s()
        self.pacings: dict[JobId, FloorPacing] = {}
        self._writing: asyncio.Task[None] | None = None

    async def ledger_of(self, job: Job) -> AbandonLedger:
        """The ledger of a job's budget, read from the database where nobody has it yet. Raises StoreDown."""
        key, budget = budget_key(job), job.definition.pacing.budget
        if key not in self._ledgers:
            found = await read_budget(self._store, job, since=window_begins(budget, self._clock.now()))
            ledger = self._ledgers.setdefault(key, AbandonLedger(budget))
            self._note(key, ledger, found)
        return self._ledgers[key]

    def changed(self, before: Desk, desk: Desk) -> None:
        """A desk has moved: another state, or another reason to rest, goes on record."""
        if _shown(before) == _shown(desk):
            return
        call = desk.call
        self._changes.append(
            StateChange(
                agent_id=desk.agent.id,
                at=self._clock.now(),
                state=desk.state,
                reason=desk.reason if desk.caller is None else f"queue {desk.caller.queue}",
                walked_away=desk.walked_away,
                job_id=call.job_id if call else None,
                attempt_id=call.attempt_id if call else None,
            )
        )

    async def nobody_is_there(self, because: str) -> None:
        """Put on record that whoever was logged in is not any more, as soon as the database can."""
        while True:
            try:
                await nobody_is_there(self._store, at=self._clock.now(), because=because)
                return
            except StoreDown as down:
                log.error("the floor waits for the database", reason=str(down))
                await self._clock.sleep(AGAIN_S)

    async def run(self, jobs: Mapping[JobId, FloorJob]) -> None:
        """Keep the records until cancelled. A database that is away for a moment loses nothing."""
        while True:
            await self._clock.sleep(WRITE_S)
            await self._keep(jobs.values())

    async def leave(self, desks: Iterable[Desk]) -> None:
        """The dialer stops: nobody is there any more, and no pacer goes on."""
        now = self._clock.now()
        for desk in desks:
            if desk.state is not AgentState.LOGGED_OUT:
                self._changes.append(StateChange(agent_id=desk.agent.id, at=now, state=AgentState.LOGGED_OUT, reason=STOPPED))
        for job_id in list(self.pacings):
            self.end(job_id)
        try:
            await self.write()
        except StoreDown as down:
            log.warning("the floor's last records are lost", reason=str(down))

    async def _keep(self, jobs: Iterable[FloorJob]) -> None:
        """Write what has gathered, and read what may have changed."""
        try:
            await self.write()
            if self._clock.monotonic_s() - self._codes_read_s >= CODES_S:
                self._codes_read_s = self._clock.monotonic_s()
                for one in list(jobs):
                    one.codes = await active_codes(self._store, one.job)
            for key, ledger in list(self._ledgers.items()):
                if self._clock.monotonic_s() - self._read_s[key] >= LEDGER_S:
                    # As they are now: a job that began a moment ago has this ledger, and shares it with those that come.
                    await self._compare(key, ledger, next((one.job for one in jobs if budget_key(one.job) == key), None))
            for job_id, pacing in list(self.pacings.items()):
                await self._remember(job_id, pacing)
            await self._forget()
        except StoreDown as down:
            log.warning("the floor's records wait for the database", reason=str(down))

    async def write(self) -> None:
        """States and decisions. Raises StoreDown; then they are still here.

        Whoever is cancelled meanwhile cannot know whether they are on disk: so it ends all the same, and the next one waits for
        it, and writes nothing twice.
        """
        while self._writing is not None and not self._writing.done():
            await asyncio.gather(self._writing, return_exceptions=True)
        self._writing = asyncio.create_task(self._write(), name="write the floor's records")
        await asyncio.shield(self._writing)

    async def _write(self) -> None:
        if changes := list(self._changes):
            await note_states(self._store, changes)
            del self._changes[: len(changes)]
        for pacing in self.pacings.values():
            self._decisions += pacing.take_records()
        if decisions := list(self._decisions):
            await self._store.write(lambda tx: tx.pacing.add(decisions))
            del self._decisions[: len(decisions)]

    async def begin(self, job_id: JobId, pacing: FloorPacing) -> None:
        """A job's pacer begins: it is told what an earlier one of the campaign had learned. Raises StoreDown."""
        saved = await self._store.read(lambda tx: tx.pacing.memory(tx.jobs(None).get(job_id).campaign_id, pacing.name))
        if saved is not None:
            pacing.recall(saved[1])
        self.pacings[job_id] = pacing
        self._remembered_s[job_id] = self._clock.monotonic_s()

    def end(self, job_id: JobId) -> None:
        """A job's pacer ends."""
        if (pacing := self.pacings.pop(job_id, None)) is not None:
            self._decisions += pacing.close()
            self._remembered_s.pop(job_id, None)

    async def _remember(self, job_id: JobId, pacing: FloorPacing) -> None:
        if self._clock.monotonic_s() - self._remembered_s.get(job_id, 0.0) < MEMORY_S:
            return
        self._remembered_s[job_id] = self._clock.monotonic_s()
        data = pacing.memory()
        if data is not None:
            await self._store.write(lambda tx: tx.pacing.remember(tx.jobs(None).get(job_id).campaign_id, pacing.name, data))

    async def _compare(self, key: BudgetKey, ledger: AbandonLedger, job: Job | None) -> None:
        if job is None:
            del self._ledgers[key], self._read_s[key]  # read anew when a job of it begins
            return
        self._note(key, ledger, await read_budget(self._store, job, since=self._clock.now() - LEDGER_BACK))

    def _note(self, key: BudgetKey, ledger: AbandonLedger, found: BudgetAnswers) -> None:
        for answer in found.answers:
            if not (self._is_up(answer.attempt_id) and ledger.knows(answer.attempt_id)):
                ledger.note(answer)
        ledger.note_machines(found.machines)
        self._read_s[key] = self._clock.monotonic_s()

    async def _forget(self) -> None:
        if self._clock.monotonic_s() - self._forgot_s >= FORGET_S:
            self._forgot_s = self._clock.monotonic_s()
            before = self._clock.now() - KEPT
            await self._store.write(lambda tx: tx.pacing.forget(before))


def _shown(desk: Desk) -> tuple[object, ...]:
    resting = desk.state is AgentState.NOT_READY
    return desk.state, desk.reason if resting else "", desk.walked_away if resting else False
