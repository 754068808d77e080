"""An answer to a message as the author of a message app sees it: what was written, by whom, and the PDC."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeAlias

from dialer.ivr.outcome import Outcome
from pdc import CallPdc, Contact


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a contact has answered. `pdc` has the verbs that IVR apps have; they act on the message that was answered."""

    text: str  # without what the contact quoted
    sender: str
    recipient: str  # which of our numbers or addresses it was written to
    channel: str  # "sms" or "email"
    at: datetime  # when it came, aware UTC
    campaign: str
    attempt_id: str
    contact: Contact  # as it was when the answer came
    pdc: CallPdc
    subject: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)  # as the strategy gives them


MessageAnswer: TypeAlias = Outcome | str | None


class MessageApp(Protocol):
    """A function, plain or async, that is handed an answer and returns the completion code that it means.

    Nothing: the contact goes on waiting. What it raises, a code that it may not set, and a time limit that passes leave the
    message in the inbox.
    """

    def __call__(self, message: Message, /) -> Awaitable[MessageAnswer] | MessageAnswer: ...
