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
from dialer.channels.smpp_wire import Wire
from dialer.channels.window import Window
from dialer.errors import MaybeSent, NotSent
from dialer.ports import Clock, GatewayState
from dialer.smpp_pdu import MAX_SEQUENCE, Bind, Command, Malformed, Pdu, ShortMessage, Status

log = structlog.get_logger()

DELIVERIES = 50  # from the centre, in our hands at once; then it waits
LATE_KEPT = 1000  # requests in doubt whose answer may still come

Late = Callable[[Pdu], None]


@dataclass(slots=True)
class Waiting:
    """A request that was written. `late` is told of an answer that comes when nobody waits any more."""

    answer: asyncio.Future[Pdu]
    late: Late | None
    in_window: bool = True  # its place is not given back yet


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
        self._wire: Wire | None = None
        self._waiting: dict[int, Waiting] = {}
        self._deadlines = Deadlines()
        self._window = Window(config.window, self._deadlines)
        self._deliveries: asyncio.TaskGroup  # of the connection that is READY
        self._name_of_deliveries = f"smpp-deliver-{config.name}"
        self._in_hand = 0  # deliveries that are not answered yet
        self._sequence = 0
        self._ending = False  # a task group that is ending itself swallows its cancellation

    @property
    def room(self) -> int:
        """Free places in the window."""
        taken = sum(not one.answer.done() for one in self._waiting.values())
        return max(0, self._config.window - taken) if self.state is GatewayState.READY else 0

    def start(self) -> None:
        """Connect, and connect again whenever the link breaks, until `stop`."""
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
        wire = self._wire
        if wire is None or self.state is not GatewayState.READY:
            self._window.leave()
            raise NotSent(f"the link of {self._config.name} is {self.state.value}")
        sequence = self._next()
        waiting = self._waiting[sequence] = Waiting(asyncio.get_running_loop().create_future(), late)
        wire.write(Pdu(command=command, sequence=sequence, body=body))
        try:
            return await self._deadlines.wait(waiting.answer, timeout_s)
        except TimeoutError:
            raise MaybeSent(f"the message centre did not answer within {timeout_s:g} s") from None
        finally:
            self._give_place_back(waiting)
            if late is None:
                self._waiting.pop(sequence, None)
            self._forget_old()

    def _give_place_back(self, waiting: Waiting) -> None:
        """When its answer is here, and not only when whoever waits for it has their turn: the next one is written meanwhile."""
        if waiting.in_window:
            waiting.in_window = False
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
        wire = self._wire = Wire(self._take, self._clock.monotonic_s)
        try:
            async with asyncio.timeout(config.connect_timeout_s):
                tls = await asyncio.to_thread(ssl.create_default_context) if config.tls else None
                await asyncio.get_running_loop().create_connection(lambda: wire, config.host, config.port, ssl=tls)
                await self._log_in(wire)
        except TimeoutError:
            raise LinkLost("no connection in time") from None
        except OSError as exc:
            raise LinkLost(f"no connection: {exc}") from exc
        log.info("linked to a message centre", gateway=config.name)
        try:
            async with asyncio.TaskGroup() as group:
                self._deliveries, self._in_hand = group, 0
                self.state = GatewayState.READY
                wire.go_on()
                group.create_task(self._keep_alive(wire), name=f"smpp-alive-{config.name}")
                raise LinkLost(await wire.ended)
        except* LinkLost as several:
            raise LinkLost("; ".join(str(one) for one in several.exceptions)) from several

    async def _log_in(self, wire: Wire) -> None:
        config = self._config
        bind = Bind(system_id=config.system_id, password=config.password, system_type=config.system_type)
        self._sequence = 0
        asked = Pdu(command=Command.BIND_TRANSCEIVER, sequence=self._next(), body=bind.body())
        answer = asyncio.get_running_loop().create_future()
        self._waiting[asked.sequence] = Waiting(answer, None, in_window=False)
        try:
            wire.write(asked)
            wire.go_on()
            await asyncio.wait((answer, wire.ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiting.pop(asked.sequence, None)
        if not answer.done():
            raise LinkLost(f"no connection: {wire.ended.result()}")
        if status := answer.result().status:
            if status in LOGIN:
                self.state = GatewayState.REFUSED
            raise LinkLost(f"the login was refused: {status:#x}")

    def _take(self, pdu: Pdu, wire: Wire) -> bool:
        """A unit of the centre's. False: not now."""
        if self.state is not GatewayState.READY:
            return self._take_early(pdu, wire)
        if pdu.is_response:
            self._answered(pdu)
        elif pdu.command == Command.DELIVER_SM:
            if self._in_hand >= DELIVERIES:
                return False
            self._in_hand += 1
            self._deliveries.create_task(self._hand_over(pdu, wire), name=self._name_of_deliveries)
        elif pdu.command == Command.ENQUIRE_LINK:
            wire.write(pdu.answer())
        elif pdu.command == Command.UNBIND:
            wire.write(pdu.answer())
            wire.end("the message centre said goodbye", politely=True)
        else:
            wire.write(Pdu(command=Command.GENERIC_NACK, sequence=pdu.sequence, status=Status.RINVCMDID))
        return True

    def _take_early(self, pdu: Pdu, wire: Wire) -> bool:
        """Before the login is answered nothing else may come; what follows its answer waits until the link is READY."""
        if not self._waiting:
            return False
        if pdu.is_response and pdu.sequence in self._waiting:
            self._answered(pdu)
        else:
            wire.end("it did not answer the login")
        return True

    def _answered(self, pdu: Pdu) -> None:
        waiting = self._waiting.pop(pdu.sequence, None)
        if waiting is None:
            log.warning("an answer to nothing from a message centre", gateway=self._config.name, command=pdu.command)
        elif not waiting.answer.done():
            waiting.answer.set_result(pdu)
            self._give_place_back(waiting)
        elif waiting.late is not None:
            waiting.late(pdu)

    async def _hand_over(self, pdu: Pdu, wire: Wire) -> None:
        """Answered only when it is kept, or refused for good."""
        try:
            status = await self._deliver(ShortMessage.parse(pdu.body))
        except Malformed as exc:
            log.warning("a message that cannot be read", gateway=self._config.name, why=str(exc))
            status = Status.RX_P_APPN
        except Exception:  # the outer edge of one message: its trouble may not end the link, and with it what others are told
            log.exception("a message could not be dealt with", gateway=self._config.name)
            status = Status.RX_P_APPN
        wire.write(pdu.answer(status, b"\0"))
        self._in_hand -= 1
        if self._in_hand == DELIVERIES - 1:
            wire.go_on()

    async def _keep_alive(self, wire: Wire) -> None:
        config = self._config
        while not wire.ended.done():
            quiet_s = self._clock.monotonic_s() - wire.heard_s
            if quiet_s < config.enquire_every_s:
                await self._clock.sleep(config.enquire_every_s - quiet_s)
                continue
            try:
                await self.request(Command.ENQUIRE_LINK, b"", timeout_s=config.enquire_timeout_s)
            except NotSent:  # the window is full of requests that it does not answer
                wire.end("the message centre does not answer")
            except MaybeSent as silent:
                wire.end(f"the link is dead: {silent}")

    def _drop(self) -> None:
        """Whatever was written and not answered is in doubt now."""
        if self.state is GatewayState.READY:
            self.state = GatewayState.CONNECTING
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.end("we have ended it")
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
