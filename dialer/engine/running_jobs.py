"""Follow what operators ask of jobs: start, pause, resume, stop; and end a job when nothing is left to do."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field

import structlog

from dialer.domain.campaign import Job, JobState
from dialer.domain.finish import time_is_up
from dialer.domain.ids import JobId
from dialer.domain.installation import InstallationMode, forbidden
from dialer.domain.node_status import JobStatus
from dialer.engine.breaker import Breaker
from dialer.engine.calls import Calls
from dialer.engine.deliveries import Deliveries
from dialer.engine.exhaustion import Exhaustion
from dialer.engine.floor.floor import Floor
from dialer.engine.job_runner import JobRunner
from dialer.engine.trunk import Trunk
from dialer.errors import Conflict, NotFound, OutdialError, StoreDown
from dialer.pacing.shares import Shares
from dialer.ports import Clock, VoicePort
from dialer.services.completion import Completed, StrategyOf
from dialer.services.custom_restrictions import CustomRestrictions
from dialer.services.finishing import complete, finish_if_late
from dialer.services.holding import HELD, held_because
from dialer.services.result_processors import ResultProcessors
from dialer.store.store import Store, Tx

log = structlog.get_logger()

LOOK_S = 0.25  # an operator's word is in force within this time
LEASE_SWEEP_S = 5.0
CONDITIONS_S = 0.9  # how often the clock and the conditions of call pausing are asked


@dataclass(slots=True)
class _Running:
    runner: JobRunner
    task: asyncio.Task[None] = field(repr=False)


class RunningJobs:
    """Looks after all jobs of the database."""

    def __init__(
        self,
        *,
        store: Store,
        voice: VoicePort,
        calls: Calls,
        deliveries: Deliveries,
        restrictions: CustomRestrictions,
        clock: Clock,
        strategy_of: StrategyOf,
        trunks: tuple[Trunk, ...],
        node: str,
        lease_s: float = 30.0,
        processors: ResultProcessors,
        mode: InstallationMode = InstallationMode.TELEPHONY,
        floor: Floor,
    ) -> None:
        self._mode, self._floor = mode, floor
        self._processors, self._restrictions = processors, restrictions
        self._store, self._voice, self._calls, self._deliveries, self._clock = store, voice, calls, deliveries, clock
        self._strategy_of, self._node, self._lease_s = strategy_of, node, lease_s
        self._trunks = {trunk.name: trunk for trunk in trunks}
        self._default_trunk = trunks[0].name
        self._breakers: defaultdict[str, Breaker] = defaultdict(Breaker)
        self._running: dict[JobId, _Running] = {}
        self._draining = False
        self._leases_seen_s = clock.monotonic_s()
        self._conditions_seen_s = clock.monotonic_s() - CONDITIONS_S
        self._exhaustion = Exhaustion(store, clock)
        self._shares: defaultdict[str, Shares] = defaultdict(Shares)
        calls.on_completed = deliveries.on_completed = self._completed

    async def run(self) -> None:
        """Look at the jobs for ever."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    try:
                        await self._look(group)
                    except StoreDown as down:
                        log.error("the database does not answer", reason=str(down))
                    await self._clock.sleep(LOOK_S)
        finally:
            for running in self._running.values():
                running.runner.stop()

    def drain(self) -> None:
        """Place no more calls; jobs stay as they are in the database and go on at the next start."""
        self._draining = True
        for running in self._running.values():
            running.runner.stop()

    def status(self) -> dict[int, JobStatus]:
        """The running jobs as they stand at this moment, each with what holds it up."""
        found = {}
        for job_id, running in self._running.items():
            runner = running.runner
            trunk = self._trunk_of(runner.job)
            because, is_open = self._hindrance(runner)
            found[int(job_id)] = JobStatus(
                in_flight=self._in_flight(job_id),
                ringing=self._calls.ringing(job_id),
                trunk=trunk,
                switch=self._voice.switch_for(trunk),
                room=self._voice.room(trunk),
                because=because,
                open=is_open,
            )
        return found

    def _hindrance(self, runner: JobRunner) -> tuple[str, bool]:
        breaker, standing = self._breakers[self._trunk_of(runner.job)], runner.standing
        if standing.trouble:
            return standing.trouble, False
        if breaker.because and runner.calls:
            return f"trunk resting: {breaker.because}", False
        if standing.nobody_due:
            return "nobody is due", True
        return standing.decision.because, standing.decision.n > 0

    async def _look(self, group: asyncio.TaskGroup) -> None:
        now = self._clock.now()
        if self._clock.monotonic_s() - self._leases_seen_s > LEASE_SWEEP_S:
            self._leases_seen_s = self._clock.monotonic_s()
            await self._store.write(lambda tx: tx.job_contacts.release(now=now, expired_only=True))
        jobs = await self._store.read(lambda tx: tx.jobs(None).not_completed())
        if self._clock.monotonic_s() - self._conditions_seen_s > CONDITIONS_S:
            self._conditions_seen_s = self._clock.monotonic_s()
            for job in jobs:
                if job.state in (JobState.RUNNING, JobState.PAUSED) and not await self._end_if_late(job):
                    await self._hold_or_resume(job)
            jobs = await self._store.read(lambda tx: tx.jobs(None).not_completed())
        for job_id in self._running.keys() - {job.id for job in jobs if job.state is JobState.RUNNING}:
            self._running[job_id].runner.stop()
        for job_id in [job_id for job_id, running in self._running.items() if running.task.done()]:
            del self._running[job_id]
        for job in jobs:
            match job.state:
                case JobState.QUEUED if not self._draining:
                    await self._set_state(job, JobState.RUNNING, "started")
                case JobState.RUNNING if not self._draining:
                    await self._keep_running(job, group)
                case JobState.STOPPING:
                    await self._bring_to_end(job)
                case _:
                    pass

    async def _keep_running(self, job: Job, group: asyncio.TaskGroup) -> None:
        running = self._running.get(job.id)
        if running is None:
            try:
                runner = self._runner(job)
            except OutdialError as mistake:  # one job's mistake stops that job, and it says why
                log.error("a job cannot run", job=job.id, reason=str(mistake))
                await self._set_state(job, JobState.PAUSED, f"cannot run: {mistake}")
                return
            task = group.create_task(self._run_guarded(runner), name=f"job {job.id}")
            self._running[job.id] = _Running(runner, task)
            return
        runner = running.runner
        if runner.stops:  # another one goes on where it leaves
            runner.leave()
            return
        runner.update(job)
        if runner.standing.nobody_due and self._in_flight(job.id) == 0 and not self._floor.calls_for(job.id):
            await self._exhaustion.look(job)

    async def _run_guarded(self, runner: JobRunner) -> None:
        try:
            await runner.run()
        except Exception:  # one job's trouble may not end another's; the next look starts this job afresh
            log.exception("a job's runner failed", job=runner.job.id)
            await self._clock.sleep(1.0)

    def _in_flight(self, job_id: JobId) -> int:
        return self._calls.in_flight(job_id) + self._deliveries.sending(job_id)

    def _runner(self, job: Job) -> JobRunner:
        strategy = self._strategy_of(job.id, job.strategy_text)
        if because := self._deliveries.cannot(strategy) or self._restrictions.cannot(strategy):
            raise NotFound(because)
        # Also asked when it was started; a schedule knows no settings, and these may have changed since.
        if because := forbidden(self._mode, job.definition.pacing, {one.channel for one in strategy.handlers}):
            raise Conflict(because)
        plan = job.definition.pacing
        if plan.has_agents and plan.dials and not self._floor.has_telephones:
            raise NotFound("its agents have no telephones here")
        trunk = self._trunks[self._trunk_of(job)]
        return JobRunner(
            store=self._store,
            voice=self._voice,
            calls=self._calls,
            deliveries=self._deliveries,
            restrictions=self._restrictions,
            clock=self._clock,
            job=job,
            strategy=strategy,
            trunk=trunk.name,
            caller_id=job.definition.caller_id or trunk.caller_id,
            node=self._node,
            breaker=self._breakers[trunk.name],
            lease_s=self._lease_s,
            shares=self._shares[trunk.name],
            floor=self._floor,
        )

    def _trunk_of(self, job: Job) -> str:
        name = job.definition.trunk or self._default_trunk
        if name not in self._trunks:
            raise NotFound(f"the settings have no trunk {name!r}, which the campaign asks for")
        return name

    async def _end_if_late(self, job: Job) -> bool:
        if not time_is_up(job.definition.finish, job.started_at, self._clock.now()):
            return False
        now = self._clock.now()
        return bool(await self._store.write(lambda tx: finish_if_late(tx, job.id, now)))

    async def _hold_or_resume(self, job: Job) -> None:
        """Call pausing: hold a job back, and let it go on, by its own conditions. What an operator paused stays paused."""
        holds, now = job.definition.holds, self._clock.now()
        held = job.state is JobState.PAUSED
        if (held and job.changed_by != HELD) or not (holds or held):
            return
        because = await self._store.read(lambda tx: held_because(tx, job, now))
        if because and not held:
            await self._set_state(job, JobState.PAUSED, because, by=HELD)
        elif held and not because:
            await self._set_state(job, JobState.RUNNING, "its conditions let it go on", by=HELD)

    async def _bring_to_end(self, job: Job) -> None:
        """No call is placed any more. Those in flight end by themselves, or now when the operator forces it."""
        if (running := self._running.get(job.id)) is not None:
            if job.force:
                running.runner.leave()
            return
        if job.force:
            for attempt in self._calls.of_job(job.id):
                self._calls.hang_up_asked(attempt.id)
                await self._voice.hang_up(attempt.id, attempt.switch)
            await self._deliveries.settle(job.id)
        if self._in_flight(job.id) == 0:

            def work(tx: Tx) -> None:
                if not tx.attempts.open(job_id=job.id):
                    tx.job_contacts.release(now=self._clock.now(), job_id=job.id)
                    complete(tx, job, because=job.because, by="dialer")

            await self._store.write(work)

    async def _set_state(self, job: Job, state: JobState, because: str, by: str = "dialer") -> None:
        try:
            await self._store.write(lambda tx: tx.jobs(None).set_state(job.id, state, because=because, by=by))
        except Conflict:  # the operator was quicker
            log.info("job changed meanwhile", job=job.id)

    def _completed(self, completed: Completed) -> None:
        attempt = completed.attempt
        if completed.called:
            self._breakers[attempt.trunk].record(attempt.code or "", self._clock.monotonic_s())
        log.info("attempt closed", attempt=attempt.id, job=attempt.job_id, code=attempt.code, source=attempt.code_source)
        if completed.result is not None:
            self._processors.submit(completed.result)
        if completed.job_finished_because and (running := self._running.get(attempt.job_id)):
            running.runner.stop()  # at once; the database refuses further intents anyway
