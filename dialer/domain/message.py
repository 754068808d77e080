"""What is on record of one SMS or email of ours: where it went, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dialer.domain.channel import Channel
from dialer.domain.ids import AttemptId, OrgId
from dialer.domain.message_state import MessageState, Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A message that is about to be handed to its gateway."""

    attempt_id: AttemptId
    org_id: OrgId
    channel: Channel
    gateway: str
    sender: str  # as the contact sees it
    recipient: str  # a number in E.164, or an email address in lower case
    subject: str = ""  # of an email
    body: str = ""  # of an SMS: by it a provider finds a message that nobody is sure of
    segments: int = 1
    expected: int = 1  # ids that the provider will give it: one, or one for each segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message on record. Times are aware UTC."""

    attempt_id: AttemptId
    org_id: OrgId
    channel: Channel
    gateway: str
    sender: str
    recipient: str
    subject: str
    body: str
    segments: int
    expected: int  # ids that its provider gives it
    put_at: datetime  # just before it was handed to the gateway
    state: MessageState | None  # None = nobody said yet that it was taken
    state_at: datetime | None
    refusal: Refusal | None  # why it did not arrive
    told_code: str  # the provider's own number for the reason
    told_text: str  # and its words
    looks: int  # how often the provider was asked what became of it
    look_at: datetime | None  # when it is to be asked next; None = it need not be


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """A message as people look at it."""

    message: Message
    code: str | None  # of its attempt; None while it is open
    provider_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageNews:
    """What a piece of news made of a message."""

    message: Message  # with the news
    before: MessageState | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenMessage:
    """A gateway has taken a message, and speaks of it by these ids."""

    attempt_id: AttemptId
    gateway: str
    provider_ids: Sequence[str]
    segments: int
