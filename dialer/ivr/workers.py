"""Keep the IVR worker processes: start them, hear whether they live, replace those that die or hang."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import socket
import sys
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import structlog

from dialer.ivr.config import IvrConfig, IvrLimits
from dialer.tasks import Tasks

log = structlog.get_logger()

WORKER = "dialer.ivr_worker"  # by name, as `python -m` finds it: it stands above this layer
READY_WITHIN_S = 60.0  # the first start may have prompts to speak
BEAT_WITHIN_S = 6.0
BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
STEADY_AFTER_S = 30.0  # a worker that lived so long starts the back-off anew


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """What the settings say of the workers. The switch must be able to read `cache` and the folders of prompts."""

    pdc_url: str
    cache: str
    pdc_secondary_url: str = ""
    pdc_timeout_s: float = 3.0
    workers: int = 2  # 0: inside this process, for debugging
    alone_after_s: float = 3.0  # without any worker for so long, calls are turned away so that the dialplan speaks to them
    max_calls: int = 500
    max_app_s: float = 300.0
    stall_s: float = 10.0
    apps: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    language: str = "en"
    tts_command: tuple[str, ...] = ("espeak-ng",)
    tts_voice: str = ""
    tts_engine: str = ""
    warm_apps: tuple[str, ...] = ()
    transfer_trunk: str = ""
    recordings: str = ""
    log_level: str = "info"
    log_json: bool = False

    def config(self) -> IvrConfig:
        """As a worker wants it."""
        return IvrConfig(
            cache=self.cache,
            prompt_folders=self.prompts,
            app_folders=self.apps,
            default_language=self.language,
            tts_command=self.tts_command,
            tts_voice=self.tts_voice,
            tts_engine=self.tts_engine,
            warm_apps=self.warm_apps,
            transfer_trunk=self.transfer_trunk,
            recordings=self.recordings,
            limits=IvrLimits(max_calls=self.max_calls, max_app_s=self.max_app_s, stall_s=self.stall_s),
        )


@dataclass(slots=True, eq=False)
class _Worker:
    """One process and what it said last."""

    process: asyncio.subprocess.Process
    heard_at: float = field(default_factory=time.monotonic)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    leaving: asyncio.Event = field(default_factory=asyncio.Event)  # it drains: another one may take its place


class IvrWorkers:
    """The workers on one listening socket, which stays open here, so that a burst waits while a worker is being replaced."""

    def __init__(self, listener: socket.socket, options: WorkerOptions, *, token: str) -> None:
        self._listener, self._options, self._token = listener, options, token
        self._tasks = Tasks()
        self._workers: set[_Worker] = set()
        self._alone_since = time.monotonic()
        self._inside = contextlib.AsyncExitStack()
        self._stopping = False

    @property
    def address(self) -> str:
        """host:port, as the switch dials it."""
        host, port = self._listener.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that are up."""
        return tuple(worker.process.pid for worker in self._workers)

    async def start(self) -> None:
        """Start the workers. Returns when one can take calls, or after a minute (they go on trying, and log why)."""
        if self._options.workers == 0:
            module = importlib.import_module(WORKER)
            await self._inside.enter_async_context(module.serving(self._listener, self._task(), asyncio.Event()))
            return
        self._listener.setblocking(False)
        ready = asyncio.Event()
        for place in range(self._options.workers):
            self._spawn(self._keep(place, ready), f"ivr-worker-{place}")
        self._spawn(self._turn_away(), "ivr-turn-away")
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                await ready.wait()
        except TimeoutError:
            log.error("no IVR worker is ready; answered calls hear the dialplan's apology")

    async def stop(self, grace_s: float = 2.0) -> None:
        """Let the calls that are up go on for `grace_s`, then end the workers; the dialplan speaks to whoever is left."""
        self._stopping = True
        await self._inside.aclose()
        await asyncio.gather(*(self._end(worker, grace_s) for worker in list(self._workers)))
        await self._tasks.stop()
        self._listener.close()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        return self._tasks.start(work, name=name)

    def _task(self, *, warm: bool = False) -> dict[str, Any]:
        options = self._options
        return {
            "config": json.loads(options.config().to_json()),
            "pdc_url": options.pdc_url,
            "pdc_secondary_url": options.pdc_secondary_url or None,
            "pdc_timeout_s": options.pdc_timeout_s,
            "token": self._token,
            "log_level": options.log_level,
            "log_json": options.log_json,
            "warm": warm,
        }

    async def _keep(self, place: int, ready: asyncio.Event) -> None:
        """Keep one place filled."""
        failures = 0
        while not self._stopping:
            began = time.monotonic()
            try:
                await self._one(place, ready)
            except OSError as exc:
                log.error("an IVR worker cannot be started", place=place, error=str(exc))
            if self._stopping:
                return
            failures = 0 if time.monotonic() - began > STEADY_AFTER_S else failures + 1
            pause = BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]
            log.error("an IVR worker ended and is started again", place=place, pause_s=pause)
            await asyncio.sleep(pause)

    async def _one(self, place: int, ready: asyncio.Event) -> None:
        """Run one process until it ends, hangs, or asks to be replaced (then it ends by itself, beside its successor)."""
        read_fd, write_fd = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                WORKER,
                "--listen",
                str(self._listener.fileno()),
                "--report",
                str(write_fd),
                stdin=asyncio.subprocess.PIPE,
                stdout=sys.stderr.fileno(),  # what an app prints must not get into what the dialer prints
                pass_fds=(self._listener.fileno(), write_fd),
            )
        except BaseException:
            os.close(read_fd)
            raise
        finally:
            os.close(write_fd)
        worker = _Worker(process)
        self._workers.add(worker)
        listening = self._spawn(self._listen(worker, read_fd, ready), f"ivr-worker-{place}-reports")
        watching = self._spawn(self._watch(worker), f"ivr-worker-{place}-watch")
        exited = self._spawn(self._reap(worker, listening, watching), f"ivr-worker-{place}-exit")
        leaving = asyncio.create_task(worker.leaving.wait())
        try:
            stdin = process.stdin
            if stdin is not None:
                with contextlib.suppress(ConnectionError):
                    stdin.write(json.dumps(self._task(warm=place == 0)).encode() + b"\n")
                    await stdin.drain()
            both: set[asyncio.Future[Any]] = {exited, leaving}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()

    async def _reap(self, worker: _Worker, *helpers: asyncio.Task[None]) -> None:
        try:
            await worker.process.wait()
        finally:
            if worker.process.returncode is None:
                worker.process.kill()
                await worker.process.wait()
            for helper in helpers:
                helper.cancel()
            self._workers.discard(worker)
            if not any(other.ready.is_set() for other in self._workers):
                self._alone_since = time.monotonic()

    async def _listen(self, worker: _Worker, read_fd: int, ready: asyncio.Event) -> None:
        loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
        pipe = os.fdopen(read_fd, "rb")
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        try:
            while line := await reader.readline():
                worker.heard_at = time.monotonic()
                if line == b"ready\n":
                    worker.ready.set()
                    ready.set()
                elif line == b"draining\n":
                    worker.leaving.set()
        finally:
            transport.close()

    async def _watch(self, worker: _Worker) -> None:
        """Kill a worker that has fallen silent: an app holds Python's lock inside some C code."""
        late = 0
        while True:
            await asyncio.sleep(1.0)
            limit = BEAT_WITHIN_S if worker.ready.is_set() else READY_WITHIN_S
            late = late + 1 if time.monotonic() - worker.heard_at > limit else 0
            if late > 1:  # seen twice: where we ourselves were held up, its beats are read between the two
                log.error("an IVR worker hangs and is killed", pid=worker.process.pid)
                worker.process.kill()
                return

    async def _end(self, worker: _Worker, grace_s: float) -> None:
        process = worker.process
        try:
            async with asyncio.timeout(grace_s + 3.0):
                if process.stdin is not None:
                    with contextlib.suppress(ConnectionError):
                        process.stdin.write(f"stop {grace_s}\n".encode())
                        await process.stdin.drain()
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _turn_away(self) -> None:
        """Without any worker the switch would wait for ever on a socket that nobody reads."""
        while True:
            await asyncio.sleep(0.1)
            while not self._any_ready() and time.monotonic() - self._alone_since > self._options.alone_after_s:
                try:
                    conn, _ = self._listener.accept()  # never waits: a call that comes when a worker is ready is not ours
                except OSError:  # nobody is there; or out of file descriptors
                    await asyncio.sleep(0.1)
                else:
                    conn.close()

    def _any_ready(self) -> bool:
        return any(worker.ready.is_set() for worker in self._workers)
