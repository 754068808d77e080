"""Put a dialer together from its settings: the one place that names concrete parts."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import entry_points
from typing import Any

import structlog
from aiohttp import web

from dialer import settings as settings_of
from dialer.app_agents import DeskSite, open_desk
from dialer.app_messages import MessageParts, make_messages, make_replies
from dialer.app_sources import make_importer
from dialer.app_voice import VoiceParts, has_telephony, make_sounds, make_voice
from dialer.channels.asterisk.agent_voice import AsteriskAgentVoice
from dialer.channels.json_lines import JsonLines
from dialer.channels.webhook import Webhook, WebhookConfig
from dialer.domain.campaign import JobState
from dialer.domain.channel import Channel
from dialer.domain.codes import SystemCode
from dialer.domain.retention import NEVER_ARCHIVED, RetentionClass, RetentionPlan
from dialer.engine.clock import SystemClock
from dialer.engine.engine import Engine, EngineOptions
from dialer.engine.publisher import Target
from dialer.errors import BadSettings, Conflict
from dialer.ivr.registry import Apps
from dialer.ivr.workers import IvrWorkers, WorkerOptions
from dialer.ivr_apps import SHIPPED_APPS
from dialer.message_apps import SHIPPED_MESSAGE_APPS
from dialer.ports import Clock, ResultTarget
from dialer.ports_agents import SoundOf
from dialer.services.campaigns import delete_campaign
from dialer.services.custom_actions import CustomActions
from dialer.services.custom_restrictions import CustomRestrictions
from dialer.services.export_runs import ExportPlace
from dialer.services.organisations import DEFAULT
from dialer.services.pdc import DirectPdc
from dialer.services.result_processors import ResultProcessors
from dialer.services.single_calls import start_single_call
from dialer.settings import Settings, split_listen
from dialer.store.store import Store
from dialer.web.pdc import make_pdc_app

log = structlog.get_logger()


ACTIONS_GROUP = "outdial.actions"
RESTRICTIONS_GROUP = "outdial.restrictions"
PROCESSORS_GROUP = "outdial.result_processors"
MESSAGE_APPS_GROUP = "outdial.message_apps"


def installed(group: str) -> dict[str, Any]:
    """The functions of third parties under an entry-point group; one that cannot be loaded is logged and left out."""
    found: dict[str, Any] = {}
    for point in entry_points(group=group):
        try:
            found[point.name] = point.load()
        except Exception:  # the outer edge of another's package: it may not keep the dialer from starting
            log.exception("a function of an installed package cannot be loaded", group=group, name=point.name)
    return found


def retention_plan(settings: Settings) -> RetentionPlan:
    """How long things are kept by these settings, and where the files among them lie."""
    said, data = settings.retention, settings.data_dir
    return RetentionPlan(
        days={kind: getattr(said, kind.value) for kind in RetentionClass},
        archive=settings.archive_folder,
        folders={
            RetentionClass.EXPORTS: settings.exports_folder,
            RetentionClass.IMPORTS: settings.imports_folder,
            RetentionClass.RECORDINGS: data / "recordings",
            RetentionClass.PROMPTS: data / "prompts",
            RetentionClass.ARCHIVES: settings.archive_folder,
        },
        without_archive=NEVER_ARCHIVED | {RetentionClass(one) for one in said.without_archive},
        at=said.at,
        zone=said.time_zone,
        keep_free=said.keep_free_mb << 20,
    )


def open_store(settings: Settings, clock: Clock | None = None) -> Store:
    """The database of these settings, which takes its times from `clock`."""
    now = (clock or SystemClock()).now
    return Store(settings.database_url, group_commit_s=settings.database.group_commit_ms / 1000, now=now)


class Dialer:
    """A running dialer: engine, voice channel, IVR workers and their PDC, and the gateways of messages."""

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        engine: Engine,
        workers: IvrWorkers,
        pdc_site: web.AppRunner,
        agents: AsteriskAgentVoice | None = None,
        messages: MessageParts | None,
    ) -> None:
        self.settings, self.store, self.engine, self.messages = settings, store, engine, messages
        self._workers, self._pdc_site, self._agents = workers, pdc_site, agents
        self._run: asyncio.Task[None] | None = None
        self._desk: DeskSite | None = None

    @classmethod
    @asynccontextmanager
    async def started(cls, settings: Settings, *, tts: Sequence[str] = (), clock: Clock | None = None) -> AsyncIterator[Dialer]:
        """A dialer that dials until the block is left; then it drains. `tts` overrides the command that speaks texts,
        `clock` the clock of this machine.

        Raises BadSettings, Conflict (another dialer holds the database), StoreDown.
        """
        if has_telephony(settings) and not (settings.switch and settings.trunk):
            raise BadSettings(["there is no [[switch]] with a [[trunk]]: nothing can be dialled ('dialer switch config' helps)"])
        clock = clock or SystemClock()
        store = open_store(settings, clock)
        try:
            await asyncio.to_thread(store.migrate)
            store.hold_engine_lock()
            dialer = await cls._wired(settings, store, tts, clock)
            try:
                if dialer.messages is not None:
                    await dialer.messages.start()
                dialer._run = asyncio.create_task(dialer.engine.run(), name="engine")
                dialer._desk = await open_desk(settings, dialer.engine.floor, store, clock, _listen)
                if dialer.desk_address:  # after a crash agents are back before anybody is called for them
                    log.info("agents' desk up", desk=dialer.desk_address)
                looking = asyncio.create_task(asyncio.to_thread(store.check_integrity), name="look for damage")
                try:
                    await dialer._workers.start()  # meanwhile the engine reconciles with the switches
                finally:
                    await looking  # nothing is dialled from a damaged database
                log.info("calls can be treated", workers=len(dialer._workers.pids))
                dialer.engine.treatment_ready()
                yield dialer
            finally:
                await dialer._stop()
        finally:
            await store.close()

    @classmethod
    async def _wired(cls, settings: Settings, store: Store, tts: Sequence[str], clock: Clock) -> Dialer:
        ivr_socket = _listen(settings.ivr.listen)
        agi_address = settings.ivr.advertise or _address(ivr_socket)
        telephony = make_voice(settings, agi_address, clock)
        messages = make_messages(settings, store, clock, _listen)
        engine = _engine(settings, store, clock, telephony, messages, make_sounds(settings, tts))
        pdc = DirectPdc(store, strategy_of=engine.strategy_of, listener=engine.calls, now=clock.now)
        token = settings.pdc.token.get_secret_value() or secrets.token_urlsafe(32)
        site = web.AppRunner(make_pdc_app(pdc, token), access_log=None)
        await site.setup()
        pdc_socket = _listen(settings.pdc.listen)
        await web.SockSite(site, pdc_socket).start()
        workers = IvrWorkers(ivr_socket, _worker_options(settings, f"http://{_address(pdc_socket)}", tts), token=token)
        log.info("dialer up", node=settings.node.name, ivr=agi_address, pdc=_address(pdc_socket), pid=os.getpid())
        return cls(
            settings=settings,
            store=store,
            engine=engine,
            workers=workers,
            pdc_site=site,
            messages=messages,
            agents=telephony.agents,
        )

    async def wait(self) -> None:
        """Until the engine ends by itself: after `drain`, or because a vital part died (then it raises)."""
        if self._run is not None:
            await asyncio.shield(self._run)

    @property
    def ended(self) -> bool:
        """Whether the engine has stopped, for whatever reason; `wait` tells it."""
        return self._run is not None and self._run.done()

    @property
    def desk_address(self) -> str:
        """host:port of the agents' desk; "" where there is none."""
        return "" if self._desk is None else self._desk.address

    def drain(self) -> None:
        """Place no more calls, let those in flight end."""
        self.engine.drain()

    async def _stop(self) -> None:
        self.engine.drain()
        try:
            if self._run is not None:
                await self._run
        finally:
            if self._desk is not None:  # not before: until then agents finish what is before them
                await self._desk.close()
            if self._agents is not None:
                await self._agents.stop()
            if self.messages is not None:
                await self.messages.stop()
            await self._workers.stop()
            await self._pdc_site.cleanup()


async def call_once(settings: Settings, *, app: str, number: str, parameters: Mapping[str, str]) -> str:
    """Place one real call with one app and return its completion code.

    With the dialer that runs on this database, or with one of its own for the length of the call. Raises BadInput, BadSettings.
    """
    apps = Apps(SHIPPED_APPS)
    apps.load_entry_points()
    for folder in settings.app_folders:
        apps.load_folder(folder)
    chosen, by = apps.get(app), "dialer ivr call"
    async with AsyncExitStack() as stack:
        try:
            store = (await stack.enter_async_context(Dialer.started(settings))).store
        except Conflict:  # a dialer is running: it will see the job
            store = open_store(settings)
            stack.push_async_callback(store.close)
        org_id = await store.write(lambda tx: tx.organisations.ensure(DEFAULT))
        job = await start_single_call(
            store,
            org_id,
            app=chosen.name,
            number=number,
            region=settings.numbers.region,
            codes=chosen.codes,
            parameters=parameters,
            now=SystemClock().now(),
            by=by,
        )
        while True:  # the job may be run by another process: there is nothing to wait on
            if (await store.read(lambda tx: tx.jobs(None).get(job.id))).state is JobState.COMPLETED:
                break
            await asyncio.sleep(0.2)
        attempts = await store.read(lambda tx: tx.attempts.of_job(job.id))
        await delete_campaign(store, org_id, job.campaign_name, by=by)  # what it did stays on record
    return attempts[-1].code or SystemCode.UNKNOWN.value


def _engine(
    settings: Settings, store: Store, clock: Clock, telephony: VoiceParts, messages: MessageParts | None, sound_of: SoundOf
) -> Engine:
    apps = {**SHIPPED_MESSAGE_APPS, **installed(MESSAGE_APPS_GROUP)}
    return Engine(
        store=store,
        voice=telephony.voice,
        clock=clock,
        trunks=telephony.trunks,
        options=EngineOptions(
            node=settings.node.name,
            lease_s=settings.dialling.lease_s,
            sweep_s=settings.dialling.sweep_s,
            drain_s=settings.dialling.drain_s,
            max_call_s=settings.dialling.max_call_s,
            memory=settings.data_dir / f"{settings.node.name}.seen",
            mode=settings.agents.mode,
            region=settings.numbers.region,
            unmask=frozenset(login.casefold() for login in settings.agents.unmask),
            tell_of_listening=settings.agents.tell_of_listening,
        ),
        processors=ResultProcessors(installed(PROCESSORS_GROUP)),
        channels={
            Channel.CUSTOM: CustomActions(installed(ACTIONS_GROUP)),
            **({} if messages is None else messages.channels),
        },
        messages=None if messages is None else messages.book,
        replies=None if messages is None else make_replies(settings, store, clock, messages, apps),
        importer=make_importer(settings, store, who=f"dialer {settings.node.name}"),
        retention=retention_plan(settings),
        exports=ExportPlace(folder=settings.exports_folder, keep_free=settings.exports.keep_free_mb << 20),
        restrictions=CustomRestrictions(installed(RESTRICTIONS_GROUP)),
        targets={one.name: _target(settings, one) for one in settings.publish},
        agents=telephony.agents,
        queues=telephony.queues,
        sound_of=sound_of,
    )


def _worker_options(settings: Settings, pdc_url: str, tts: Sequence[str]) -> WorkerOptions:
    return WorkerOptions(
        pdc_url=pdc_url,
        pdc_timeout_s=settings.pdc.timeout_s,
        workers=settings.ivr.workers if has_telephony(settings) else 0,
        max_calls=settings.ivr.max_calls,
        max_app_s=settings.ivr.max_app_s,
        stall_s=settings.ivr.stall_s,
        apps=tuple(str(one) for one in settings.app_folders),
        prompts=tuple(str(one) for one in settings.prompt_folders),
        language=settings.ivr.language,
        tts_command=tuple(tts) or settings.ivr.tts.command,
        tts_voice=settings.ivr.tts.voice,
        cache=str((settings.data_dir / "prompts").resolve()),
        recordings=str((settings.data_dir / "recordings").resolve()),
        warm_apps=("blood_donation",),
        transfer_trunk=next((one.endpoint or one.name for one in settings.trunk), ""),
        log_level=settings.log.level,
        log_json=settings.log.json_lines,
    )


def _target(settings: Settings, one: settings_of.Publish) -> Target:
    port: ResultTarget
    if one.file is not None:
        port = JsonLines(settings.root / one.file)
    else:
        secret = one.secret.get_secret_value()
        port = Webhook(WebhookConfig(url=one.url, secret=secret, timeout_s=one.timeout_s, at_once=one.at_once))
    return Target(port=port, organisation=one.organisation)


def _listen(address: str) -> socket.socket:
    host, port = split_listen(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    sock.listen(1024)  # a burst of answered calls waits here rather than being refused
    sock.setblocking(False)
    return sock


def _address(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
