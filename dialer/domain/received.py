"""A message that somebody wrote to us: what it was taken for, who looks after it, and what was answered."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dialer.domain.channel import Channel
from dialer.domain.ids import AttemptId, ContactId, OrgId, ReceivedId


class TakenFor(StrEnum):
    """What was made of a message."""

    AUTOMATIC = "automatic"  # a machine wrote it: kept, and never answered
    OPT_OUT = "opt-out"  # STOP and its kin: the address is on the DNC list
    OPT_IN = "opt-in"  # START and its kin: what a STOP had put on the list is off it
    HELP = "help"  # HELP and its kin: answered with the organisation's text
    REPLY = "reply"  # an answer that the strategy understands
    NOT_UNDERSTOOD = "not understood"  # an answer that no row of the strategy matches
    UNMATCHED = "unmatched"  # it answers no message that we know of


class InboxState(StrEnum):
    """Whether a person has to look at a message: NONE, or OPEN ──> CLOSED."""

    NONE = "none"  # it was dealt with by itself
    OPEN = "open"  # it waits for a person
    CLOSED = "closed"  # somebody has dealt with it


class AnswerState(StrEnum):
    """Where our own answer stands. It is written down before it is sent, and never sent twice.

    DUE ──> SENDING ──> SENT | FAILED | UNKNOWN
     ^_________│ (the gateway surely did not take it)
    """

    NONE = "none"  # nothing is answered
    DUE = "due"  # to be sent
    SENDING = "sending"  # handed to the gateway, as far as we know
    SENT = "sent"
    FAILED = "failed"  # refused, or its time ran out before a gateway took it
    UNKNOWN = "unknown"  # it may have left; it is not sent again


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One message to us. Times are aware UTC."""

    id: ReceivedId
    gateway: str
    channel: Channel
    sender: str
    recipient: str
    subject: str
    text: str
    at: datetime
    taken_for: TakenFor
    org_id: OrgId  # the default one where it is not known whom it is for
    attempt_id: AttemptId | None = None  # the message of ours that it answers
    contact_id: ContactId | None = None
    code: str = ""  # the completion code that it gave
    note: str = ""  # what people should know of it
    inbox: InboxState = InboxState.NONE
    assigned_to: str = ""
    closed_by: str = ""
    closed_at: datetime | None = None
    answer: str = ""  # our own answer
    answer_to: str = ""  # where it goes
    answer_state: AnswerState = AnswerState.NONE
    answer_id: AttemptId | None = None  # by which the gateway knows it
    answer_tries: int = 0


def channel_of(sender: str) -> Channel:
    """On which channel a sender writes."""
    return Channel.EMAIL if "@" in sender else Channel.SMS


def digest_of(*parts: str) -> str:
    """By which a message is known that comes again: the same parts, the same digest."""
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()
