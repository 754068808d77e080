"""Send emails through a mail server over SMTP."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Collection, Sequence
from datetime import datetime

import structlog

from dialer.channels.email_config import SmtpConfig, is_address, wire_address
from dialer.channels.email_render import MailWriter
from dialer.channels.send_rate import SendRate
from dialer.channels.smtp_pool import LoginRefused, SmtpPool, Unreachable
from dialer.domain.message_state import Refusal
from dialer.errors import BadInput, NotSent, Rejected
from dialer.ports import Accepted, CannotTell, Clock, EmailOrder, GatewayState, LookUp

log = structlog.get_logger()


class SmtpEmail:
    """Implements `EmailPort`. Bounces and answers come back as mails: see `inbound_email`."""

    def __init__(self, config: SmtpConfig, clock: Clock) -> None:
        self.config, self.name = config, config.name
        self._clock = clock
        self._rate = SendRate(clock, config.max_per_s)
        self._writer = MailWriter(config.sender, config.answers)
        self._pool = SmtpPool(config, clock)
        self._state = GatewayState.DOWN
        self._lost = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if self._task is None:
            self._state = GatewayState.CONNECTING
            self._lost.set()
            self._task = asyncio.create_task(self._connect(), name=f"smtp-{self.name}")

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is None:
            return
        self._state = GatewayState.DOWN
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.config.stop_timeout_s):
                while self._pool.busy:
                    await self._clock.sleep(0.02)
        await self._pool.close()

    def state(self) -> GatewayState:
        return self._state

    def room(self) -> int:
        if self._state is not GatewayState.READY:
            return 0
        # A connection takes many mails in a second: those that wait for one are not too many while they are a few for each.
        return max(0, min(self._rate.room(), 4 * self.config.connections - self._pool.busy))

    async def send(self, order: EmailOrder) -> Accepted:
        if not is_address(order.address):
            raise Rejected("this is no email address", refusal=Refusal.ADDRESS)
        try:
            mail = self._writer.write(order, self._clock.now())
        except BadInput as wrong:
            raise Rejected(str(wrong), refusal=Refusal.CONTENT) from wrong
        if self._state is not GatewayState.READY:
            raise NotSent(f"the gateway {self.name} is {self._state.value}")
        await self._rate.turn(1, within_s=self.config.turn_timeout_s)
        if self._task is None:  # stopped meanwhile: a connection that is opened now would be closed by nobody
            raise NotSent(f"the gateway {self.name} is {self._state.value}")
        try:
            words = await self._pool.send(self._writer.envelope_sender(order), wire_address(order.address), mail)
        except (Unreachable, LoginRefused) as down:
            self._down(down)
            raise
        log.debug("a mail was taken", gateway=self.name, attempt_id=order.attempt_id, server=words)
        return Accepted(provider_ids=(self._writer.message_id(order),))

    async def look_up(
        self, order: EmailOrder, *, since: datetime, known: Sequence[str] = (), others: Collection[str] = ()
    ) -> LookUp:
        return CannotTell(because="a mail server cannot be asked")

    async def _connect(self) -> None:
        """Hold a connection from the start, and again after all were lost: the state is known before a mail is due."""
        pause_s = self.config.backoff_first_s
        while True:
            await self._lost.wait()
            self._lost.clear()
            try:
                self._pool.keep(await self._pool.open())
                if self._task is None:  # on Python 3.11 the library loses a cancellation that comes in the moment of connecting
                    return
            except (Unreachable, LoginRefused) as down:
                if self._task is None:
                    return
                self._down(down)
                log.warning("a mail server cannot be used", gateway=self.name, why=str(down))
                refused = isinstance(down, LoginRefused)
                await self._clock.sleep(self.config.refused_retry_s if refused else pause_s * random.uniform(0.5, 1.0))
                pause_s = min(2 * pause_s, self.config.backoff_max_s)
                self._lost.set()
            else:
                pause_s = self.config.backoff_first_s
                self._state = GatewayState.READY
                log.info("a mail server is ready", gateway=self.name)

    def _down(self, why: NotSent) -> None:
        if self._task is not None:
            self._state = GatewayState.REFUSED if isinstance(why, LoginRefused) else GatewayState.CONNECTING
            self._lost.set()
