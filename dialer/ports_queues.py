"""What the core asks of the switches' own queues: who has called in and waits there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class QueueNewsKind(StrEnum):
    """What can become known of a caller."""

    JOINED = "joined"  # waits in a queue
    LEFT = "left"  # does not any more: talks to somebody, has hung up, or the queue's own time was over


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueNews:
    """One fact of one caller. Those of one caller come in their order; any may be lost with the link to a switch."""

    kind: QueueNewsKind
    switch: str
    queue: str
    caller: str  # the switch's name of the call
    at: datetime  # when we received it, aware UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingCaller:
    """Somebody who waits in a queue now."""

    caller: str
    waits_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSeen:
    """A queue as the switch has it now."""

    callers: Sequence[WaitingCaller] = ()


class QueuePort(Protocol):
    """The queues of the switches of a `VoicePort`: linked with it. It never decides."""

    def news(self) -> AsyncIterator[QueueNews]:
        """Who comes and goes in all queues, in the order of arrival. One reader."""

    async def look(self, switch: str, queue: str) -> QueueSeen | None:
        """Who waits in a queue now; None where the switch has no queue of that name. Raises NotSent where it cannot be had."""
