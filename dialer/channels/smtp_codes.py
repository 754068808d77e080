"""What a mail server's answer means for a mail, by the moment at which it came: the table."""

from __future__ import annotations

import re
from enum import StrEnum

from dialer.domain.message_state import Refusal
from dialer.errors import NotSent, Rejected, WireError

_ENHANCED = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
# Where the three numbers say little ("other", "no answer from host"), servers still write in words that nobody has this address;
# the last one is what a large provider says of an address that its customer does not have.
_NO_SUCH = re.compile(
    r"user unknown|unknown user|no such (user|recipient|mailbox|address|person)|(mailbox|user|recipient) (was )?not found"
    r"|(user|mailbox|recipient|account|address)\b.{0,60}? (does not|doesn.t) (exist|have an? )"
    r"|recipient address rejected: access denied",
    re.IGNORECASE,
)
_SAY_LITTLE = re.compile(r"(5\.(0\.0|4\.1))?\Z")
LOGIN = frozenset({454, 530, 534, 535, 538})


class Stage(StrEnum):
    """How far a mail had come. Until the last dot nothing was sent, whatever happens to the connection."""

    SENDER = "sender"  # MAIL FROM
    RECIPIENT = "recipient"  # RCPT TO
    DATA = "data"  # DATA, before the first line
    FINAL = "final"  # after the last dot


def verdict(stage: Stage, code: int, text: str, *, later_s: float) -> WireError:
    """What a refusal means. A server that refuses after the last dot has not taken the mail (RFC 5321, 4.2.5)."""
    words = f"the mail server answered {code} {text}".strip()[:300]
    if code < 500:
        return NotSent(words, retry_after_s=later_s)
    if code in LOGIN:
        return NotSent(words, retry_after_s=later_s)
    status = enhanced_status(text)
    return Rejected(words, refusal=refusal_of(stage, status, text), code=status or str(code))


def enhanced_status(text: str) -> str:
    """The three numbers of RFC 3463 in a text, such as 5.1.1; "" where there are none."""
    found = _ENHANCED.search(text)
    return found[0] if found else ""


def refusal_of(stage: Stage | None, status: str, words: str = "") -> Refusal:
    """Whose doing it is, by the three numbers, else by the server's words. Of a bounce, the stage is not known: None."""
    if _SAY_LITTLE.match(status) and _NO_SUCH.search(words):
        return Refusal.ADDRESS
    _class, _, rest = status.partition(".")
    subject, _, detail = rest.partition(".")
    match subject, detail:
        case "1", _:
            return Refusal.ACCOUNT if detail in ("7", "8") else Refusal.ADDRESS  # 7 and 8 are about the sender's address
        case "2", "2" | "3":
            return Refusal.UNREACHABLE if detail == "2" else Refusal.CONTENT
        case "2", _:
            return Refusal.ADDRESS
        case "3", "4":
            return Refusal.CONTENT
        case "4", _:
            return Refusal.NETWORK
        case "6", _:
            return Refusal.CONTENT
        case "7", _:
            return Refusal.CONTENT if stage in (Stage.DATA, Stage.FINAL, None) else Refusal.ACCOUNT
    match stage:
        case Stage.SENDER:
            return Refusal.ACCOUNT
        case Stage.RECIPIENT:
            return Refusal.ADDRESS
        case Stage.DATA | Stage.FINAL:
            return Refusal.CONTENT
    return Refusal.NETWORK
