"""A running dialer: take up where the last one stopped, follow the switches, and dial the jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from dialer.domain.attempt import Attempt
from dialer.domain.channel import Channel
from dialer.domain.codes import SystemCode
from dialer.domain.installation import InstallationMode
from dialer.domain.retention import RetentionPlan
from dialer.engine.calls import Calls
from dialer.engine.deliveries import Deliveries
from dialer.engine.exporter import Exporter
from dialer.engine.floor.floor import Floor
from dialer.engine.floor.options import FloorOptions
from dialer.engine.heartbeat import Heartbeat
from dialer.engine.housekeeper import Housekeeper
from dialer.engine.importer import Importer
from dialer.engine.list_emptier import ListEmptier
from dialer.engine.message_book import MessageBook
from dialer.engine.message_looks import MessageLooks
from dialer.engine.publisher import Publisher, Target
from dialer.engine.reconcile import Reconciler
from dialer.engine.replies import ReplyDesk
from dialer.engine.running_jobs import RunningJobs
from dialer.engine.scheduler import Scheduler
from dialer.engine.trunk import Trunk
from dialer.ports import ChannelPort, Clock, SwitchEvent, SwitchState, VoicePort
from dialer.ports_agents import AgentVoicePort, SoundOf, as_it_is
from dialer.ports_queues import QueuePort
from dialer.services.completion import Completed, record_completion
from dialer.services.custom_restrictions import CustomRestrictions
from dialer.services.export_runs import ExportPlace
from dialer.services.result_processors import ResultProcessors
from dialer.services.strategy_shelf import StrategyShelf
from dialer.store.attempts import Closing
from dialer.store.store import Store, Tx

log = structlog.get_logger()

PROCESSORS_S = 2.0  # at the end, result processors get this long for what they were told last


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """How the engine keeps house; times in seconds."""

    node: str
    lease_s: float = 30.0  # how long a claimed contact is ours
    sweep_s: float = 20.0  # how often the ledger is compared with the switches
    give_up_s: float = 600.0  # a switch that is away for so long has lost its calls
    max_call_s: float = 900.0  # no call lasts longer
    drain_s: float = 10.0  # at an orderly stop, calls in flight get this long
    region: str = "US"  # of numbers that agents write without a country code
    unmask: frozenset[str] = frozenset()  # logins, in small letters, of agents who see masked attributes
    tell_of_listening: bool = False  # agents are told of supervisors who only listen, too
    memory: Path | None = None  # the file by which a restored database is noticed; None = it is not
    mode: InstallationMode = InstallationMode.TELEPHONY  # what the installation is for


class Engine:
    """Everything that moves, in one task group: when a vital task dies, dialling stops and the process says so."""

    def __init__(
        self,
        *,
        store: Store,
        voice: VoicePort,
        clock: Clock,
        trunks: Sequence[Trunk],
        options: EngineOptions,
        processors: ResultProcessors | None = None,
        channels: Mapping[Channel, ChannelPort] | None = None,
        importer: Importer | None = None,
        exports: ExportPlace | None = None,
        restrictions: CustomRestrictions | None = None,
        targets: Mapping[str, Target] | None = None,
        retention: RetentionPlan | None = None,
        messages: MessageBook | None = None,
        replies: ReplyDesk | None = None,
        agents: AgentVoicePort | None = None,
        sound_of: SoundOf = as_it_is,
        queues: QueuePort | None = None,
    ) -> None:
        """`agents`: the voice of those who talk to contacts; without it, agents can only call by other means.

        `sound_of`: what makes a campaign's nuisance message a sound.
        """
        self._importer = importer
        self._processors = processors or ResultProcessors({})
        self._exporter = None if exports is None else Exporter(store=store, clock=clock, place=exports)
        self._housekeeper = (
            None if retention is None else Housekeeper(store=store, clock=clock, plan=retention, node=options.node)
        )
        self._store, self._voice, self._clock, self._options = store, voice, clock, options
        self.strategy_of = StrategyShelf()
        self.calls = Calls(store, self.strategy_of, clock)
        self.deliveries = Deliveries(store, self.strategy_of, clock, channels or {})
        self._looks = None if messages is None else self._looks_after(messages)
        self._replies = replies
        if replies is not None:
            replies.belongs_to(self.strategy_of, lambda one: self.deliveries.on_completed(one))
            self.deliveries.also_cannot = replies.cannot
        self._publisher = Publisher(store=store, clock=clock, targets=targets or {})
        self._reconciler = Reconciler(
            store,
            voice,
            self.calls,
            clock,
            sweep_s=options.sweep_s,
            give_up_s=options.give_up_s,
            max_call_s=options.max_call_s,
            look=lambda switch: self.floor.look(switch),
        )
        self.floor = Floor(
            store=store,
            voice=voice,
            agents=agents,
            calls=self.calls,
            clock=clock,
            strategy_of=self.strategy_of,
            options=FloorOptions(
                node=options.node,
                leg_trunk=trunks[0].name,
                caller_ids={one.name: one.caller_id for one in trunks},
                region=options.region,
                unmask=options.unmask,
                tell_of_listening=options.tell_of_listening,
            ),
            sound_of=sound_of,
            queues=queues,
        )
        self.jobs = RunningJobs(
            store=store,
            voice=voice,
            calls=self.calls,
            deliveries=self.deliveries,
            restrictions=restrictions or CustomRestrictions({}),
            clock=clock,
            strategy_of=self.strategy_of,
            trunks=tuple(trunks),
            node=options.node,
            lease_s=options.lease_s,
            processors=self._processors,
            mode=options.mode,
            floor=self.floor,
        )
        self._draining = asyncio.Event()
        self._treatment_ready = asyncio.Event()
        self._heart = Heartbeat(
            store=store,
            clock=clock,
            voice=voice,
            node=options.node,
            memory=options.memory,
            jobs=self.jobs.status,
            targets=self._publisher.status,
            gateways=self.deliveries.gateways,
        )

    async def run(self) -> None:
        """Recover, then dial until `drain` is called; returns when the calls in flight have ended or their time is up."""
        await self._recover()
        await self._voice.start()
        try:
            async with asyncio.TaskGroup() as vital:
                tasks = [vital.create_task(work, name=name) for name, work in self._moving(vital).items()]
                await self._draining.wait()
                self.jobs.drain()
                await self._wait_for_calls()
                for task in tasks:
                    task.cancel()
        finally:
            await self.calls.drain(2.0)
            await self.calls.stop()
            await self.deliveries.stop()
            if self._replies is not None:
                await self._replies.stop()
            await self._processors.drain(PROCESSORS_S)
            await self._voice.stop()

    def _moving(self, vital: asyncio.TaskGroup) -> dict[str, Coroutine[Any, Any, None]]:
        """What goes on at the same time for as long as the dialer dials, by its name; what begins with it goes into `vital`."""
        moving = {
            "route events": self._route(vital),
            "supervise jobs": self._supervise(),
            "schedule jobs": Scheduler(store=self._store, clock=self._clock).run(),
            "empty lists": ListEmptier(store=self._store, clock=self._clock).run(),
            "sweep": self._reconciler.run(),
            "follow deliveries": self.deliveries.run(),
            "publish results": self._publisher.run(),
            "the floor": self.floor.run(),
            "tell status": self._heart.run(),
        }
        perhaps = {
            "read data sources": self._importer,
            "ask for messages": self._looks,
            "answer messages": self._replies,
            "make exports": self._exporter,
            "keep house": self._housekeeper,
        }
        return moving | {name: one.run() for name, one in perhaps.items() if one is not None}

    def treatment_ready(self) -> None:
        """Somebody is there to talk to those who answer: from now on calls may be placed."""
        self._treatment_ready.set()

    def drain(self) -> None:
        """Stop in good order: no new calls, those in flight get their time."""
        self._draining.set()

    async def _recover(self) -> None:
        """What a dead predecessor held is ours: its claims are due again, its open attempts count as up until reconciled."""
        await self._heart.notice_restored()
        now = self._clock.now()

        def work(tx: Tx) -> tuple[int, int]:
            return tx.job_contacts.release(now=now), tx.job_contacts.mend_calls_without_attempt(now)

        released, mended = await self._store.write(work)
        open_attempts = await self._store.read(lambda tx: tx.attempts.open(channel=Channel.VOICE))
        for attempt in open_attempts:
            if attempt.switch:
                self.calls.begin(attempt, adopted=True)
            else:  # an agent was to call elsewhere, and nobody saw what became of it
                await self._end_manual(attempt, now)
        lost = await self.deliveries.take_up()
        never_left = 0 if self._looks is None else await self._looks.take_up()
        log.info(
            "taken up",
            deliveries_lost=lost,
            never_left=never_left,
            claims_released=released,
            mended=mended,
            attempts_to_reconcile=len(open_attempts),
        )

    def _looks_after(self, book: MessageBook) -> MessageLooks:
        def completed(one: Completed) -> None:
            self.deliveries.on_completed(one)

        book.belongs_to(self.strategy_of, completed)
        return MessageLooks(store=self._store, clock=self._clock, book=book, strategy_of=self.strategy_of, completed=completed)

    async def _end_manual(self, attempt: Attempt, now: datetime) -> None:
        code = SystemCode.UNKNOWN.value
        closing = Closing(code=code, source="reconcile", system_code=code, ended_at=max(now, attempt.intent_at))
        await record_completion(self._store, attempt.id, closing, self.strategy_of)

    async def _route(self, vital: asyncio.TaskGroup) -> None:
        async for event in self._voice.events():
            if isinstance(event, SwitchEvent):
                self._heart.heard(event)
                log.info("switch", switch=event.switch, state=event.state.value, because=event.because)
                if event.state is SwitchState.RECONCILING:
                    vital.create_task(self._link(event), name=f"reconcile {event.switch}")
            else:
                self.calls.on_event(event)

    async def _supervise(self) -> None:
        await self._treatment_ready.wait()
        await self.jobs.run()

    async def _link(self, event: SwitchEvent) -> None:
        if await self._reconciler.linked(event.switch, restarted=event.restarted):
            await self._reconciler.settle_quarantined(event.switch)

    async def _wait_for_calls(self) -> None:
        deadline = self._clock.monotonic_s() + self._options.drain_s
        while (self.calls.in_flight() or self.deliveries.sending()) and self._clock.monotonic_s() < deadline:
            await self._clock.sleep(0.1)
