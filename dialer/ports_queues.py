"""What the core asks of the switches' own queues: who waits in them, and that agents of ours take their callers.

An agent's leg enters a queue, and is offered callers while it is not paused there. An offer's life:

    OFFERED ──take──> TAKEN ──> GONE       the talk has ended; or the leg has, and the caller waits in the queue again
       │
       └── dropped, or not taken within two seconds: GONE, and the queue offers the caller to somebody else

The switch does all of that by itself: a talk goes on without us, and an offer that nobody takes costs the caller no place.
Who was taken can be held, passed on and so on by the `AgentVoicePort` of the legs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from dialer.domain.ids import LegId, OfferId


class QueueNewsKind(StrEnum):
    """What can become known of a caller."""

    JOINED = "joined"  # waits in a queue
    LEFT = "left"  # does not any more: talks to somebody, has hung up, or the queue's own time was over
    OFFERED = "offered"  # to the agent of a leg of ours, by an offer
    TAKEN = "taken"  # the two hear each other
    GONE = "gone"  # they do not any more, or the offer has ended


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueNews:
    """One fact. Those of one caller, and those of one offer, come in their order; any may be lost with the link to a switch."""

    kind: QueueNewsKind
    switch: str
    at: datetime  # when we received it, aware UTC
    queue: str = ""
    caller: str = ""  # with JOINED and LEFT: the switch's name of the call that waits
    offer: OfferId | None = None  # with the others
    leg_id: LegId | None = None  # with OFFERED: to whom
    number: str = ""  # with OFFERED: the caller's; "" = not told


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingCaller:
    """Somebody who waits in a queue now."""

    caller: str
    waits_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSeen:
    """A queue as the switch has it now."""

    callers: Sequence[WaitingCaller] = ()
    legs: Mapping[LegId, bool] = field(default_factory=dict)  # those of ours that have entered -> whether they are paused


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueTalk:
    """A caller and an agent of ours who talk now, or whom the agent holds."""

    offer: OfferId
    leg_id: LegId
    queue: str
    number: str  # of the caller; "" = not told
    name: str  # of whom it was given to, else that with which the leg had entered the queue; "" = it has left
    held: bool = False  # the caller hears music


class QueuePort(Protocol):
    """The queues of the switches of a `VoicePort`: linked with it. It never decides.

    What is asked raises NotSent (surely not done), Rejected (the switch refuses) and MaybeSent (nobody knows: `look`).
    """

    def news(self) -> AsyncIterator[QueueNews]:
        """What happens in all queues, in the order of arrival. One reader."""

    async def look(self, switch: str, queue: str) -> QueueSeen | None:
        """A queue as it is now; None where the switch has none of that name. Raises NotSent where it cannot be had."""

    async def talks(self, switch: str) -> Sequence[QueueTalk]:
        """Who talks with callers now, for adoption after a restart; their ends are told. Raises NotSent."""

    async def enter(self, switch: str, queue: str, leg_id: LegId, name: str, *, paused: bool, anew: bool = False) -> None:
        """Let a leg take the queue's callers, from now on or, paused, later. Said again it changes the pause.

        `anew`: from then on callers are offered whether or not the queue takes the leg for busy, with one who was handed over.
        """

    async def leave(self, switch: str, queue: str, leg_id: LegId) -> None:
        """No more callers for this leg; quiet where it had none. A talk goes on."""

    async def take(self, switch: str, offer: OfferId, leg_id: LegId) -> bool:
        """Let the caller and the agent talk (TAKEN tells when they do). False where the caller is gone."""

    async def give(self, switch: str, offer: OfferId, name: str) -> None:
        """Whose caller it is from now on, as `talks` tells it; the leg is that with which the caller talks. Quiet if gone."""

    async def drop(self, switch: str, offer: OfferId) -> None:
        """End an offer, or the talk that came of it; quiet where it has ended."""

    async def put_back(self, switch: str, offer: OfferId) -> None:
        """A caller who was taken, and whom nobody has any more, waits in the queue again, before all others; quiet if gone."""
