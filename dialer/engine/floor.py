"""The floor: agents and contacts brought together, in the two seconds that the law gives, and everything that agents ask for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from dataclasses import replace
from math import ceil

import structlog

from dialer.domain.agent import Agent, AgentState
from dialer.domain.agent_commands import Command, GoNotReady, LogIn
from dialer.domain.agent_events import AgentEvent, JobAttached, JobDetached
from dialer.domain.campaign import Job
from dialer.domain.desk import Desk, Moved, Refused
from dialer.domain.desk_call import CallKind, DeskCall
from dialer.domain.desk_happenings import Happening, SocketBack, SocketLost, TimeIsUp
from dialer.domain.desk_machine import after, new_desk
from dialer.domain.desk_tasks import PlaceCall, Task
from dialer.domain.ids import AgentId, AttemptId, ConsultId, JobId, LegId
from dialer.engine.attaching import attached, is_awaited, is_free_for
from dialer.engine.callers import Callers
from dialer.engine.calls import Call, Calls
from dialer.engine.desk_work import DeskWork
from dialer.engine.floor_events import LATE_AFTER_S, FloorEvents
from dialer.engine.floor_job import FloorJob, answer_of
from dialer.engine.floor_options import FloorOptions
from dialer.engine.floor_records import WRITE_S, FloorRecords
from dialer.engine.listening import Listenings
from dialer.engine.matching import Matching
from dialer.engine.old_talks import OldTalks
from dialer.engine.seat import Audience, Seat
from dialer.errors import BadInput, NotFound, NotSent, StoreDown
from dialer.pacing.floor import AgentWentOn, Fact, Served
from dialer.pacing.floor import Floor as Picture
from dialer.ports import Clock, SwitchState, VoicePort
from dialer.ports_agents import AgentVoicePort, SoundOf, as_it_is
from dialer.ports_queues import QueuePort
from dialer.services.agent_floor import BUSY, Done
from dialer.services.agents import list_reasons, reason_of
from dialer.services.completion import StrategyOf
from dialer.services.pacing_plans import active_codes
from dialer.store.store import Store

log = structlog.get_logger()

TICK_S = 0.1  # how exactly the times of previews and wrap-ups are kept
ATTACH_S = 1.0  # how often it is looked for whom the agents work
GONE = "the dialer began anew"
Placer = Callable[[Seat, PlaceCall], Awaitable[None]]


class Floor:
    """Implements `services.agent_floor.AgentFloor`. All of it happens in one event loop: a desk changes at once, wires follow."""

    def __init__(
        self,
        *,
        store: Store,
        voice: VoicePort,
        agents: AgentVoicePort | None,
        calls: Calls,
        clock: Clock,
        strategy_of: StrategyOf,
        options: FloorOptions,
        sound_of: SoundOf = as_it_is,
        queues: QueuePort | None = None,
    ) -> None:
        """`agents`: None where nobody has a telephone of ours; agents then call by other means, and tell us."""
        self.store, self.voice, self.calls, self.clock = store, voice, calls, clock
        self._agents, self.sound_of, self.strategy_of, self.options = agents, sound_of, strategy_of, options
        self.seats: dict[AgentId, Seat] = {}
        self.jobs: dict[JobId, FloorJob] = {}
        self.with_seat: dict[AttemptId, Seat] = {}  # whose contact it is
        self.legs: dict[LegId, Seat] = {}
        self.consults: dict[ConsultId, Seat] = {}
        self.records = FloorRecords(store, clock, lambda attempt_id: calls.get(attempt_id) is not None)
        self._group: asyncio.TaskGroup | None = None
        self._events, self._matching, self.callers = FloorEvents(self), Matching(self), Callers(self, queues)
        self._attached_s = -ATTACH_S
        self.placers: dict[JobId, Placer] = {}  # how each job calls somebody for an agent
        self._work, self.old_talks = DeskWork(self), OldTalks(self)
        self.audience, self.listenings = Audience(), Listenings(self)
        calls.on_over = self._events.call_over

    @property
    def has_telephones(self) -> bool:
        """Whether contacts can be joined with agents here."""
        return self._agents is not None

    @property
    def agents(self) -> AgentVoicePort:
        """The wire to the agents' telephones. Raises NotSent where there is none."""
        if self._agents is None:
            raise NotSent("agents have no telephones here")
        return self._agents

    # ── what agents' desktops ask ─────────────────────────────────────────────────────────────────────────────────────

    async def command(self, agent_id: AgentId, command: Command) -> Done | Refused:
        """Carry out a command, or say why not."""
        if self._group is None:
            return BUSY
        if isinstance(command, LogIn) and self.listenings.listens(agent_id):
            return Refused("you listen to an agent", "stop listening first")
        seat = self.seats.get(agent_id)
        if seat is None or (isinstance(command, LogIn) and seat.desk.state is AgentState.LOGGED_OUT):
            try:
                agent = await self.store.read(lambda tx: tx.agents(None).get(agent_id))
            except (NotFound, StoreDown) as why:
                return Refused(str(why))
            seat = self._seat(agent)
        if isinstance(command, GoNotReady):
            try:
                reasons = await list_reasons(self.store, seat.desk.agent.org_id)
                command = replace(command, reason=reason_of(command.reason, reasons))
            except (BadInput, StoreDown) as why:
                return Refused(str(why))
        answer = after(seat.desk, command, self.clock.now())
        if isinstance(answer, Refused):
            return answer
        asked = [task for task in answer.tasks if self._work.answers(task)]
        said: dict[str, object] = {}
        for task in asked:  # before the desk moves: what is refused has changed nothing
            told = await self._work.answer(seat, task)
            if isinstance(told, Refused):
                return told
            said |= told
        if asked:  # the desk may have moved meanwhile
            answer = after(seat.desk, command, self.clock.now())
            if isinstance(answer, Refused):
                return Done(said=said)
            answer = replace(answer, tasks=tuple(task for task in answer.tasks if not self._work.answers(task)))
        self._moved(seat, answer)
        return Done(said=said)

    def listen(self, agent_id: AgentId) -> AsyncGenerator[AgentEvent, None]:
        """What the agent is told, from now on."""
        return self.audience.listen(agent_id)

    async def socket_lost(self, agent_id: AgentId) -> None:
        """The agent's desktop has gone away."""
        self.listenings.desktop(agent_id, there=False)
        if (seat := self.seats.get(agent_id)) is not None:
            self.apply(seat, SocketLost())

    async def socket_back(self, agent_id: AgentId) -> None:
        """A desktop of this agent is there."""
        self.listenings.desktop(agent_id, there=True)
        if (seat := self.seats.get(agent_id)) is not None:
            self.apply(seat, SocketBack())

    async def desk(self, agent_id: AgentId) -> Desk | None:
        """The agent's state as it is now; None for one who is not logged in."""
        seat = self.seats.get(agent_id)
        return None if seat is None or seat.desk.state is AgentState.LOGGED_OUT else seat.desk

    # ── what jobs ask ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def open(self, job: Job, switch: str) -> None:
        """A job with agents begins, or begins again: its budget is read from the database. Raises StoreDown."""
        codes = await active_codes(self.store, job)
        ledger = await self.records.ledger_of(job)
        if (known := self.jobs.get(job.id)) is not None:  # paused a moment ago: whoever waits still waits
            known.job, known.ledger, known.codes, known.closing = job, ledger, codes, False
        else:
            self.jobs[job.id] = FloorJob(job, ledger, codes, switch)
            self.old_talks.take_up(self.jobs[job.id])
        self._attach()
        self.match()
        await self.callers.queues.look()  # before its first call

    def update(self, job: Job) -> None:
        """The job as it is now: an operator may have changed its pacing."""
        if (held := self.jobs.get(job.id)) is not None:
            held.job = job
            held.ledger.budget = job.definition.pacing.budget

    def close(self, job_id: JobId) -> None:
        """A job places no more calls; whoever still answers, and whoever still talks, is looked after until nobody is left."""
        if (job := self.jobs.get(job_id)) is not None:
            job.closing = True
            self._attach()

    def take_facts(self, job_id: JobId) -> list[Fact]:
        """What has happened since this was asked last."""
        job = self.jobs[job_id]
        facts, job.facts = job.facts, []
        return facts

    def picture(self, job_id: JobId) -> Picture:
        """What a pacer sees of the job now."""
        job = self.jobs[job_id]
        seats = (seat for seat in self.seats.values() if seat.attached == job_id and not seat.moving)
        late, inbound, calls = self.behind_s(job.switch), self.callers.seen(job), self.calls.up(job_id)
        return job.picture(self.clock.monotonic_s(), self.clock.now(), seats, calls, behind_s=late, inbound=inbound)

    def behind_s(self, switch: str) -> float:
        """How old what we know of a switch is."""
        if self.voice.state_of(switch) is not SwitchState.READY:
            return LATE_AFTER_S
        return self._events.behind_s

    def idle(self, job_id: JobId, kind: CallKind = CallKind.PREVIEW) -> int:
        """How many agents could be offered a contact of the job now."""
        return sum(is_free_for(seat, job_id, kind) for seat in self.seats.values())

    def spare(self, job_id: JobId) -> int:
        """How many idle agents would be left if those who are expected to answer soon had one each."""
        seen, pacing = self.picture(job_id), self.records.pacings.get(job_id)
        out = len(seen.ringing_s) + len(seen.detecting)
        answers = ceil(out * (1.0 if pacing is None else pacing.hit_rate))
        return seen.idle + len(self.jobs[job_id].promised) - seen.waiting - answers

    def is_busy(self, job_id: JobId) -> bool:
        """Whether an agent still has a contact of the job before them, or somebody waits for one."""
        job = self.jobs.get(job_id)
        at_desks = any(seat.desk.call is not None and seat.desk.call.job_id == job_id for seat in self.seats.values())
        return at_desks or bool(job is not None and job.waiting)

    def offer(self, call: DeskCall, *, login: str = "", only: bool = False) -> bool:
        """Offer a contact to the agent of that login, or else (unless `only`) to whoever has been idle longest."""
        return self._matching.offer(call, login=login, only=only)

    # ── the floor's own life ──────────────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Bring people together until cancelled; what agents were writing then gets the code that it would have got in time."""
        await self.records.nobody_is_there(GONE)
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                if self._agents is not None:
                    group.create_task(self._events.run(self._agents), name="hear the floor")
                group.create_task(self._keep_records(), name="keep the floor's records")
                group.create_task(self.callers.run(), name="look after callers")
                group.create_task(self.listenings.run(), name="look after supervisors")
                while True:
                    self._ring_alarms()
                    if self.clock.monotonic_s() - self._attached_s >= ATTACH_S:
                        self._attach()
                    await self.clock.sleep(TICK_S)
        finally:
            self._group = None
            await self._leave()

    async def look(self, switch: str) -> None:
        """The link to a switch is up again: what it has of the floor now is what there is. Raises WireError."""
        if self._agents is not None:
            await self._events.look(self._agents, switch)

    def apply(self, seat: Seat, what: Happening | Command) -> None:
        """Something has happened at a desk, or is done there for its agent."""
        answer = after(seat.desk, what, self.clock.now())
        if isinstance(answer, Moved):
            self._moved(seat, answer)

    def leg_down(self, leg_id: LegId, because: str) -> None:
        """An agent's telephone is not up."""
        self._events.leg_down(leg_id, because)

    def begin(self, work: Coroutine[None, None, None], name: str) -> None:
        """Something to be done beside the reading of events."""
        if self._group is None:
            work.close()
        else:
            self._group.create_task(work, name=name)

    def seat_of(self, login: str, near: Seat) -> Seat | None:
        """A colleague at work, by login."""
        mine = (one for one in self.seats.values() if one.desk.agent.org_id == near.desk.agent.org_id)
        return next((one for one in mine if one.desk.agent.login.casefold() == login.casefold()), None)

    def wait_again(self, call: Call) -> None:
        """A contact has lost the agent: the next free one, at once."""
        job = self.jobs.get(call.attempt.job_id)
        self.with_seat.pop(call.attempt.id, None)
        if job is not None and not call.off_line:
            job.waiting[call.attempt.id] = self.clock.now()
            self.match()

    def match(self) -> None:
        """Give those who wait an agent."""
        self._matching.match()

    async def give_back(self, call: DeskCall) -> None:
        """A contact that nobody could be offered goes back to its job."""
        await self._work.endings.give_back(call)

    def note_answer(self, call: Call, *, nuisance: bool = False) -> None:
        """The ledger is told how a live answer stands."""
        job, answer = self.jobs.get(call.attempt.job_id), answer_of(call, nuisance=nuisance)
        if job is not None and answer is not None:
            job.ledger.note(answer)

    # ── inside: desks ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _seat(self, agent: Agent) -> Seat:
        seat = self.seats.get(agent.id)
        if seat is None:
            seat = self.seats[agent.id] = Seat(new_desk(agent, self.clock.now()))
        seat.desk = replace(seat.desk, agent=agent)
        if seat.worker is None and self._group is not None:
            seat.worker = self._group.create_task(self._do_tasks(seat), name=f"desk of {agent.login}")
        return seat

    def _moved(self, seat: Seat, moved: Moved) -> None:
        before, seat.desk = seat.desk, moved.desk
        for event in moved.events:
            self.tell(seat, event)
        for task in moved.tasks:
            seat.tasks.put_nowait(task)
        self.records.changed(before, seat.desk)
        self.listenings.moved(seat, before)
        self._facts_of(seat, before)
        if before.state is AgentState.LOGGED_OUT or seat.desk.state is AgentState.LOGGED_OUT:
            self._attach()
        if seat.desk.is_idle and not before.is_idle:
            self.match()

    def tell(self, seat: Seat, event: AgentEvent) -> None:
        """Tell whoever listens to this agent."""
        self.audience.tell(seat.desk.agent.id, event)

    def _facts_of(self, seat: Seat, before: Desk) -> None:
        """What a pacer learns when a contact has left the desk."""
        call, now = before.call, self.clock.now()
        if call is None or seat.desk.call is not None:
            return
        if call.attempt_id is not None and self.with_seat.get(call.attempt_id) is seat:
            del self.with_seat[call.attempt_id]
        job = self.jobs.get(call.job_id)
        if job is not None and call.joined_at is not None:
            ended = call.ended_at or now
            job.learn(Served(talk_s=(ended - call.joined_at).total_seconds(), wrap_s=(now - ended).total_seconds()))
            job.learn(AgentWentOn(back=seat.desk.is_idle))

    async def _do_tasks(self, seat: Seat) -> None:
        while True:
            task: Task = await seat.tasks.get()
            try:
                await self._work.do(seat, task)
            except Exception:  # the outer edge of one desk's task: its trouble may not end another's
                log.exception("a desk's task failed", agent=seat.desk.agent.login, task=type(task).__name__)

    def _ring_alarms(self) -> None:
        now = self.clock.now()
        for seat in self.seats.values():
            due = seat.desk.due_at
            if due is not None and due <= now:
                self.apply(seat, TimeIsUp())

    def _attach(self) -> None:
        """Look anew for whom each agent works; jobs that are through and have nobody left are forgotten."""
        self._attached_s = self.clock.monotonic_s()
        for job_id in [one.job.id for one in self.jobs.values() if one.closing]:
            if not self.is_busy(job_id) and next(self.calls.up(job_id), None) is None:
                del self.jobs[job_id]
                self.placers.pop(job_id, None)
        self.callers.attach()
        for seat, job in attached(self.seats.values(), self.jobs.values()):
            self._attach_to(seat, job)

    def _attach_to(self, seat: Seat, job: FloorJob | None) -> None:
        new = None if job is None else job.job.id
        now, before = self.clock.now(), None if seat.attached is None else self.jobs.get(seat.attached)
        if seat.attached == new:
            seat.moving = False
            return
        seat.moving = before is not None and is_awaited(seat, self.seats.values(), self.calls.up(before.job.id))
        if seat.moving:
            return
        if seat.attached is not None:
            name = before.job.campaign_name if before is not None else ""
            because = "another campaign needs you" if before is not None else "its run is over"
            self.tell(seat, JobDetached(at=now, job_id=seat.attached, campaign=name, because=because))
        seat.attached = new
        if job is not None:
            self.tell(seat, JobAttached(at=now, job_id=job.job.id, campaign=job.job.campaign_name))

    # ── inside: records ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _keep_records(self) -> None:
        while True:
            await self.clock.sleep(WRITE_S)
            await self.records.keep(self.jobs.values())

    async def _leave(self) -> None:
        """The dialer stops: desks are empty from now on, and listeners are told that this was all."""
        await self.listenings.leave()
        await self._work.leave(self.seats.values())
        self.records.left((one.desk for one in self.seats.values()), "the dialer stopped")
        for job_id in list(self.records.pacings):
            self.records.end(job_id)
        try:
            await self.records.write()
        except StoreDown as down:
            log.warning("the floor's last records are lost", reason=str(down))
        self.audience.close()
