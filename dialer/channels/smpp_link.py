"""One link to a message centre: log in, keep it alive, match answers to requests, and come back when it breaks."""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from dialer.channels.deadlines import Deadlines
from dialer.channels.smpp_codes import LOGIN
from dialer.channels.smpp_config import SmppConfig
from dialer.channels.smpp_window import Window
from dialer.errors import MaybeSent, NotSent
from dialer.ports import Clock, GatewayState
from dialer.smpp_pdu import MAX_SEQUENCE, Bind, Command, Malformed, Pdu, Pdus, ShortMessage, Status, read_pdu

log = structlog.get_logger()

DELIVERIES = 50  # from the centre, in our hands at once; then it waits
LATE_KEPT = 1000  # requests in doubt whose answer may still come
CHUNK = 65_536  # octets that are read at once

Late = Callable[[Pdu], None]


@dataclass(slots=True)
class Waiting:
    """A request that was written. `late` is told of an answer that comes when nobody waits any more."""

    answer: asyncio.Future[Pdu]
    late: Late | None


class LinkLost(Exception):
    """The link has ended, or must be ended; the text says why."""


class SmppLink:
    """States: DOWN, CONNECTING, READY, REFUSED. While it is READY, requests may be written, up to the window."""

    def __init__(self, config: SmppConfig, clock: Clock, deliver: Callable[[ShortMessage], Awaitable[int]]) -> None:
        """`deliver` is given each message or receipt, and returns the status that the centre is answered: it is asked to try
        again where we could not keep it.
        """
        self.state = GatewayState.DOWN
        self._config, self._clock, self._deliver = config, clock, deliver
        self._task: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._waiting: dict[int, Waiting] = {}
        self._unsent: list[bytes] = []  # of this turn of the loop: units that leave together
        self._deadlines = Deadlines()
        self._window = Window(config.window, self._deadlines)
        self._hands = asyncio.Semaphore(DELIVERIES)
        self._sequence = 0
        self._heard_s = 0.0
        self._ending = False  # a task group that is ending itself swallows its cancellation

    @property
    def room(self) -> int:
        """Free places in the window."""
        taken = sum(not one.answer.done() for one in self._waiting.values())
        return max(0, self._config.window - taken) if self.state is GatewayState.READY else 0

    def start(self) -> None:
        if self._task is None:
            self._ending = False
            self.state = GatewayState.CONNECTING
            self._task = asyncio.create_task(self._stay(), name=f"smpp-{self._config.name}")

    async def stop(self) -> None:
        """Say goodbye, and end."""
        task, self._task = self._task, None
        if task is None:
            return
        self._ending = True
        if self.state is GatewayState.READY:
            with contextlib.suppress(NotSent, MaybeSent):
                await self.request(Command.UNBIND, b"", timeout_s=self._config.stop_timeout_s)
        self.state = GatewayState.DOWN
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def request(self, command: int, body: bytes, *, timeout_s: float, late: Late | None = None) -> Pdu:
        """Write a request and wait for its answer, whatever its status.

        Raises NotSent where the link is down or the window full, MaybeSent where the link breaks or no answer comes in time.
        """
        try:
            await self._window.enter(self._config.turn_timeout_s)
        except TimeoutError:
            raise NotSent("the message centre owes too many answers", retry_after_s=1.0) from None
        try:
            if self._writer is None or self.state is not GatewayState.READY:
                raise NotSent(f"the link of {self._config.name} is {self.state.value}")
            sequence = self._next()
            waiting = self._waiting[sequence] = Waiting(asyncio.get_running_loop().create_future(), late)
            self._write(Pdu(command=command, sequence=sequence, body=body))
            try:
                return await self._deadlines.wait(waiting.answer, timeout_s)
            except TimeoutError:
                raise MaybeSent(f"the message centre did not answer within {timeout_s:g} s") from None
            finally:
                if late is None:
                    self._waiting.pop(sequence, None)
                self._forget_old()
        finally:
            self._window.leave()

    # -- one connection after another --------------------------------------------------------------------------------------------

    async def _stay(self) -> None:
        pause_s = self._config.backoff_first_s
        while not self._ending:
            began_s = self._clock.monotonic_s()
            refused = False
            try:
                await self._connected()
            except LinkLost as lost:
                refused = self.state is GatewayState.REFUSED
                if not self._ending:
                    log.warning("the link to a message centre ended", gateway=self._config.name, why=str(lost))
            except Exception:
                log.exception("the link to a message centre failed", gateway=self._config.name)
            finally:
                self._drop()
            if self._ending:
                return
            if self._clock.monotonic_s() - began_s > self._config.backoff_max_s:
                pause_s = self._config.backoff_first_s  # it was a good link
            wait_s = self._config.refused_retry_s if refused else pause_s * random.uniform(0.5, 1.0)
            self.state = GatewayState.REFUSED if refused else GatewayState.CONNECTING
            await self._clock.sleep(wait_s)
            pause_s = min(2 * pause_s, self._config.backoff_max_s)
            self.state = GatewayState.CONNECTING

    async def _connected(self) -> None:
        """From the connection to its end, which is always a LinkLost."""
        config = self._config
        try:
            async with asyncio.timeout(config.connect_timeout_s):
                tls = await asyncio.to_thread(ssl.create_default_context) if config.tls else None
                reader, self._writer = await asyncio.open_connection(config.host, config.port, ssl=tls)
                await self._log_in(reader, self._writer)
        except TimeoutError:
            raise LinkLost("no connection in time") from None
        except (OSError, asyncio.IncompleteReadError, Malformed) as exc:
            raise LinkLost(f"no connection: {exc}") from exc
        self._heard_s = self._clock.monotonic_s()
        self.state = GatewayState.READY
        log.info("linked to a message centre", gateway=config.name)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read(reader, group), name=f"smpp-read-{config.name}")
                group.create_task(self._keep_alive(), name=f"smpp-alive-{config.name}")
        except* LinkLost as several:
            raise LinkLost("; ".join(str(one) for one in several.exceptions)) from several

    async def _log_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        config = self._config
        bind = Bind(system_id=config.system_id, password=config.password, system_type=config.system_type)
        self._sequence = 0
        asked = Pdu(command=Command.BIND_TRANSCEIVER, sequence=self._next(), body=bind.body())
        writer.write(asked.encode())
        answer = await read_pdu(reader)
        if not answer.is_response or answer.sequence != asked.sequence:
            raise LinkLost("it did not answer the login")
        if answer.status:
            if answer.status in LOGIN:
                self.state = GatewayState.REFUSED
            raise LinkLost(f"the login was refused: {answer.status:#x}")

    async def _read(self, reader: asyncio.StreamReader, group: asyncio.TaskGroup) -> None:
        pdus = Pdus()
        while True:
            try:
                octets = await reader.read(CHUNK)
            except OSError as exc:
                raise LinkLost("the message centre closed the connection") from exc
            if not octets:
                raise LinkLost("the message centre closed the connection")
            self._heard_s = self._clock.monotonic_s()
            try:
                for pdu in pdus.take(octets):
                    await self._heard(pdu, group)
            except Malformed as exc:
                raise LinkLost(f"what came is no SMPP: {exc}") from exc

    async def _heard(self, pdu: Pdu, group: asyncio.TaskGroup) -> None:
        if pdu.is_response:
            self._answered(pdu)
        elif pdu.command == Command.DELIVER_SM:
            await self._hands.acquire()
            group.create_task(self._hand_over(pdu), name=f"smpp-deliver-{self._config.name}")
        elif pdu.command == Command.ENQUIRE_LINK:
            self._write(pdu.answer())
        elif pdu.command == Command.UNBIND:
            self._write(pdu.answer())
            self._flush()
            raise LinkLost("the message centre said goodbye")
        else:
            self._write(Pdu(command=Command.GENERIC_NACK, sequence=pdu.sequence, status=Status.RINVCMDID))

    def _answered(self, pdu: Pdu) -> None:
        waiting = self._waiting.pop(pdu.sequence, None)
        if waiting is None:
            log.warning("an answer to nothing from a message centre", gateway=self._config.name, command=pdu.command)
        elif not waiting.answer.done():
            waiting.answer.set_result(pdu)
        elif waiting.late is not None:
            waiting.late(pdu)

    async def _hand_over(self, pdu: Pdu) -> None:
        """Answered only when it is kept, or refused for good."""
        try:
            try:
                status = await self._deliver(ShortMessage.parse(pdu.body))
            except Malformed as exc:
                log.warning("a message that cannot be read", gateway=self._config.name, why=str(exc))
                status = Status.RX_P_APPN
            self._write(pdu.answer(status, b"\0"))
        finally:
            self._hands.release()

    async def _keep_alive(self) -> None:
        config = self._config
        while True:
            quiet_s = self._clock.monotonic_s() - self._heard_s
            if quiet_s < config.enquire_every_s:
                await self._clock.sleep(config.enquire_every_s - quiet_s)
                continue
            try:
                await self.request(Command.ENQUIRE_LINK, b"", timeout_s=config.enquire_timeout_s)
            except NotSent:  # the window is full of requests that it does not answer
                raise LinkLost("the message centre does not answer") from None
            except MaybeSent as silent:
                raise LinkLost(f"the link is dead: {silent}") from silent

    def _write(self, pdu: Pdu) -> None:
        """Units leave at the end of this turn of the loop, all in one: a call to the kernel costs more than to make a unit."""
        if self._writer is None:
            return
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent.append(pdu.encode())

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        if self._writer is not None and unsent:
            self._writer.write(b"".join(unsent))

    def _drop(self) -> None:
        """Whatever was written and not answered is in doubt now."""
        if self.state is GatewayState.READY:
            self.state = GatewayState.CONNECTING
        writer, self._writer = self._writer, None
        self._unsent = []
        if writer is not None:
            writer.transport.abort()
        waiting, self._waiting = self._waiting, {}
        for one in waiting.values():
            if not one.answer.done():
                one.answer.set_exception(MaybeSent("the link to the message centre broke before it answered"))

    def _next(self) -> int:
        self._sequence = self._sequence % MAX_SEQUENCE + 1
        return self._sequence

    def _forget_old(self) -> None:
        while len(self._waiting) > LATE_KEPT + self._config.window:
            oldest = next(iter(self._waiting))
            if not self._waiting[oldest].answer.done():
                break
            del self._waiting[oldest]
