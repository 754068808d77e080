"""Send text messages to a message centre over SMPP 3.4, and hear from it what became of them and what people answer."""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import lru_cache

import structlog

from dialer.channels.send_rate import SendRate
from dialer.channels.smpp_codes import (
    REASONS,
    STATE_NUMBERS,
    Receipt,
    is_text,
    plain_id,
    read_receipt,
    text_of,
    verdict,
)
from dialer.channels.smpp_config import LongMessages, SmppConfig
from dialer.channels.smpp_link import SmppLink
from dialer.channels.smpp_parts import Parts
from dialer.domain.ids import AttemptId
from dialer.domain.message_names import NUMBER, SMS_SENDER
from dialer.domain.message_state import MessageFacts, MessageState, Refusal
from dialer.domain.sms_text import MAX_SEGMENTS, Alphabet, SmsSize, segments_of, size_of, to_centre
from dialer.errors import MaybeSent, NotSent, Rejected, WireError
from dialer.ports import (
    Accepted,
    CannotTell,
    Clock,
    Found,
    GatewayState,
    InboundSink,
    LookUp,
    MessageReceived,
    MessageUpdate,
    SmsOrder,
)
from dialer.smpp_pdu import Address, Command, Malformed, Pdu, QueryAnswer, ShortMessage, Status, Tag, first_c_string, query_body

log = structlog.get_logger()

REMEMBERED = 100_000  # ids of messages by which a receipt finds its attempt without the database
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 30.0  # after "throttled", doubled each time
PARTS_EVERY_S = 30.0  # how often messages are looked for whose missing parts are waited for no longer
NATIONAL = 2  # a type of number: without its country's code
RECEIPT = 1  # registered_delivery: tell us how it ends


class SmppSms:
    """Implements `SmsPort`. All news comes over the same link: the centre is answered when the sink has it."""

    def __init__(self, config: SmppConfig, clock: Clock, sink: InboundSink) -> None:
        self.config, self.name = config, config.name
        self._clock, self._sink = clock, sink
        self._rate = SendRate(clock, config.max_per_s)
        self._link = SmppLink(config, clock, self._delivered)
        self._attempts: OrderedDict[str, AttemptId] = OrderedDict()
        self._parts = Parts(clock, config.default_alphabet)
        self._halves: list[MessageReceived] = []  # messages that miss a part, and could not be kept
        self._task: asyncio.Task[None] | None = None
        self._reference = random.randrange(256)
        self._pause_s = FIRST_PAUSE_S

    async def start(self) -> None:
        self._link.start()
        if self._task is None:
            self._task = asyncio.create_task(self._look_for_late_parts(), name=f"smpp-parts-{self.name}")

    async def stop(self) -> None:
        """Say goodbye; what has come of messages that miss a part is kept."""
        await self._link.stop()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self._keep_incomplete(all_of_them=True)

    def state(self) -> GatewayState:
        return self._link.state

    def room(self) -> int:
        return min(self._rate.room(), self._link.room)

    async def send(self, order: SmsOrder) -> Accepted:
        size = size_of(order.text, self.config.default_alphabet)
        messages = self._messages(order, size)
        if self.state() is not GatewayState.READY:
            raise NotSent(f"the gateway {self.name} is {self.state().value}")
        await self._rate.turn(size.segments, within_s=self.config.turn_timeout_s)
        if len(messages) == 1:
            taken = await self._send_whole(order, messages[0])
        else:
            taken = await self._send_parts(order, messages)
        self._pause_s = FIRST_PAUSE_S
        return Accepted(provider_ids=taken, segments=size.segments)

    async def _send_whole(self, order: SmsOrder, message: ShortMessage) -> tuple[str, ...]:
        """Nearly every text."""
        try:
            return (await self._submit(order, message),)
        except NotSent as later:
            if later.retry_after_s is not None:
                self._hold()
            raise

    async def _send_parts(self, order: SmsOrder, messages: Sequence[ShortMessage]) -> tuple[str, ...]:
        ids: list[str] = [""] * len(messages)
        until_s = self._clock.monotonic_s() + self.config.answer_timeout_s
        while True:
            open_places = [place for place, taken in enumerate(ids) if not taken]
            outcomes = await self._submit_all(order, [messages[place] for place in open_places])
            failures = list[WireError]()
            for place, outcome in zip(open_places, outcomes, strict=True):
                if isinstance(outcome, WireError):
                    failures.append(outcome)
                else:
                    ids[place] = outcome
            if not failures:
                return tuple(ids)
            later = _worst(failures, some_taken=any(ids))
            if not isinstance(later, NotSent):
                raise later
            pause_s = FIRST_PAUSE_S if later.retry_after_s is None else self._hold()
            if not any(ids):
                raise later
            # A part of it is out: the rest must follow, or the contact has half a message and would get all of it again.
            if self._clock.monotonic_s() + pause_s > until_s:
                raise MaybeSent(f"{sum(map(bool, ids))} of {len(ids)} segments were taken: {later}") from later
            await self._clock.sleep(pause_s)

    async def look_up(
        self, order: SmsOrder, *, since: datetime, known: Sequence[str] = (), others: Collection[str] = ()
    ) -> LookUp:
        """Only by the centre's own ids: SMPP has no search."""
        if not known:
            return CannotTell(because="a message centre can be asked only for messages whose id we have")
        facts = MessageFacts(expected=len(known))
        source = _sender(order.sender or self.config.sender)
        try:
            for one in known:
                answer = await self._link.request(
                    Command.QUERY_SM, query_body(one, source), timeout_s=self.config.answer_timeout_s
                )
                if answer.status:
                    return CannotTell(because=f"the message centre answered {answer.status:#x}")
                state = STATE_NUMBERS.get(QueryAnswer.parse(answer.body).state, MessageState.ACCEPTED)
                facts = facts.seen(state, one)
        except (WireError, Malformed) as failed:
            return CannotTell(because=str(failed))
        segments = size_of(order.text, self.config.default_alphabet).segments
        return Found(provider_ids=tuple(known), state=facts.state or MessageState.ACCEPTED, segments=segments)

    # -- out -----------------------------------------------------------------------------------------------------------------

    def _messages(self, order: SmsOrder, size: SmsSize) -> list[ShortMessage]:
        """The order as it goes over the wire: one message, or one for each segment."""
        sender = order.sender or self.config.sender
        if not NUMBER.match(order.number):
            raise Rejected(f"{order.number!r} is no number", refusal=Refusal.ADDRESS)
        source = _source(sender)
        whole, centre = self.config.long_messages is LongMessages.PAYLOAD, self.config.default_alphabet
        texts = [order.text] if whole or size.segments == 1 else segments_of(order.text, centre)
        many = len(texts) > 1
        if len(texts) > MAX_SEGMENTS or len(order.text) > MAX_SEGMENTS * 153:
            raise Rejected(f"a text of {len(order.text)} characters", refusal=Refusal.CONTENT)
        self._reference = (self._reference + 1) % 256
        is_ucs2 = size.alphabet is Alphabet.UCS2
        return [
            ShortMessage(
                source=source,
                destination=Address(number=order.number.removeprefix("+")),
                text=(bytes((5, 0, 3, self._reference, len(texts), place)) if many else b"")
                + (_ucs2(text) if is_ucs2 else to_centre(text, centre)),
                data_coding=8 if is_ucs2 else 0,
                esm_class=0x40 if many else 0,
                registered_delivery=RECEIPT,
                validity=_validity(order.valid_for_s),
                tlvs=((int(Tag.ATTEMPT_ID), order.attempt_id.encode()),) if self.config.tag_messages else (),
            )
            for place, text in enumerate(texts, start=1)
        ]

    async def _submit_all(self, order: SmsOrder, messages: Sequence[ShortMessage]) -> list[str | WireError]:
        """What became of each: the centre's id, or why there is none."""
        outcomes = await asyncio.gather(*(self._submit(order, one) for one in messages), return_exceptions=True)
        told = list[str | WireError]()
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, WireError):
                raise outcome
            told.append(outcome)
        return told

    async def _submit(self, order: SmsOrder, message: ShortMessage) -> str:
        """The centre's id. Raises WireErrors."""
        as_payload = self.config.long_messages is LongMessages.PAYLOAD and len(message.text) > 140
        answer = await self._link.request(
            Command.SUBMIT_SM,
            message.body(as_payload=as_payload),
            timeout_s=self.config.answer_timeout_s,
            late=lambda pdu: self._late(order, pdu),
        )
        if answer.status:
            raise verdict(answer.status, self.config.refusals, retry_after_s=self._pause_s)
        return self._taken(order.attempt_id, answer)

    def _taken(self, attempt_id: AttemptId, answer: Pdu) -> str:
        # Before anything else is read from the link: a receipt may be the very next thing on it.
        message_id = plain_id(first_c_string(answer.body), self.config.receipt_ids)
        if not message_id:
            raise MaybeSent("the message centre took a message and did not say which")
        self._attempts[message_id] = attempt_id
        while len(self._attempts) > REMEMBERED:
            self._attempts.popitem(last=False)
        return message_id

    def _late(self, order: SmsOrder, answer: Pdu) -> None:
        """An answer that nobody waited for any more: its receipt, if there is one, will find the attempt."""
        if not answer.status and first_c_string(answer.body):
            self._taken(order.attempt_id, answer)
        log.warning("a message centre answered late", gateway=self.name, attempt_id=order.attempt_id, status=answer.status)

    def _hold(self) -> float:
        """A pause for the whole gateway, longer each time; its length."""
        pause_s = self._pause_s
        self._rate.hold(pause_s)
        self._pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        return pause_s

    # -- in ------------------------------------------------------------------------------------------------------------------

    async def _delivered(self, message: ShortMessage) -> int:
        """Keep what the centre tells; the status that it is answered."""
        news = self._receipt(message) if message.message_type else self._received(message)
        if news is None:
            if self._parts.too_many:
                await self._keep_incomplete()
            return Status.ROK
        try:
            await self._sink(news)
        except Exception:
            log.exception("news of a message could not be kept", gateway=self.name)
            return Status.RX_T_APPN
        if not message.message_type:
            self._parts.done(message)
        return Status.ROK

    def _receipt(self, message: ShortMessage) -> MessageUpdate | None:
        centre = self.config.default_alphabet
        receipt: Receipt | None = read_receipt(message, self.config.receipt_ids, centre)
        if receipt is None:
            log.warning("a receipt that names no message", gateway=self.name, text=text_of(message, centre)[:80])
            return None
        return MessageUpdate(
            gateway=self.name,
            state=receipt.state,
            at=self._clock.now(),
            attempt_id=self._attempts.get(receipt.message_id),
            provider_id=receipt.message_id,
            refusal=REASONS.get(receipt.state),
            code=receipt.error,
        )

    def _received(self, message: ShortMessage) -> MessageReceived | None:
        if not is_text(message):
            log.warning("a message that is no text", gateway=self.name, data_coding=message.data_coding)
            return None
        text = self._parts.whole(message)
        if text is None:
            return None  # a part of it; the rest will come
        return self._news(message, text)

    def _news(self, message: ShortMessage, text: str) -> MessageReceived:
        return MessageReceived(
            gateway=self.name,
            provider_id="",
            sender=_shown(message.source),
            recipient=_shown(message.destination),
            text=text,
            at=self._clock.now(),
            national=message.source.ton == NATIONAL,
        )

    async def _look_for_late_parts(self) -> None:
        while True:
            await self._clock.sleep(PARTS_EVERY_S)
            await self._keep_incomplete()

    async def _keep_incomplete(self, *, all_of_them: bool = False) -> None:
        """Half a message is better than none: it may hold an opt-out, and a person sees that something is missing."""
        halves = [*self._halves, *(self._news(*half) for half in self._parts.given_up(all_of_them=all_of_them))]
        self._halves = []
        for news in halves:
            log.warning("a message of which a part never came", gateway=self.name)
            try:
                await self._sink(news)
            except Exception:
                log.exception("half a message could not be kept", gateway=self.name)
                self._halves.append(news)


def _worst(failures: Sequence[WireError], *, some_taken: bool) -> WireError:
    """One verdict for the message from those of its segments."""
    if doubt := next((one for one in failures if isinstance(one, MaybeSent)), None):
        return doubt
    refused = next((one for one in failures if isinstance(one, Rejected)), None)
    if refused is None:
        return failures[0]
    return MaybeSent(f"some segments were taken and others not: {refused}") if some_taken else refused


@lru_cache(maxsize=256)
def _source(sender: str) -> Address:
    """As whom we write: the same for one message after another. Raises Rejected."""
    if not SMS_SENDER.match(sender):
        raise Rejected(f"{sender!r} cannot be a sender", refusal=Refusal.ACCOUNT)
    return _sender(sender)


def _sender(sender: str) -> Address:
    """The type of number and the plan that centres expect with each kind of sender."""
    if sender.startswith("+"):
        return Address(number=sender.removeprefix("+"), ton=1, npi=1)
    if sender.isdecimal():
        return Address(number=sender, ton=3, npi=0)  # network specific: a short code
    return Address(number=sender, ton=5, npi=0)  # alphanumeric


def _shown(address: Address) -> str:
    """A number as the dialer writes it."""
    international = address.ton == 1 and address.number.isdecimal()
    return f"+{address.number}" if international else address.number


def _ucs2(text: str) -> bytes:
    return text.encode("utf-16-be", errors="replace")


def _validity(valid_for_s: float | None) -> str:
    """A relative time (7.1.1): YYMMDDhhmmss000R."""
    if valid_for_s is None:
        return ""
    minutes, seconds = divmod(int(min(max(1.0, valid_for_s), 63 * 24 * 3600)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    months, days = divmod(days, 30)
    return f"00{months:02}{days:02}{hours:02}{minutes:02}{seconds:02}000R"
