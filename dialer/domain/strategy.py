"""What a campaign does with one contact: whom to ring or write to when, what they hear or read, and what follows each outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from enum import StrEnum
from typing import ClassVar

from dialer.domain.channel import Channel
from dialer.domain.codes import SystemCode, name_key
from dialer.domain.condition import Attributes, Condition, all_hold
from dialer.domain.message_template import MessageTemplate
from dialer.domain.reply import Replies
from dialer.domain.restriction import CustomRestriction, Restriction
from dialer.domain.selector import Selector

INITIAL = "initial"  # where every contact begins; exactly one handler has this state
DONE = "done"  # not a handler: the contact leaves the campaign
WAIT = "wait"  # not a handler: the contact stays until a code comes from outside, or its time is up
DIALPLAN = "dialplan:"  # before the place, where the ledger names what treated a call: no app has such a name
RESERVED_STATES = frozenset({DONE, WAIT})


class StrategyStatus(StrEnum):
    """Whether a strategy may be used."""

    DRAFT = "draft"  # being written; no campaign can start with it
    COMPLETED = "completed"  # ready


class RetryCount(StrEnum):
    """Which retries are held against a row's `count`."""

    SHARED = "shared"  # all of the contact in this handler, whatever row caused them
    PER_CODE = "per_code"  # those of the row itself


class NoSuitableAddress(StrEnum):
    """What becomes of a contact when the hours of all its addresses are closed."""

    WAIT = "wait"  # until the first of them opens
    DONE = "done"  # it ends with No Callable Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How long a contact stays in the state "wait", and where it goes when nothing came."""

    for_s: float = 24 * 3600.0
    then: str = DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """What contacts see for whom all of `when` hold: a number, or the address of a mail."""

    when: tuple[Condition, ...]
    shown: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """What an answered call hears: an IVR app and the parameters it gets, or a dialplan of the switch's operator."""

    app: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    dialplan: str = ""  # where the call goes on: "context,extension"

    @property
    def name(self) -> str:
        """As the ledger names what treated a call."""
        return self.app or DIALPLAN + self.dialplan


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Call again after a while.

    `count` is compared with the retries of the contact in this handler that `Handler.retry_count` says; `intervals` are
    seconds before the first, second, ... retry that this row causes, the last one repeating.
    """

    count: int
    intervals: tuple[float, ...]
    address_looping: bool = False  # the retry goes to the next address of the handler instead of the same one
    fail_state: str = DONE  # where the contact goes when the retries are used up


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One row of a handler's result table."""

    next_state: str = DONE  # unused when `retry` is there: `fail_state` says where the contact goes then
    treatment: Treatment | None = None
    retry: Retry | None = None
    processor: str = ""  # the result processor that is told; "" = the handler's
    code: str = field(default="", compare=False)  # the code's name as it is written, for people to read


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRule:
    """One of the contact's addresses, and when it may be used, in the address's own time zone.

    Open from `opens` until just before `closes`; across midnight when `opens` is later; the whole day when they are equal.
    """

    name: str
    opens: time
    closes: time


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """What all handlers share: whom to try when, and a table of what follows each completion code (by its name_key)."""

    channel: ClassVar[Channel]

    state: str
    addresses: tuple[AddressRule, ...] = ()
    results: Mapping[str, Result] = field(default_factory=dict)
    otherwise: str = DONE  # next state for a code without a row
    retry_count: RetryCount = RetryCount.SHARED
    restrictions: tuple[Restriction, ...] = ()
    custom_restrictions: tuple[CustomRestriction, ...] = ()  # asked before the transaction that takes their verdict
    no_suitable_address: NoSuitableAddress = NoSuitableAddress.WAIT
    wait: Waiting = Waiting()
    processor: str = ""  # the result processor that is told of every code whose row names none
    publish: bool = False  # tell the targets of the settings of every result
    default_code: str = ""  # the code of an attempt that was carried out and got none from anybody; "" = the system's
    replies: Replies | None = None  # what answers to its messages mean; None = nobody is asked anything

    @property
    def asks_attributes(self) -> bool:
        """Whether a decision depends on what is known of the contact."""
        return bool(self.restrictions)

    def processor_for(self, code: str) -> str:
        """The name of the result processor that is told of a code; "" = none."""
        row = self.result_for(code)
        return (row.processor if row is not None else "") or self.processor

    def result_for(self, code: str) -> Result | None:
        """The row of a code, without regard to case."""
        return self.results.get(name_key(code))


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingHandler(Handler):
    """Whoever is attempted sees from whom."""

    sender: str = ""  # "" = the campaign's, the trunk's or the gateway's
    senders: tuple[Sender, ...] = ()  # the first whose conditions hold goes before `sender`

    @property
    def asks_attributes(self) -> bool:
        """Whether a decision depends on what is known of the contact."""
        return bool(self.restrictions or self.senders)

    def sender_for(self, of: Attributes) -> str:
        """What a contact with these attributes sees; "" = the campaign's, the trunk's or the gateway's."""
        return next((one.shown for one in self.senders if all_hold(one.when, of)), self.sender)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallHandler(SendingHandler):
    """Ring a contact."""

    channel: ClassVar[Channel] = Channel.VOICE

    ring_timeout_s: float = 45.0
    detect_machine: bool = True
    detect_silence: bool = True  # with the detector: false = a line without a voice is taken for a person


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageHandler(SendingHandler):
    """Write to a contact."""

    gateway: str = ""  # of the settings; "" = their first for the channel


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsHandler(MessageHandler):
    """Send a text message."""

    channel: ClassVar[Channel] = Channel.SMS

    text: MessageTemplate
    valid_for_s: float | None = None  # later than that it is of no use any more; None = as long as the networks keep it


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedFile:
    """A file that goes with every mail of a handler; it lies in the folder of the settings for attachments."""

    file: str
    name: str  # as the receiver sees it
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailHandler(MessageHandler):
    """Send an email; with both, `text` is what is shown where HTML is not."""

    channel: ClassVar[Channel] = Channel.EMAIL

    subject: MessageTemplate
    text: MessageTemplate | None = None
    html: MessageTemplate | None = None
    attachments: tuple[AttachedFile, ...] = ()
    unsubscribe: bool = True  # offer to stop all mails with one click

    @property
    def names(self) -> frozenset[str]:
        """The blanks of its texts."""
        return frozenset().union(*(part.names for part in (self.subject, self.text, self.html) if part))


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomHandler(Handler):
    """Let a custom action make the attempt; without addresses it needs none of the contact's."""

    channel: ClassVar[Channel] = Channel.CUSTOM

    action: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    time_limit_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """The handlers of a campaign. A job keeps the text it started with."""

    name: str
    status: StrategyStatus
    handlers: tuple[Handler, ...]
    selector: Selector | None = None  # when it is there, it is what has the state "initial"

    @property
    def asks_attributes(self) -> bool:
        """Whether a decision depends on what is known of the contact; if not, it need not be read."""
        return self.selector is not None or any(one.asks_attributes for one in self.handlers)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels of its handlers, in the order of the file."""
        return tuple(dict.fromkeys(one.channel for one in self.handlers))

    def channel_of(self, state: str) -> Channel:
        """The channel of what is done next in a state. Where a selector is to choose: a call, if one may come of it."""
        for one in self.handlers:
            if one.state == state:
                return one.channel
        return Channel.VOICE if Channel.VOICE in self.channels else self.channels[0]

    def enter(self, state: str, of: Attributes) -> tuple[str, str]:
        """Where a contact in `state` really is, and why: in "initial" a selector chooses."""
        if state == INITIAL and self.selector is not None:
            return self.selector.choose(of)
        return state, ""

    def handler(self, state: str) -> Handler:
        """The handler of a state. Raises KeyError; a loaded strategy names only states that exist."""
        for one in self.handlers:
            if one.state == state:
                return one
        raise KeyError(state)

    def call_handler(self, state: str) -> CallHandler:
        """The handler of a state whose attempts are calls. Raises KeyError where there is none."""
        for one in self.handlers:
            if one.state == state and isinstance(one, CallHandler):
                return one
        raise KeyError(state)


# Who answered, in the words of call classification -> the rows that are asked for a treatment, in order.
ANSWERED_BY: Mapping[str, tuple[SystemCode, ...]] = {
    "human": (SystemCode.ANSWER_HUMAN,),
    "machine": (SystemCode.ANSWER_MACHINE,),
    "silence": (SystemCode.SILENCE_DETECTED, SystemCode.ANSWER_HUMAN),  # a quiet person is a person, unless a row says more
    "fax": (SystemCode.FAX,),
    "unknown": (SystemCode.CALL_ANSWERED,),  # classification is off
}


def treatment_for(handler: Handler, answered_by: str) -> Treatment | None:
    """What an answered call hears; None = hang up. `answered_by` is a key of ANSWERED_BY."""
    for code in ANSWERED_BY[answered_by]:
        row = handler.result_for(code)
        if row is not None:  # a row without an app is a decision too: hang up
            return row.treatment
    return None
