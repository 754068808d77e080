"""A message gateway without a network, for tests: each address does what a test says, and the wire may misbehave.

Never for users: it writes to nobody. The real gateways are in `dialer.channels`; one contract test holds all to the same words.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic

from dialer.domain.ids import AttemptId
from dialer.domain.message_state import MessageState, Refusal
from dialer.errors import NotSent, WireError
from dialer.ports import (
    Accepted,
    CannotTell,
    Clock,
    EmailOrder,
    Found,
    GatewayNews,
    GatewayState,
    InboundSink,
    LookUp,
    MessageReceived,
    MessageUpdate,
    NoTrace,
    OrderT,
    SmsOrder,
)
from dialer.tasks import Tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeReader:
    """What one address does with a message. Seconds count from its acceptance."""

    states: Sequence[MessageState] = (MessageState.SENT, MessageState.DELIVERED)
    state_after_s: float = 0.01  # between one and the next
    reason: Refusal | None = None  # with a last state that failed
    replies: str | None = None
    reply_after_s: float = 0.05
    automatic: bool = False  # a machine replies
    refuses: WireError | None = None  # what `send` raises
    sends_all_the_same: bool = False  # with `refuses`: the gateway has it, only its acceptance was lost


ARRIVES = FakeReader()
NO_SUCH_ADDRESS = FakeReader(states=(MessageState.SENT, MessageState.UNDELIVERED), reason=Refusal.ADDRESS)


class FakeMessages(Generic[OrderT]):
    """Implements `MessagePort`: `FakeMessages[SmsOrder](clock, sink)` or `FakeMessages[EmailOrder](clock, sink)`.

    `readers` says what each number or address does (`default` the others). `duplicate` and `shuffle` spoil the news on its way;
    `can_look_up=False` makes a gateway that cannot be asked. `sent` is the truth: every order that was accepted.
    """

    def __init__(
        self,
        clock: Clock,
        sink: InboundSink,
        *,
        name: str = "fake",
        readers: Mapping[str, FakeReader] | None = None,
        default: FakeReader = ARRIVES,
        can_look_up: bool = True,
        max_open: int = 1000,
        duplicate: bool = False,
        shuffle: random.Random | None = None,
    ) -> None:
        self.clock, self.sink, self.name = clock, sink, name
        self.readers: Mapping[str, FakeReader] = {} if readers is None else readers
        self.default = default
        self.can_look_up, self.max_open = can_look_up, max_open
        self.duplicate, self.shuffle = duplicate, shuffle
        self.now_is = GatewayState.DOWN
        self.sent: list[OrderT] = []
        self.last: dict[AttemptId, MessageState] = {}
        self.tasks = Tasks()

    async def start(self) -> None:
        self.now_is = GatewayState.READY

    async def stop(self) -> None:
        self.now_is = GatewayState.DOWN
        await self.tasks.stop()

    def state(self) -> GatewayState:
        return self.now_is

    def room(self) -> int:
        return max(0, self.max_open - len(self.tasks)) if self.now_is is GatewayState.READY else 0

    async def send(self, order: OrderT) -> Accepted:
        if self.now_is is not GatewayState.READY:
            raise NotSent(f"the gateway {self.name} is {self.now_is.value}")
        address = address_of(order)
        reader = self.readers.get(address, self.default)
        if reader.refuses is None or reader.sends_all_the_same:
            self.sent.append(order)
            self.last[order.attempt_id] = MessageState.ACCEPTED
            self.tasks.start(self.live(order.attempt_id, address, reader), name=f"fake-message-{order.attempt_id}")
        if reader.refuses is not None:
            raise reader.refuses
        return Accepted(provider_ids=(self.provider_id(order.attempt_id),))

    async def look_up(self, order: OrderT, *, since: datetime, known: Sequence[str] = (), others: Collection[str] = ()) -> LookUp:
        if not self.can_look_up or self.now_is is not GatewayState.READY:
            return CannotTell(because=f"the gateway {self.name} cannot be asked")
        if (state := self.last.get(order.attempt_id)) is None:
            return NoTrace()
        return Found(provider_ids=(self.provider_id(order.attempt_id),), state=state)

    def provider_id(self, attempt_id: AttemptId) -> str:
        """By which the gateway speaks of an attempt's message."""
        return f"{self.name}-{attempt_id}"

    async def receive(self, sender: str, text: str, *, attempt_id: AttemptId | None = None, automatic: bool = False) -> None:
        """Somebody writes, without having been asked or in answer to a message."""
        await self.tell(
            MessageReceived(
                gateway=self.name,
                provider_id=f"{self.name}-in-{sender}-{text}",
                sender=sender,
                recipient="us",
                text=text,
                at=self.clock.now(),
                attempt_id=attempt_id,
                automatic=automatic,
            )
        )

    async def live(self, attempt_id: AttemptId, address: str, reader: FakeReader) -> None:
        """What happens to one message after its acceptance."""
        news = [
            MessageUpdate(
                gateway=self.name,
                state=state,
                at=self.clock.now(),
                attempt_id=attempt_id,
                provider_id=self.provider_id(attempt_id),
                refusal=reader.reason if state.failed else None,
            )
            for state in reader.states
        ]
        if self.duplicate:
            news += news
        if self.shuffle is not None:
            self.shuffle.shuffle(news)
        for one in news:
            await self.clock.sleep(reader.state_after_s)
            self.last[attempt_id] = self.last[attempt_id].after(one.state)
            await self.tell(one)
        if reader.replies is not None:
            await self.clock.sleep(reader.reply_after_s)
            await self.receive(address, reader.replies, attempt_id=attempt_id, automatic=reader.automatic)

    async def tell(self, news: GatewayNews) -> None:
        """Until it is taken, as a provider does."""
        for _ in range(5):
            try:
                return await self.sink(news)
            except Exception:  # noqa: BLE001 - whatever the test's sink raises, a provider would try again
                await self.clock.sleep(0.05)


def address_of(order: SmsOrder | EmailOrder) -> str:
    """Where a message goes."""
    return order.number if isinstance(order, SmsOrder) else order.address
