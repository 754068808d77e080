"""What the two ends of an SMPP 3.4 link write to each other, octet by octet.

Both of our ends use it, the gateway and the laboratory's message centre; the tests hold each of them to an implementation of
somebody else. Unknown commands, statuses, types of number and parameters are numbers here and never errors: every provider
has some of its own.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

HEADER = struct.Struct("!IIII")
TLV = struct.Struct("!HH")
MAX_PDU = 70_000  # octets: the longest message_payload and what goes around it
RESPONSE = 0x80000000
MAX_SEQUENCE = 0x7FFFFFFF
VERSION = 0x34


class Command(IntEnum):
    """SMPP 3.4, table 5-1: those that we say or understand. A response is its request with the highest bit set."""

    GENERIC_NACK = 0x80000000
    BIND_TRANSCEIVER = 0x00000009
    QUERY_SM = 0x00000003
    SUBMIT_SM = 0x00000004
    DELIVER_SM = 0x00000005
    UNBIND = 0x00000006
    ENQUIRE_LINK = 0x00000015


class Status(IntEnum):
    """SMPP 3.4, table 5-2: those that we act on."""

    ROK = 0x00
    RINVMSGLEN = 0x01
    RINVCMDLEN = 0x02
    RINVCMDID = 0x03
    RINVBNDSTS = 0x04
    RALYBND = 0x05
    RSYSERR = 0x08
    RINVSRCADR = 0x0A
    RINVDSTADR = 0x0B
    RINVMSGID = 0x0C
    RBINDFAIL = 0x0D
    RINVPASWD = 0x0E
    RINVSYSID = 0x0F
    RMSGQFUL = 0x14
    RSUBMITFAIL = 0x45
    RINVDSTTON = 0x50
    RINVDSTNPI = 0x51
    RTHROTTLED = 0x58
    RX_T_APPN = 0x64  # "try again": we could not keep it
    RX_P_APPN = 0x65  # "do not try again"
    RQUERYFAIL = 0x67
    RUNKNOWNERR = 0xFF


class Tag(IntEnum):
    """Optional parameters, table 5-7."""

    RECEIPTED_MESSAGE_ID = 0x001E
    SAR_MSG_REF_NUM = 0x020C
    SAR_TOTAL_SEGMENTS = 0x020E
    SAR_SEGMENT_SEQNUM = 0x020F
    MESSAGE_PAYLOAD = 0x0424
    MESSAGE_STATE = 0x0427
    ATTEMPT_ID = 0x1439  # of a vendor's own range: our id, for a laboratory's truth log


_PAYLOAD = int(Tag.MESSAGE_PAYLOAD)


class Malformed(ValueError):
    """Octets that are no PDU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pdu:
    """One unit on the wire. `command` and `status` are plain numbers: they may be none that we know."""

    command: int
    sequence: int
    status: int = 0
    body: bytes = b""

    def encode(self) -> bytes:
        """The octets of it, header and body."""
        return HEADER.pack(HEADER.size + len(self.body), self.command, self.status, self.sequence) + self.body

    @property
    def is_response(self) -> bool:
        """Whether it answers a request."""
        return bool(self.command & RESPONSE)

    def answer(self, status: int = 0, body: bytes = b"") -> Pdu:
        """The response to this request."""
        return Pdu(command=self.command | RESPONSE, sequence=self.sequence, status=status, body=body)


async def read_pdu(reader: asyncio.StreamReader) -> Pdu:
    """The next unit. Raises Malformed, and asyncio.IncompleteReadError at the end of the link."""
    length, command, status, sequence = HEADER.unpack(await reader.readexactly(HEADER.size))
    if not HEADER.size <= length <= MAX_PDU:
        raise Malformed(f"a unit of {length} octets")
    return Pdu(command=command, sequence=sequence, status=status, body=await reader.readexactly(length - HEADER.size))


class Pdus:
    """Units out of a stream, however it is cut: all that are whole, and the beginning of the next is kept."""

    def __init__(self) -> None:
        self._rest = b""

    def take(self, octets: bytes) -> Iterator[Pdu]:
        """The units that end in these octets; go through all before the next call. Raises Malformed, after the good ones."""
        octets, start = self._rest + octets, 0
        self._rest = b""
        while len(octets) - start >= HEADER.size:
            length, command, status, sequence = HEADER.unpack_from(octets, start)
            if not HEADER.size <= length <= MAX_PDU:
                raise Malformed(f"a unit of {length} octets")
            if len(octets) - start < length:
                break
            yield Pdu(command=command, sequence=sequence, status=status, body=octets[start + HEADER.size : start + length])
            start += length
        self._rest = octets[start:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A sender or a recipient, with its type of number and its numbering plan (5.2.5, 5.2.6)."""

    number: str
    ton: int = 1  # international
    npi: int = 1  # E.164


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortMessage:
    """The body of a submit_sm or a deliver_sm: they are the same. `text` holds what came as message_payload, too."""

    source: Address
    destination: Address
    text: bytes
    data_coding: int = 0
    esm_class: int = 0
    registered_delivery: int = 0
    validity: str = ""
    service_type: str = ""
    tlvs: tuple[tuple[int, bytes], ...] = ()

    @property
    def has_header(self) -> bool:
        """The text begins with a user data header."""
        return bool(self.esm_class & 0x40)

    @property
    def message_type(self) -> int:
        """0: a message; 1: a delivery receipt; 8: an intermediate notification (5.2.12)."""
        return (self.esm_class & 0x3C) >> 2

    def tlv(self, tag: int) -> bytes | None:
        """The value of an optional parameter."""
        for found, value in self.tlvs:
            if found == tag:
                return value
        return None

    def body(self, *, as_payload: bool = False) -> bytes:
        """The octets. Text of more than 254 octets goes as message_payload in any case."""
        as_payload = as_payload or len(self.text) > 254
        tlvs = [*self.tlvs, *([(int(Tag.MESSAGE_PAYLOAD), self.text)] if as_payload else [])]
        short = b"" if as_payload else self.text
        return b"".join(
            (
                c_string(self.service_type),
                *(part for one in (self.source, self.destination) for part in (bytes((one.ton, one.npi)), c_string(one.number))),
                bytes((self.esm_class, 0, 0)),  # protocol_id, priority_flag
                c_string(""),  # schedule_delivery_time
                c_string(self.validity),
                bytes((self.registered_delivery, 0, self.data_coding, 0, len(short))),
                short,
                encode_tlvs(tlvs),
            )
        )

    @classmethod
    def parse(cls, body: bytes) -> ShortMessage:
        """Raises Malformed."""
        try:  # where each field begins; a C-octet string ends with a zero
            source = body.index(0) + 1
            destination = body.index(0, source + 2) + 1
            flags = body.index(0, destination + 2) + 1
            validity = body.index(0, flags + 3) + 1
            rest = body.index(0, validity) + 1
            registered, _replace, data_coding, _default, length = body[rest : rest + 5]
        except ValueError:
            raise Malformed("it ends in the middle of a field") from None
        end = rest + 5 + length
        if len(body) < end:
            raise Malformed("it ends in the middle of its text")
        text, tlvs = body[rest + 5 : end], decode_tlvs(body, end)
        for tag, value in tlvs:
            if tag == _PAYLOAD:
                text, tlvs = value, [one for one in tlvs if one[0] != _PAYLOAD]
                break
        return cls(
            source=Address(number=body[source + 2 : destination - 1].decode("latin-1"), ton=body[source], npi=body[source + 1]),
            destination=Address(
                number=body[destination + 2 : flags - 1].decode("latin-1"), ton=body[destination], npi=body[destination + 1]
            ),
            text=text,
            data_coding=data_coding,
            esm_class=body[flags],
            registered_delivery=registered,
            validity=body[validity : rest - 1].decode("latin-1"),
            service_type=body[: source - 1].decode("latin-1"),
            tlvs=tuple(tlvs),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """The body of a bind_transceiver."""

    system_id: str
    password: str
    system_type: str = ""

    def body(self) -> bytes:
        return b"".join(
            (c_string(self.system_id), c_string(self.password), c_string(self.system_type), bytes((VERSION, 0, 0)), c_string(""))
        )

    @classmethod
    def parse(cls, body: bytes) -> Bind:
        """Raises Malformed."""
        octets = _Octets(body)
        return cls(system_id=octets.c_string(), password=octets.c_string(), system_type=octets.c_string())


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryAnswer:
    """The body of a query_sm_resp. `state` is a number of table 5.2.28."""

    message_id: str
    state: int
    error: int = 0

    def body(self) -> bytes:
        return c_string(self.message_id) + c_string("") + bytes((self.state, self.error))

    @classmethod
    def parse(cls, body: bytes) -> QueryAnswer:
        """Raises Malformed."""
        octets = _Octets(body)
        message_id, _final_date = octets.c_string(), octets.c_string()
        return cls(message_id=message_id, state=octets.byte(), error=octets.byte())


def query_body(message_id: str, source: Address) -> bytes:
    """The body of a query_sm."""
    return c_string(message_id) + bytes((source.ton, source.npi)) + c_string(source.number)


def parse_query(body: bytes) -> tuple[str, Address]:
    """The message and its sender in a query_sm. Raises Malformed."""
    octets = _Octets(body)
    return octets.c_string(), Address(ton=octets.byte(), npi=octets.byte(), number=octets.c_string())


def first_c_string(body: bytes) -> str:
    """The message id of a submit_sm_resp; "" where there is none (a refusal may have no body)."""
    return body.partition(b"\0")[0].decode("latin-1")


def c_string(text: str) -> bytes:
    """A C-octet string. Raises Malformed for what cannot stand in one."""
    try:
        octets = text.encode("latin-1")
    except UnicodeEncodeError:
        octets = b"\0"
    if b"\0" in octets:
        raise Malformed(f"{text!r} cannot be written")
    return octets + b"\0"


def encode_tlvs(tlvs: Sequence[tuple[int, bytes]]) -> bytes:
    """Optional parameters as octets, each with its tag and length."""
    return b"".join(TLV.pack(tag, len(value)) + value for tag, value in tlvs)


def decode_tlvs(body: bytes, start: int) -> list[tuple[int, bytes]]:
    """What is left of a body; a last one that is cut off is left away, as some centres send too much."""
    found = []
    while len(body) - start >= TLV.size:
        tag, length = TLV.unpack_from(body, start)
        start += TLV.size + length
        if len(body) < start:
            break
        found.append((tag, body[start - length : start]))
    return found


class _Octets:
    """Reads a body from its start."""

    def __init__(self, body: bytes) -> None:
        self._body, self._place = body, 0

    def take(self, count: int) -> bytes:
        taken = self._body[self._place : self._place + count]
        if len(taken) < count:
            raise Malformed("it ends in the middle of a field")
        self._place += count
        return taken

    def byte(self) -> int:
        return self.take(1)[0]

    def c_string(self) -> str:
        end = self._body.find(b"\0", self._place)
        if end < 0:
            raise Malformed("a text without its end")
        start, self._place = self._place, end + 1
        return self._body[start:end].decode("latin-1")
