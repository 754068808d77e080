"""The FastAGI server: answered calls come in here and are given to their IVR apps."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from dialer.channels.asterisk.agi_bridge import DialplanBridge
from dialer.channels.asterisk.agi_call import LiveCall, PdcFromThread
from dialer.channels.asterisk.agi_handshake import AgiRequest, LineRequest, NotOurs, read_request
from dialer.channels.asterisk.agi_threads import AppThreads
from dialer.errors import Rejected
from dialer.ivr.call import CallSettings
from dialer.ivr.config import IvrLimits
from dialer.ivr.driver import CallEnded
from dialer.ivr.prompt_store import PromptStore
from dialer.ivr.registry import Apps
from dialer.ivr.runner import Ending
from dialer.tasks import Tasks
from pdc import NoSession, Pdc, PdcError, SessionKey

log = structlog.get_logger()

WATCH_EVERY_S = 0.25


@dataclass(slots=True)
class AgiStats:
    """What the server has done so far."""

    connections: int = 0
    turned_away: int = 0  # scanners, wrong nonces, calls above the limit
    calls: int = 0
    lines: int = 0  # of dialplans in which calls go on
    hung: int = 0


class FastAgiServer:
    """Accepts on a listening socket that somebody else has bound; several processes may share it.

    A connection that shows no attempt and nonce is closed at no cost; the dialplan speaks to whoever should be there. Each
    call runs on a thread of its own. `on_exhausted` is called once when too many apps are stuck for this process to go on.
    """

    def __init__(
        self,
        listener: socket.socket,
        *,
        pdc: Pdc,
        apps: Apps,
        prompts: PromptStore,
        settings: CallSettings | None = None,
        limits: IvrLimits | None = None,
        on_exhausted: Callable[[], object] | None = None,
    ) -> None:
        self._listener, self._pdc, self._apps, self._prompts = listener, pdc, apps, prompts
        self._settings, self._limits = settings or CallSettings(), limits or IvrLimits()
        self._on_exhausted = on_exhausted
        self._threads = AppThreads()
        self._pending: set[asyncio.Task[None]] = set()  # handshakes
        self._strangers: dict[asyncio.Task[None], socket.socket] = {}  # those of them that have not said who they are
        self._live: set[LiveCall] = set()
        self._tasks = Tasks()
        self._service: list[asyncio.Task[None]] = []
        self.stats = AgiStats()

    async def start(self) -> None:
        """Begin to accept."""
        home = asyncio.get_running_loop()
        self._listener.setblocking(False)
        self._prompts.live_on(home)
        self._from_thread, self._bridge = PdcFromThread(self._pdc, home), DialplanBridge(self._pdc)
        self._service = [
            asyncio.create_task(self._accept(), name="fastagi-accept"),
            asyncio.create_task(self._watch(), name="fastagi-watchdog"),
        ]

    @property
    def live(self) -> int:
        """How many calls are up."""
        return len(self._live)

    @property
    def stuck(self) -> int:
        """How many threads are blocked by apps that were given up."""
        return self._threads.abandoned

    @property
    def longest_call_s(self) -> float:
        """After this time no call that is up now can still be with its app, transfers apart."""
        return self._limits.max_app_s + self._limits.apology_s

    async def drain(self, grace_s: float) -> None:
        """Accept no more, and wait for the calls that are up to end by themselves, `grace_s` at most."""
        if self._service:
            self._service[0].cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                while self._live or self._pending:
                    await asyncio.wait([*self._tasks, *self._pending], timeout=0.5)

    async def stop(self, grace_s: float = 0.0) -> None:
        """Drain, then cut what is left: the dialplan speaks to those calls."""
        await self.drain(grace_s)
        for call in self._live:
            call.cut()
        await self._tasks.wait(2.0)
        stopping = [*self._service, *self._pending, *self._tasks]
        for task in stopping:
            task.cancel()
        await asyncio.gather(*stopping, return_exceptions=True)
        self._threads.stop()

    async def _accept(self) -> None:
        while True:
            await self._somebody()
            try:
                conn, peer = self._listener.accept()
            except BlockingIOError:  # another worker was quicker
                continue
            except OSError as exc:
                if exc.errno in (errno.EBADF, errno.EINVAL):
                    raise
                log.error("a connection could not be accepted", error=str(exc))  # out of file descriptors, as a rule
                await asyncio.sleep(0.1)
                continue
            self.stats.connections += 1
            if len(self._strangers) >= self._limits.max_pending:
                next(iter(self._strangers)).cancel()  # the oldest has had the most time: Asterisk speaks at once
            task = asyncio.create_task(self._welcome(conn, str(peer[0]) if peer else ""), name="fastagi-handshake")
            self._pending.add(task)
            self._strangers[task] = conn
            task.add_done_callback(self._welcomed)
            await asyncio.sleep(0)  # let it begin: a flood of connections must not be evicted before it has been read

    async def _somebody(self) -> None:
        """Wait until somebody is at the door. Who is let in there would be forgotten if we were told to stop in that moment."""
        loop = asyncio.get_running_loop()
        there = asyncio.Event()
        loop.add_reader(self._listener.fileno(), there.set)
        try:
            await there.wait()
        finally:
            loop.remove_reader(self._listener.fileno())

    def _welcomed(self, task: asyncio.Task[None]) -> None:
        self._pending.discard(task)
        if (conn := self._strangers.pop(task, None)) is not None and task.cancelled():
            conn.close()

    async def _welcome(self, conn: socket.socket, peer: str) -> None:
        call, served = None, False
        try:
            request = await self._hear(conn)
            if isinstance(request, LineRequest):
                await self._bridge.serve(conn, request, proven=self._no_stranger)
                served = True
            else:
                call = await self._open(conn, request)
        except NotOurs as exc:
            log.debug("a connection to the IVR port was closed", peer=peer, because=str(exc))
        except NoSession:
            log.warning("a call without a session was turned away", peer=peer)
        except PdcError as exc:
            log.error("a call cannot be treated: the PDC does not answer", kind=exc.kind, error=str(exc))
        except (OSError, TimeoutError, CallEnded, Rejected) as exc:
            log.debug("a connection to the IVR port ended", peer=peer, because=repr(exc))
        finally:
            if call is None:
                conn.close()
                self.stats.lines += served
                self.stats.turned_away += not served
        if call is not None:
            self._live.add(call)
            self._tasks.start(self._treat(call), name=f"fastagi-call {call.key.attempt_id}")

    async def _hear(self, conn: socket.socket) -> AgiRequest | LineRequest:
        """What the switch asks for. Raises NotOurs, OSError, TimeoutError."""
        conn.setblocking(False)
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        async with asyncio.timeout(self._limits.handshake_s):
            request = await read_request(conn)
        if isinstance(request, AgiRequest):
            self._no_stranger()
        if len(self._live) + len(self._pending) - len(self._strangers) > self._limits.max_calls:
            log.warning("as many calls as this worker takes are up; one was turned away")
            raise NotOurs("too many calls")
        return request

    def _no_stranger(self) -> None:
        """Whoever this task serves has said who it is, and gives way to nobody any more."""
        if (task := asyncio.current_task()) is not None:
            self._strangers.pop(task, None)

    async def _open(self, conn: socket.socket, request: AgiRequest) -> LiveCall:
        """Raises NoSession and its kin."""
        key = SessionKey(attempt_id=request.attempt_id, nonce=request.nonce)
        session = await self._pdc.on(key).open_session(amd_status=request.amd_status, amd_cause=request.amd_cause)
        return LiveCall(conn, request.rest, key, session)

    async def _treat(self, call: LiveCall) -> None:
        thread = call.thread = self._threads.take()
        self.stats.calls += 1
        future = thread.submit(call.converse(self._apps, self._from_thread.on(call.key), self._prompts, self._settings))
        try:
            ending = await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                call.cut()
                raise
            ending = Ending(error="its thread was ended")
        except Exception as exc:
            log.exception("a call broke down", attempt_id=call.key.attempt_id)
            ending = Ending(error=repr(exc))
        finally:
            self._live.discard(call)
            call.release()
            call.over.set()
            self._threads.give_back(thread, soiled=call.condemned)
        if call.session.dialplan and not ending.error:
            log.info("ivr call goes on in the dialplan", attempt_id=call.key.attempt_id, dialplan=call.session.dialplan)
            return
        log.info(
            "ivr call ended",
            attempt_id=call.key.attempt_id,
            ivr_app=call.session.app,
            outcome=ending.outcome,
            error=ending.error,
        )

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            now = time.monotonic()
            for call in self._live:
                if not call.condemned and (because := call.verdict(now, self._limits)):
                    call.condemned = True
                    self.stats.hung += 1
                    self._tasks.start(self._end_hung(call, because), name="fastagi-end-hung")

    async def _end_hung(self, call: LiveCall, because: str) -> None:
        thread = call.thread
        if thread is None:
            return
        if await thread.responsive(1.0):
            thread.do(lambda: call.condemn(because))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._limits.apology_s):
                    await call.over.wait()
        if call not in self._live:
            return
        log.error("an IVR app blocks its thread; its call is cut and the dialplan speaks", attempt_id=call.key.attempt_id)
        call.cut()
        self._live.discard(call)
        self._threads.abandon(thread)
        try:
            await self._pdc.on(call.key).end_session(error=f"hung: {because}")
        except PdcError as exc:
            log.error("a hung call's end could not be told to the dialer", attempt_id=call.key.attempt_id, kind=exc.kind)
        if self._threads.abandoned >= self._limits.max_abandoned and self._on_exhausted is not None:
            exhausted, self._on_exhausted = self._on_exhausted, None
            exhausted()
