"""What the statuses, states and receipts of a message centre mean in the dialer's words: the tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from dialer.channels.smpp_config import ReceiptIds
from dialer.domain.message_state import MessageState, Refusal
from dialer.domain.sms_text import CentreAlphabet, from_centre, from_gsm7
from dialer.errors import MaybeSent, NotSent, Rejected, WireError
from dialer.smpp_pdu import ShortMessage, Status, Tag

BUSY = frozenset({Status.RTHROTTLED, Status.RMSGQFUL})
# What a centre had done when its system failed, it does not say.
DOUBTFUL = frozenset({Status.RSYSERR, Status.RUNKNOWNERR})
LOGIN = frozenset({Status.RBINDFAIL, Status.RINVPASWD, Status.RINVSYSID})
REFUSALS: Mapping[int, Refusal] = {
    Status.RINVDSTADR: Refusal.ADDRESS,
    Status.RINVDSTTON: Refusal.ADDRESS,
    Status.RINVDSTNPI: Refusal.ADDRESS,
    Status.RINVMSGLEN: Refusal.CONTENT,
    Status.RINVSRCADR: Refusal.ACCOUNT,
    Status.RSUBMITFAIL: Refusal.NETWORK,
}

# 5.2.28 in its order; the words are those of receipts (appendix B), of which centres spell the ends in several ways: DELIVRD,
# DELIVERED. UNKNOWN says nothing about an end.
LETTERS = 5
STATES = {
    "ENROU": MessageState.SENT,
    "DELIV": MessageState.DELIVERED,
    "EXPIR": MessageState.EXPIRED,
    "DELET": MessageState.FAILED,
    "UNDEL": MessageState.UNDELIVERED,
    "ACCEP": MessageState.SENT,
    "UNKNO": MessageState.SENT,
    "REJEC": MessageState.FAILED,
    "SKIPP": MessageState.FAILED,
}
STATE_NUMBERS = {number: state for number, state in enumerate(STATES.values(), start=1)}
REASONS = {
    MessageState.EXPIRED: Refusal.UNREACHABLE,
    MessageState.UNDELIVERED: Refusal.UNREACHABLE,
    MessageState.FAILED: Refusal.NETWORK,
}

LONGEST_ID = 65  # characters of a message's id (4.7.1)
CHARSETS = {1: "ascii", 3: "latin-1", 6: "iso8859-5", 7: "iso8859-8"}  # 5.2.19; 0 is the centre's own

_ID = re.compile(r"\bid:\s*(\S+)", re.IGNORECASE)
_STATE = re.compile(r"\bstat:\s*([A-Za-z]+)", re.IGNORECASE)
_ERROR = re.compile(r"\berr:\s*(\w+)", re.IGNORECASE)


def verdict(status: int, own: Mapping[int, Refusal], *, retry_after_s: float) -> WireError:
    """What a status other than ESME_ROK means for a message. `own` are the provider's own statuses."""
    words = f"the message centre answered {status:#x}"
    if status in BUSY:
        return NotSent(words, retry_after_s=retry_after_s)
    if status in DOUBTFUL:
        return MaybeSent(words)
    refusal = own.get(status) or REFUSALS.get(status, Refusal.NETWORK if status >= 0x400 else Refusal.ACCOUNT)
    return Rejected(words, refusal=refusal, code=f"{status:#x}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a delivery receipt says."""

    message_id: str
    state: MessageState
    error: str = ""


def read_receipt(message: ShortMessage, ids: ReceiptIds, centre: CentreAlphabet = CentreAlphabet.GSM) -> Receipt | None:
    """A receipt from its parameters where it has them, else from its text (appendix B); None where it names no message."""
    text = text_of(message, centre)
    told = message.tlv(Tag.RECEIPTED_MESSAGE_ID)
    message_id = told.partition(b"\0")[0].decode("latin-1") if told else ""
    if not message_id:
        message_id = as_in_answer(found[1], ids) if (found := _ID.search(text)) else ""
    if number := message.tlv(Tag.MESSAGE_STATE):
        state = STATE_NUMBERS.get(number[0])
    else:
        state = STATES.get(word[1].upper()[:LETTERS]) if (word := _STATE.search(text)) else None
    if not message_id or state is None:
        return None
    error = _ERROR.search(text)
    return Receipt(message_id=message_id, state=state, error=error[1] if error and error[1].strip("0") else "")


def as_in_answer(message_id: str, ids: ReceiptIds) -> str:
    """The id of a receipt's text as the answer to the message wrote it, in its plainest form."""
    if ids is ReceiptIds.HEX_IN_ANSWER and message_id.isdecimal() and len(message_id) <= LONGEST_ID:
        return f"{int(message_id):x}"
    return message_id


def plain_id(message_id: str, ids: ReceiptIds) -> str:
    """The id of an answer in the form that is kept."""
    if ids is ReceiptIds.HEX_IN_ANSWER:
        try:
            return f"{int(message_id, 16):x}"
        except ValueError:
            return message_id
    return message_id


def text_of(message: ShortMessage, centre: CentreAlphabet = CentreAlphabet.GSM) -> str:
    """The text of a message in its alphabet, without its user data header. What cannot be read becomes a replacement mark."""
    return read_text(octets_of(message), message.data_coding, centre)


def octets_of(message: ShortMessage) -> bytes:
    """The octets of its text, without its user data header."""
    octets = message.text
    return octets[1 + octets[0] :] if message.has_header and octets else octets


def read_text(octets: bytes, coding: int, centre: CentreAlphabet) -> str:
    """Octets in the alphabet that a data coding names; 0 names the centre's own."""
    if coding == 0:
        return from_centre(octets, centre)
    if coding == 8 or coding & 0xFC == 0x18 or coding & 0xF0 == 0xE0:
        return octets.decode("utf-16-be", errors="replace")
    charset = CHARSETS.get(coding)
    return octets.decode(charset, errors="replace") if charset else from_gsm7(octets)


def is_text(message: ShortMessage) -> bool:
    """Not pictures, ring tones or settings (5.2.19: binary codings)."""
    return message.data_coding not in (2, 4) and message.data_coding & 0xF4 != 0xF4


def part_of(message: ShortMessage) -> tuple[int, int, int] | None:
    """(reference, parts, place of this one from 1) of a message that came in parts, by its header or its parameters."""
    if message.has_header:
        length = message.text[0] if message.text else 0
        header, place = message.text[1 : 1 + length], 0
        while place + 2 <= len(header):
            kind, size = header[place], header[place + 1]
            value = header[place + 2 : place + 2 + size]
            if (kind, size, len(value)) == (0x00, 3, 3):
                return _valid(value[0], value[1], value[2])
            if (kind, size, len(value)) == (0x08, 4, 4):
                return _valid(value[0] << 8 | value[1], value[2], value[3])
            place += 2 + size
        return None
    told = [message.tlv(tag) for tag in (Tag.SAR_MSG_REF_NUM, Tag.SAR_TOTAL_SEGMENTS, Tag.SAR_SEGMENT_SEQNUM)]
    if all(told):
        return _valid(*(int.from_bytes(value) for value in told if value))
    return None


def _valid(reference: int, total: int, place: int) -> tuple[int, int, int] | None:
    return (reference, total, place) if 1 <= place <= total and total > 1 else None
