"""Everything the core asks of the outside world, on one page. The voice of agents has a page of its own: `ports_agents`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias, TypeVar

from dialer.domain.codes import SystemCode
from dialer.domain.email_content import EmailContent
from dialer.domain.ids import AttemptId, OrgId
from dialer.domain.message_state import MessageState, Refusal
from dialer.domain.node_status import GatewayStatus
from dialer.domain.published import PublishedResult
from dialer.domain.strategy import Handler
from dialer.domain.wording import Wish
from dialer.errors import Rejected


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
    floor: bool = False  # a person who answers waits for an agent, and for no app: see `ports_agents`
    wait_s: float = 2.0  # with `floor`: how long; then the switch itself says `nuisance` and hangs up, be the dialer there or not
    nuisance: str = ""  # with `floor`: a sound on the switch, without its ending; "": the one that is shipped


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

    async def give_up(self, attempt_id: AttemptId, switch: str) -> bool:
        """End a call that nobody has answered. False: somebody has, and it stays. True also when it is not there any more."""

    async def live_channels(self, switch: str) -> Sequence[LiveChannel]:
        """Every channel with our prefix on the switch. Raises NotSent when the list cannot be had whole."""

    def ready(self, switch: str) -> None:
        """The engine has reconciled: calls may be placed."""


# -- messages: SMS and email ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsOrder:
    """One text message to send. `number` is E.164 with its plus sign; `text` is already filled in for the contact."""

    attempt_id: AttemptId
    number: str
    text: str
    sender: str = ""  # a number, a short code or a name; the gateway's own where it is empty
    valid_for_s: float | None = None  # later than that it is of no use any more


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailOrder:
    """One email to send. The content is filled in by the gateway, which keeps what is the same for all."""

    attempt_id: AttemptId
    address: str
    content: EmailContent
    values: Mapping[str, str] = field(default_factory=dict)  # the contact's attributes
    name: str = ""  # whom it is to, as shown
    unsubscribe: bool = False  # say in the header how to get no more mails: by a mail, and where it is there by one click
    unsubscribe_url: str = ""  # https, for one click (RFC 8058); it must not ask for a login


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The gateway has taken the message."""

    provider_ids: tuple[str, ...]  # by which it will speak of it: one, or one for each segment
    segments: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The gateway has the message that nobody was sure of."""

    provider_ids: tuple[str, ...]
    state: MessageState
    segments: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class NoTrace:
    """The gateway does not know of the message now. One that was accepted a moment ago may yet appear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CannotTell:
    """This gateway cannot be asked, does not answer, or has several that it could be."""

    because: str


LookUp: TypeAlias = Found | NoTrace | CannotTell


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageUpdate:
    """News of a message of ours. It may come twice, in any order, and before `send` has returned: see `MessageFacts`."""

    gateway: str
    state: MessageState
    at: datetime  # when we received it, aware UTC
    attempt_id: AttemptId | None = None  # where the news itself says it, or we still remember
    provider_id: str = ""
    refusal: Refusal | None = None  # with a state that failed
    code: str = ""  # the provider's own number for the reason
    text: str = ""  # and its words


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReceived:
    """Somebody wrote to us."""

    gateway: str
    provider_id: str  # the same when the provider repeats itself; "" where it has none
    sender: str  # a number, or an email address in lower case
    recipient: str  # which of our numbers or addresses it was written to
    text: str  # what they wrote, without what they quoted
    at: datetime  # when we received it, aware UTC
    attempt_id: AttemptId | None = None  # the message that it answers, where it says so
    subject: str = ""
    automatic: bool = False  # a machine wrote it (out of office, a list): never answer it
    asks: Wish | None = None  # what its provider took it for, by keywords that are kept there
    attached: int = 0  # files that came with it; they are not kept
    national: bool = False  # the sender's number is written as at home, without its country's code


GatewayNews: TypeAlias = MessageUpdate | MessageReceived
# Returns when it is on disk, and only then is the other side told that we have it. Raises, and the other side will try again.
InboundSink: TypeAlias = Callable[[GatewayNews], Awaitable[None]]


class GatewayState(StrEnum):
    """Whether a gateway can be used."""

    DOWN = "down"  # no link, or stopped
    CONNECTING = "connecting"
    READY = "ready"
    REFUSED = "refused"  # our login was refused: a human must mend it


OrderT = TypeVar("OrderT", SmsOrder, EmailOrder, contravariant=True)


class MessagePort(Protocol[OrderT]):
    """One gateway. The adapter translates; whether to write is decided before, and never here."""

    @property
    def name(self) -> str: ...

    async def start(self) -> None:
        """Begin to connect; returns at once."""

    async def stop(self) -> None:
        """Let what is on the wire end, within a limit, and close."""

    def state(self) -> GatewayState: ...

    def room(self) -> int:
        """How many more messages it could take within the coming second: its rate, its window, its back-off; 0 when down."""

    async def send(self, order: OrderT) -> Accepted:
        """Send. Returns when the gateway has taken the message; waits for its turn under the gateway's rate.

        Raises NotSent (surely not taken; `retry_after_s` where the gateway said when), Rejected (it refused this message),
        MaybeSent (unknown: `look_up`, never repeat).
        """

    async def look_up(self, order: OrderT, *, since: datetime, known: Sequence[str] = (), others: Collection[str] = ()) -> LookUp:
        """Ask what became of an order: one that was MaybeSent, or (with `known`, its provider ids) one without news for long.

        `since` is when it was first tried, `others` the provider ids of other attempts to the same address. Raises nothing for
        a gateway that does not answer.
        """


SmsPort: TypeAlias = MessagePort[SmsOrder]
EmailPort: TypeAlias = MessagePort[EmailOrder]


# -- attempts without a switch -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptOrder:
    """One attempt to make on a channel without a switch, with all that is known of its contact."""

    attempt_id: AttemptId
    org_id: OrgId
    campaign: str
    job_id: int
    handler: Handler  # what the strategy says of such attempts: the action, the text, the sender, ...
    contact_id: str  # the user's own id
    address_name: str
    address: str  # "" where the handler needs none
    language: str
    time_zone: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    sender: str = ""  # whom the contact is to see; "" = the usual one


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The order was taken. With a `code` that was all; without one the end is told later, by a DeliveryUpdate."""

    code: str = ""  # how it ended: the name of a completion code
    system_code: SystemCode = SystemCode.ATTEMPT_IN_PROGRESS  # with a code: what the dialer itself can say of that end
    note: str = ""
    kept: bool = False  # the channel itself has put on disk that the order was taken


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryUpdate:
    """What became of an order that was taken. Updates may come twice and late; with a `code` the attempt is over."""

    attempt_id: AttemptId
    at: datetime  # aware UTC
    state: str  # in the channel's words, for the record
    code: SystemCode | None = None


class ChannelPort(Protocol):
    """One channel without a switch, in front of whatever carries it. Whether to attempt is decided before, and never here.

    What it learns later of an order it tells `engine.deliveries.Deliveries.heard`, which returns when it is on disk; messages
    have a book of their own (`engine.message_book`).
    """

    patience_s: float
    """How long after a receipt without a code its end is waited for."""

    unheard: SystemCode
    """The code of an attempt whose end was never told."""

    def cannot(self, handler: Handler) -> str:
        """Why the orders of such a handler could never be carried out (a part is not installed); "" = they can."""

    def room(self, handlers: Sequence[Handler] = ()) -> int:
        """How many orders of these handlers (of any, if none are given) could be taken now: its rate, places, back-off."""

    def code_of(self, refused: Rejected) -> SystemCode:
        """The code of an attempt that was Rejected."""

    def gateways(self) -> Mapping[str, GatewayStatus]:
        """How the gateways stand that it hands orders to, the usual one first; none where it has no such thing."""

    async def send(self, order: AttemptOrder) -> Receipt:
        """Carry it out, within a time limit of its own.

        Raises NotSent (surely nothing happened), Rejected (refused, nothing happened), MaybeSent (nobody knows).
        """


# -- those who are told of results -----------------------------------------------------------------------------------------------


class ResultTarget(Protocol):
    """Somebody who is told of results, at least once each. The adapter translates; order and repetition are the publisher's."""

    batch: int
    """How many results it takes in one call."""

    at_once: int
    """How many calls it takes at the same time."""

    async def tell(self, results: Sequence[PublishedResult]) -> None:
        """Tell them in this order; returns when the target has all of them.

        Raises NotSent, MaybeSent (they are told again later) or Rejected (the target refuses these: they are told again much
        later, and the contact's later ones wait for them).
        """

    async def close(self) -> None:
        """Give back connections and files."""
