"""Everything the core asks of the outside world, on one page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from dialer.domain.ids import AttemptId


class Clock(Protocol):
    """Time, so that tests can turn it."""

    def now(self) -> datetime:
        """The wall clock, aware UTC."""

    def monotonic_s(self) -> float:
        """Seconds that never jump, for durations."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOrder:
    """One call to place. `number` is E.164 with its plus sign; the adapter refuses any other shape before it writes a byte."""

    attempt_id: AttemptId
    number: str
    trunk: str
    caller_id: str  # E.164 or ""
    ring_timeout_s: float
    nonce: str
    amd: bool = False  # run the answering-machine detector before the app


class VoiceEventKind(StrEnum):
    """What can become known of a call. They may arrive twice and in any order."""

    STARTED = "started"  # the switch has a channel for it
    RINGING = "ringing"
    ANSWERED = "answered"
    ORIGINATE_FAILED = "originate_failed"  # the order ended without an answer; the hang-up facts follow, or not
    HANGUP = "hangup"  # the channel is gone; `cause` and `tech_cause` are the facts


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceEvent:
    """One fact about one call, in the dialer's words."""

    attempt_id: AttemptId
    switch: str
    kind: VoiceEventKind
    at: datetime  # when we received it, aware UTC
    cause: int | None = None  # Q.850, with HANGUP
    tech_cause: int | None = None  # SIP status, with HANGUP where the switch says it


class SwitchState(StrEnum):
    """Whether a switch can be used."""

    DOWN = "down"  # no link
    CONNECTING = "connecting"
    RECONCILING = "reconciling"  # linked and logged in; no call may be placed until the ledger agrees with the switch
    READY = "ready"
    HUNG = "hung"  # the socket is open and nobody answers
    REFUSED = "refused"  # our login was refused: a human must mend it


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchEvent:
    """The link to a switch changed. LINKED asks the engine to reconcile, then to call `VoicePort.ready`."""

    switch: str
    state: SwitchState
    at: datetime
    because: str = ""
    restarted: bool = False  # with RECONCILING: the switch has another start time than at our last connect


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveChannel:
    """A channel of ours that the switch has now."""

    attempt_id: AttemptId
    state: str  # "down", "ringing", "up"
    age_s: float


class VoicePort(Protocol):
    """All switches of this node. The adapter translates; whether to call is decided before, and never here."""

    async def start(self) -> None:
        """Begin to connect; returns at once. States arrive as SwitchEvents."""

    async def stop(self) -> None:
        """Close the links. Calls that are up stay up."""

    def events(self) -> AsyncIterator[VoiceEvent | SwitchEvent]:
        """Everything that happens, each call's events in the order of arrival. One reader."""

    def state_of(self, switch: str) -> SwitchState: ...

    def switches(self) -> Sequence[str]: ...

    def switch_for(self, trunk: str) -> str:
        """The switch that carries a trunk. Raises NotFound."""

    def room(self, trunk: str) -> int:
        """How many calls could be ordered on this trunk right now: CPS budget, channel caps, back-off; 0 when not READY."""

    async def place(self, order: CallOrder) -> None:
        """Dial. Returns when the switch has accepted the order.

        Waits for its turn under the CPS caps. Raises NotSent (surely no call), Rejected (the switch refused; no call),
        MaybeSent (unknown: leave it to reconciliation).
        """

    async def hang_up(self, attempt_id: AttemptId, switch: str) -> None:
        """End a call if it is still there. Quiet when it is not."""

    async def live_channels(self, switch: str) -> Sequence[LiveChannel]:
        """Every channel with our prefix on the switch. Raises NotSent when the list cannot be had whole."""

    def ready(self, switch: str) -> None:
        """The engine has reconciled: calls may be placed."""
