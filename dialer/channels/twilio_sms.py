"""Send text messages through Twilio, and ask it what became of those that nobody is sure of."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from dialer.channels.send_rate import SendRate
from dialer.channels.twilio_codes import LOGIN_AGAIN_S, LoginRefused, state_of
from dialer.channels.twilio_config import TwilioConfig, may_send
from dialer.domain.message_names import NUMBER, SERVICE
from dialer.domain.message_state import MessageState, Refusal
from dialer.domain.sms_text import size_of
from dialer.errors import MaybeSent, NotSent, Rejected, WireError
from dialer.ports import Accepted, CannotTell, Clock, Found, GatewayState, LookUp, NoTrace, SmsOrder

if TYPE_CHECKING:
    from twilio.rest import Client
    from twilio.rest.api.v2010.account.message import MessageInstance

PAGE, PAGES = 100, 5  # how far back a look-up reads one number's messages
LONGEST_HOLD_S = 600.0  # whatever a Retry-After says: a human can mend more in that time
SKEW = timedelta(seconds=30)  # Twilio's clock and ours


class TwilioSms:
    """Implements `SmsPort`. Its news and its incoming messages come over the web: see `TwilioWebhooks`."""

    def __init__(self, config: TwilioConfig, clock: Clock) -> None:
        self.config, self.name = config, config.name
        self._clock = clock
        self._rate = SendRate(clock, config.max_per_s)
        self._client: Client | None = None
        self._open = 0
        self._idle = asyncio.Event()
        self._refused_until_s = 0.0

    async def start(self) -> None:
        from twilio.rest import Client  # 24 MB and a quarter of a second that a dialer without SMS does not pay

        from dialer.channels.twilio_http import TwilioHttp

        http = TwilioHttp(
            self.config.api_url,
            connect_timeout_s=self.config.connect_timeout_s,
            answer_timeout_s=self.config.answer_timeout_s,
            connections=self.config.max_in_flight,
        )
        self._client = Client(self.config.account_sid, self.config.auth_token, http_client=http)

    async def stop(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        self._idle.clear()
        if self._open:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.config.stop_timeout_s):
                    await self._idle.wait()
        await client.http_client.close()

    def state(self) -> GatewayState:
        if self._client is None:
            return GatewayState.DOWN
        return GatewayState.REFUSED if self._clock.monotonic_s() < self._refused_until_s else GatewayState.READY

    def room(self) -> int:
        if self.state() is not GatewayState.READY:
            return 0
        return max(0, min(self._rate.room(), self.config.max_in_flight - self._open))

    async def send(self, order: SmsOrder) -> Accepted:
        if not NUMBER.match(order.number):
            raise Rejected(f"{order.number!r} is no number", refusal=Refusal.ADDRESS)
        if order.sender and not may_send(order.sender):
            raise Rejected(f"{order.sender!r} cannot be a sender", refusal=Refusal.ACCOUNT)
        size = size_of(order.text)
        with self._in_flight():
            await self._rate.turn(size.segments, within_s=self.config.turn_timeout_s)
            client = self._up()
            try:
                message: MessageInstance = await client.messages.create_async(**self._fields(order))
                if not message.sid:
                    raise MaybeSent("Twilio accepted a message and did not say which")
            except NotSent as later:
                self._remember(later)
                raise
            except WireError:
                raise
            except Exception as odd:  # an answer that its library cannot read came after the message was sent
                raise MaybeSent(f"an answer of Twilio that cannot be read: {odd}") from odd
        return Accepted(provider_ids=(message.sid,), segments=_number(message.num_segments) or size.segments)

    async def look_up(
        self, order: SmsOrder, *, since: datetime, known: Sequence[str] = (), others: Collection[str] = ()
    ) -> LookUp:
        try:
            if known:
                return self._found(order, await self._up().messages(known[0]).fetch_async())
            return await self._search(order, since.astimezone(UTC) - SKEW, others)
        except WireError as failed:
            return CannotTell(because=str(failed))
        except Exception as odd:  # noqa: BLE001 - its library reads what a server sent, and a look-up never raises
            return CannotTell(because=f"an answer of Twilio that cannot be read: {odd}")

    async def _search(self, order: SmsOrder, earliest: datetime, others: Collection[str]) -> LookUp:
        """By recipient, sender and text: Twilio returns nothing else that we gave it. Not by its date of sending, which a queued
        message does not have.
        """
        sender = order.sender or self.config.sender
        wanted: dict[str, Any] = {"to": order.number}
        if not SERVICE.match(sender):
            wanted["from_"] = sender
        found, read = [], 0
        async for message in await self._up().messages.stream_async(**wanted, page_size=PAGE, limit=PAGE * PAGES):
            read += 1
            if message.date_created is not None and message.date_created < earliest:  # newest first
                break
            ours = message.body == order.text and str(message.direction) == "outbound-api"
            if ours and message.sid and message.sid not in others:
                found.append(message)
        else:
            if read == PAGE * PAGES:
                return CannotTell(because=f"more than {read} messages to this number since")
        if len(found) > 1:
            return CannotTell(because=f"{len(found)} messages with this text since")
        return self._found(order, found[0]) if found else NoTrace()

    def _found(self, order: SmsOrder, message: MessageInstance) -> Found:
        return Found(
            provider_ids=(message.sid,),
            state=state_of(str(message.status), message.error_code) or MessageState.ACCEPTED,
            segments=_number(message.num_segments) or size_of(order.text).segments,
        )

    def _fields(self, order: SmsOrder) -> dict[str, Any]:
        sender = order.sender or self.config.sender
        fields: dict[str, Any] = {
            "to": order.number,
            "body": order.text,
            "status_callback": self.config.status_url(order.attempt_id),
            "messaging_service_sid" if SERVICE.match(sender) else "from_": sender,
        }
        if order.valid_for_s is not None:
            fields["validity_period"] = min(36_000, max(1, int(order.valid_for_s)))
        return fields

    def _up(self) -> Client:
        if self._client is None:
            raise NotSent(f"the gateway {self.name} is down")
        return self._client

    def _remember(self, later: NotSent) -> None:
        if later.retry_after_s is not None:
            self._rate.hold(min(later.retry_after_s, LONGEST_HOLD_S))
        if isinstance(later, LoginRefused):
            self._refused_until_s = self._clock.monotonic_s() + LOGIN_AGAIN_S

    @contextlib.contextmanager
    def _in_flight(self) -> Iterator[None]:
        self._up()
        if self._open >= self.config.max_in_flight:
            raise NotSent("as many messages are on their way as may be", retry_after_s=1.0)
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            if not self._open:
                self._idle.set()


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0
