"""What the operator says about an account with a message centre that speaks SMPP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from dialer.domain.message_names import GATEWAY, SENDER_MEND, SMS_SENDER
from dialer.domain.message_state import Refusal
from dialer.domain.sms_text import CentreAlphabet
from dialer.errors import BadInput


class LongMessages(StrEnum):
    """How a text that does not fit into one message travels."""

    UDH = "udh"  # cut by us, with a header in each part: every centre takes it, each part has its id and its receipt
    PAYLOAD = "payload"  # whole, and cut by the centre: one id; not every centre takes it


class ReceiptIds(StrEnum):
    """How the id in a receipt is written, next to the one in the answer to a message."""

    SAME = "same"
    HEX_IN_ANSWER = "hex-in-answer"  # the answer says 1F, the receipt 31: a habit of many centres


@dataclass(frozen=True, slots=True, kw_only=True)
class SmppConfig:
    """One gateway. Times in seconds."""

    name: str
    host: str
    port: int = 2775
    system_id: str
    password: str = field(repr=False)
    system_type: str = ""
    sender: str  # a number, a short code, or up to 11 letters
    long_messages: LongMessages = LongMessages.UDH
    receipt_ids: ReceiptIds = ReceiptIds.SAME
    default_alphabet: CentreAlphabet = CentreAlphabet.GSM  # what the centre means by data coding 0
    # What the provider's own statuses mean (0x400 to 0x4FF); the standard's are known.
    refusals: Mapping[int, Refusal] = field(default_factory=lambda: MappingProxyType({}))
    max_per_s: float | None = None  # segments
    window: int = 20  # requests without an answer
    tls: bool = False
    tag_messages: bool = False  # show our attempt id in a parameter of our own: for a laboratory, never for a real centre
    connect_timeout_s: float = 5.0
    answer_timeout_s: float = 15.0  # later than that a message is in doubt
    turn_timeout_s: float = 10.0  # how long an order waits for its turn and for a place in the window
    enquire_every_s: float = 15.0  # a link on which nothing came for so long is asked whether it lives
    enquire_timeout_s: float = 5.0
    backoff_first_s: float = 0.5
    backoff_max_s: float = 30.0
    refused_retry_s: float = 60.0  # a refused login is tried no oftener
    stop_timeout_s: float = 5.0

    def __post_init__(self) -> None:
        if not GATEWAY.match(self.name):
            raise BadInput(f"{self.name!r}", where="the name of a gateway", mend="letters, digits, dash and underscore")
        if not SMS_SENDER.match(self.sender):
            raise BadInput(f"{self.sender!r}", where="sender", mend=SENDER_MEND)
        for where, text, most in (
            ("system_id", self.system_id, 15),
            ("password", self.password, 8),
            ("system_type", self.system_type, 12),
        ):
            if len(text) > most or not text.isascii() or "\0" in text:
                raise BadInput("it does not fit", where=where, mend=f"at most {most} ASCII characters, as SMPP 3.4 has it")
        if not self.host or not 0 < self.port < 65536:
            raise BadInput(f"{self.host}:{self.port}", where="host and port", mend="a name, and 1 to 65535")
        if self.window < 1 or (self.max_per_s is not None and self.max_per_s <= 0):
            raise BadInput("the limits of a gateway must be positive", where=self.name)
