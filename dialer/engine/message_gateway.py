"""A gateway as the engine uses it: its pace and that of each sender, and the rest that it takes when our account is wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Generic

import structlog

from dialer.channels.send_rate import SendRate
from dialer.domain.channel import Channel
from dialer.domain.node_status import GatewayStatus
from dialer.domain.sms_text import CentreAlphabet
from dialer.ports import Clock, MessagePort, OrderT

log = structlog.get_logger()

TURN_S = 60.0  # how long a message waits for its sender's turn
REST_S = 60.0  # after the gateway refused us, and not a contact: a human has to mend that
REFUSALS = 3  # so often in a row: one alone may be about its recipient, whatever the gateway calls it


@dataclass(slots=True, kw_only=True)
class MessageGateway(Generic[OrderT]):
    """One gateway of the settings. `sender` is what contacts see where a strategy says nothing else."""

    port: MessagePort[OrderT]
    clock: Clock
    sender: str
    sender_per_s: float | None = None  # segments of one sender in a second; None: as fast as the gateway takes them
    ids_per_segment: bool = False  # it gives each segment an id of its own
    centre: CentreAlphabet = CentreAlphabet.GSM  # its text messages; it decides in how many segments they go
    longest: int = 0  # characters of a text that it takes; 0: no limit known
    _rates: dict[str, SendRate] = field(default_factory=dict)
    _rests_until_s: float = 0.0
    _refused: str = ""
    _begun: int = 0
    _refusals: int = 0  # since it took a message

    def status(self, channel: Channel) -> GatewayStatus:
        """As it stands at this moment."""
        rests = self.clock.monotonic_s() < self._rests_until_s
        because = f"it refuses our account or sender: {self._refused}" if rests else ""
        return GatewayStatus(channel=channel.value, state=self.port.state().value, room=self.room(), because=because)

    def room(self, senders: Collection[str] = ()) -> int:
        """How many messages it could take within a second from these senders together."""
        if self.clock.monotonic_s() < self._rests_until_s:
            return 0
        room = max(0, self.port.room() - self._begun)
        if self.sender_per_s is None:
            return room
        return min(room, sum(self._rate(one).room() for one in {one or self.sender for one in senders or ("",)}))

    @contextlib.contextmanager
    def begun(self) -> Iterator[Callable[[], None]]:
        """A message on its way to the gateway takes room from now on, until it is `handed_over`: then the gateway counts it."""
        self._begun += 1
        counted = True

        def handed_over() -> None:
            nonlocal counted
            self._begun -= counted
            counted = False

        try:
            yield handed_over
        finally:
            handed_over()

    async def turn(self, sender: str, segments: int) -> None:
        """Wait for a sender's turn. Raises NotSent."""
        if self.sender_per_s is not None:
            await self._rate(sender).turn(segments, within_s=TURN_S)

    def took(self) -> None:
        """It took a message: whatever it had against us before was about somebody."""
        self._refusals = 0

    def refuses(self, because: str) -> None:
        """It says that the fault is ours. When it says so of one message after another, nothing is handed to it for a while."""
        self._refusals += 1
        if self._refusals < REFUSALS:
            return
        log.error("a gateway refuses our account or sender, and rests", gateway=self.port.name, reason=because)
        self._refused = because[:200]
        self._rests_until_s = self.clock.monotonic_s() + REST_S

    def _rate(self, sender: str) -> SendRate:
        if sender not in self._rates:
            self._rates[sender] = SendRate(self.clock, self.sender_per_s)
        return self._rates[sender]
