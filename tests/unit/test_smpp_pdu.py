"""What goes over an SMPP link is read and written as an implementation of somebody else does it."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
import smpp34
from hypothesis import given
from hypothesis import strategies as st

from dialer.channels.smpp_codes import is_text, part_of, plain_id, read_receipt, text_of, verdict
from dialer.channels.smpp_config import ReceiptIds, SmppConfig
from dialer.channels.smpp_parts import WAIT_S, Parts
from dialer.domain.message_state import MessageState, Refusal
from dialer.domain.sms_text import CentreAlphabet, to_gsm7
from dialer.errors import BadInput, MaybeSent, NotSent, Rejected
from dialer.smpp_pdu import (
    Address,
    Bind,
    Command,
    Malformed,
    Pdu,
    Pdus,
    QueryAnswer,
    ShortMessage,
    Status,
    Tag,
    parse_query,
    query_body,
    read_pdu,
)
from tests.unit.test_send_rate import TurnedClock

pytestmark = pytest.mark.unit

PLAIN = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=20)
BYTE = st.integers(0, 255)
ADDRESSES = st.builds(Address, number=PLAIN, ton=BYTE, npi=BYTE)
MESSAGES = st.builds(
    ShortMessage,
    source=ADDRESSES,
    destination=ADDRESSES,
    text=st.binary(max_size=300),
    data_coding=BYTE,
    esm_class=BYTE,
    registered_delivery=BYTE,
    tlvs=st.lists(st.tuples(st.integers(0x1400, 0x3FFF), st.binary(max_size=30)), max_size=3).map(tuple),
)


def message(text: bytes = b"hello", **more: object) -> ShortMessage:
    return ShortMessage(source=Address(number="1555"), destination=Address(number="1556"), text=text, **more)  # type: ignore[arg-type]


@given(MESSAGES)
def test_a_message_of_ours_says_the_same_to_another_implementation(one: ShortMessage) -> None:
    theirs = smpp34.decode(Pdu(command=Command.SUBMIT_SM, sequence=7, body=one.body()).encode())
    assert isinstance(theirs, smpp34.SubmitSm)
    payload = next((tlv.value for tlv in theirs.tlvs if tlv.tag == Tag.MESSAGE_PAYLOAD), None)
    assert (theirs.short_message if payload is None else bytes(payload)) == one.text
    assert (theirs.source_addr, theirs.source_addr_ton, theirs.source_addr_npi) == (
        one.source.number,
        one.source.ton,
        one.source.npi,
    )
    assert (theirs.destination_addr, theirs.dest_addr_ton) == (one.destination.number, one.destination.ton)
    assert (theirs.data_coding, theirs.esm_class, theirs.sequence_number) == (one.data_coding, one.esm_class, 7)
    assert [(tlv.tag, bytes(tlv.value)) for tlv in theirs.tlvs if tlv.tag != Tag.MESSAGE_PAYLOAD] == list(one.tlvs)


@given(MESSAGES)
def test_a_message_of_another_implementation_says_the_same_to_us(one: ShortMessage) -> None:
    theirs = smpp34.DeliverSm(
        one.source.number,
        one.destination.number,
        one.text[:200],
        source_addr_ton=one.source.ton,
        source_addr_npi=one.source.npi,
        dest_addr_ton=one.destination.ton,
        dest_addr_npi=one.destination.npi,
        esm_class=one.esm_class,
        data_coding=one.data_coding,
        tlvs=[smpp34.Tlv(tag, value) for tag, value in one.tlvs],
    ).encode()
    ours = ShortMessage.parse(theirs[16:])
    assert (ours.source, ours.destination, ours.text) == (one.source, one.destination, one.text[:200])
    assert (ours.esm_class, ours.data_coding, ours.tlvs) == (one.esm_class, one.data_coding, one.tlvs)


@given(MESSAGES, st.data())
def test_a_message_that_is_cut_anywhere_is_malformed_or_a_message_and_never_an_accident(
    one: ShortMessage, data: st.DataObject
) -> None:
    body = one.body()
    assert ShortMessage.parse(body).text == one.text
    cut = data.draw(st.integers(0, len(body)))
    with contextlib.suppress(Malformed):
        ShortMessage.parse(body[:cut])


async def test_a_stream_of_units_is_read_and_a_wrong_length_is_malformed() -> None:
    reader = asyncio.StreamReader()
    units = [Pdu(command=Command.ENQUIRE_LINK, sequence=1), Pdu(command=0x80000123, sequence=2, status=0x455, body=b"x\0")]
    reader.feed_data(b"".join(one.encode() for one in units) + b"\0\0\0\x04" + b"\0" * 12)
    assert [await read_pdu(reader), await read_pdu(reader)] == units
    with pytest.raises(Malformed):
        await read_pdu(reader)


def test_the_smaller_bodies_come_back_as_they_went() -> None:
    bind = Bind(system_id="me", password="secret", system_type="x")
    assert Bind.parse(bind.body()) == bind
    assert parse_query(query_body("1f", Address(number="1"))) == ("1f", Address(number="1"))
    assert QueryAnswer.parse(QueryAnswer(message_id="1f", state=2).body()).state == 2
    for text in ("a\0b", "я"):
        with pytest.raises(Malformed):
            Bind(system_id=text, password="").body()


@pytest.mark.parametrize(
    ("text", "message_id", "state", "error"),
    [
        (
            "id:1f sub:001 dlvrd:001 submit date:2611260800 done date:2611260801 stat:DELIVRD err:000 text:Will you",
            "1f",
            MessageState.DELIVERED,
            "",
        ),
        ("id:0123456789 sub:001 dlvrd:000 stat:UNDELIV err:001 Text:", "0123456789", MessageState.UNDELIVERED, "001"),
        ("ID: abc-1 STAT: rejectd ERR: 0A", "abc-1", MessageState.FAILED, "0A"),
        ("id:7 stat:EXPIRED", "7", MessageState.EXPIRED, ""),
        ("id:7 stat:ENROUTE", "7", MessageState.SENT, ""),
        ("id:7 stat:UNKNOWN", "7", MessageState.SENT, ""),  # nobody knows is no end
        ("id:7 stat:ACCEPTED", "7", MessageState.SENT, ""),  # some centres spell them out
        ("id:7 stat:DELIVERED", "7", MessageState.DELIVERED, ""),
    ],
)
def test_a_receipt_is_read_from_its_text(text: str, message_id: str, state: MessageState, error: str) -> None:
    receipt = read_receipt(message(text.encode(), esm_class=4, data_coding=3), ReceiptIds.SAME)
    assert receipt is not None
    assert (receipt.message_id, receipt.state, receipt.error) == (message_id, state, error)


def test_the_parameters_of_a_receipt_go_before_its_text_and_a_receipt_of_nothing_is_none() -> None:
    tlvs = ((int(Tag.RECEIPTED_MESSAGE_ID), b"right\0"), (int(Tag.MESSAGE_STATE), b"\x02"))
    receipt = read_receipt(message(b"id:wrong stat:UNDELIV", esm_class=4, tlvs=tlvs), ReceiptIds.SAME)
    assert receipt is not None
    assert (receipt.message_id, receipt.state) == ("right", MessageState.DELIVERED)
    for text in (b"", b"stat:DELIVRD", b"id:7", b"id:7 stat:DANCING"):
        assert read_receipt(message(text, esm_class=4, data_coding=3), ReceiptIds.SAME) is None


def test_ids_that_are_written_in_two_ways_are_one() -> None:
    receipt = read_receipt(message(b"id:0000000031 stat:DELIVRD", esm_class=4, data_coding=3), ReceiptIds.HEX_IN_ANSWER)
    assert receipt is not None
    assert receipt.message_id == plain_id("1F", ReceiptIds.HEX_IN_ANSWER) == "1f"
    assert plain_id("1F", ReceiptIds.SAME) == "1F"
    assert plain_id("no-number", ReceiptIds.HEX_IN_ANSWER) == "no-number"


@pytest.mark.parametrize(
    ("octets", "coding", "text"),
    [
        (b"\x00\x1b\x65", 0, "@€"),
        ("Grüße".encode("latin-1"), 3, "Grüße"),
        ("Привет 😀".encode("utf-16-be"), 8, "Привет 😀"),
        ("Да".encode("iso8859-5"), 6, "Да"),
        ("שלום".encode("iso8859-8"), 7, "שלום"),
        ("ok".encode("utf-16-be"), 0x18, "ok"),
        (b"\xd8\x3d", 8, "\ufffd"),  # half a pair
        (b"a\xff", 1, "a\ufffd"),
    ],
)
def test_a_text_is_read_in_its_alphabet(octets: bytes, coding: int, text: str) -> None:
    assert text_of(message(octets, data_coding=coding)) == text
    assert text_of(message(b"\x05\x00\x03\x01\x02\x01" + octets, data_coding=coding, esm_class=0x40)) == text
    assert is_text(message(octets, data_coding=coding))


@pytest.mark.parametrize(
    ("octets", "coding", "centre", "text"),
    [
        ("Grüße@_".encode("latin-1"), 0, CentreAlphabet.LATIN_1, "Grüße@_"),
        (b"a_b@c{", 0, CentreAlphabet.ASCII, "a_b@c{"),
        (b"a\xfc", 0, CentreAlphabet.ASCII, "a\ufffd"),
        (b"a\x11b\x00c", 0, CentreAlphabet.GSM, "a_b@c"),
        ("Да".encode("utf-16-be"), 8, CentreAlphabet.LATIN_1, "Да"),  # what names its alphabet is not the centre's own
        ("Grüße".encode("latin-1"), 3, CentreAlphabet.ASCII, "Grüße"),
        (b"a_b", 1, CentreAlphabet.GSM, "a_b"),
    ],
)
def test_a_text_that_names_no_alphabet_is_in_that_of_the_centre(
    octets: bytes, coding: int, centre: CentreAlphabet, text: str
) -> None:
    assert text_of(message(octets, data_coding=coding), centre) == text
    halves = [bytes((5, 0, 3, 1, 2, place)) + half for place, half in ((1, octets[:2]), (2, octets[2:]))]
    parts = Parts(TurnedClock(), centre)
    assert [parts.whole(message(half, esm_class=0x40, data_coding=coding)) for half in halves] == [None, text]


def test_a_receipt_is_read_in_the_alphabet_of_the_centre() -> None:
    receipt = read_receipt(message(b"id:a_1 stat:DELIVRD", esm_class=4), ReceiptIds.SAME, CentreAlphabet.ASCII)
    assert receipt is not None
    assert receipt.message_id == "a_1"


def test_pictures_and_settings_are_no_text() -> None:
    assert not any(is_text(message(data_coding=coding)) for coding in (2, 4, 0xF4, 0xF5))


def test_the_parts_of_a_message_come_together_in_any_order_and_only_once() -> None:
    parts = Parts(TurnedClock())

    def part(place: int, text: str, reference: int = 9) -> ShortMessage:
        return message(bytes((5, 0, 3, reference, 3, place)) + text.encode(), esm_class=0x40)

    assert [parts.whole(part(3, "c")), parts.whole(part(1, "a")), parts.whole(part(1, "x", 8)), parts.whole(part(1, "a"))] == [
        None
    ] * 4
    assert parts.whole(part(2, "b")) == "abc"
    assert parts.whole(part(2, "b")) == "abc"  # it could not be kept, and comes again
    parts.done(part(2, "b"))
    assert parts.whole(part(2, "B")) is None  # the next message with this reference
    sar = ((int(Tag.SAR_MSG_REF_NUM), b"\0\7"), (int(Tag.SAR_TOTAL_SEGMENTS), b"\2"), (int(Tag.SAR_SEGMENT_SEQNUM), b"\1"))
    assert part_of(message(tlvs=sar)) == (7, 2, 1)
    for odd in (b"", b"\x05", b"\x05\x00\x03\x01\x00\x00", b"\x05\x00\x03\x01\x02\x03", b"\xff\x00"):
        assert part_of(message(odd, esm_class=0x40)) is None


def test_a_character_that_a_telephone_cut_in_two_is_whole_again() -> None:
    for text, coding, cut in (("a" * 66 + "😀 yes", 8, 134), ("x" * 152 + "€ yes", 0, 153)):
        octets, parts = to_gsm7(text) if coding == 0 else text.encode("utf-16-be"), Parts(TurnedClock())
        halves = [bytes((5, 0, 3, 1, 2, place)) + half for place, half in ((1, octets[:cut]), (2, octets[cut:]))]
        told = [parts.whole(message(half, esm_class=0x40, data_coding=coding)) for half in halves]
        assert told == [None, text]


def test_parts_of_two_messages_with_one_reference_are_not_mixed() -> None:
    parts = Parts(TurnedClock())

    def part(total: int, place: int, text: bytes) -> ShortMessage:
        return message(bytes((5, 0, 3, 7, total, place)) + text, esm_class=0x40)

    assert [parts.whole(part(3, 1, b"old")), parts.whole(part(3, 3, b"old")), parts.whole(part(2, 1, b"new "))] == [None] * 3
    assert parts.whole(part(2, 2, b"text")) == "new text"


def test_what_misses_a_part_is_given_up_after_a_while_with_what_has_come() -> None:
    clock = TurnedClock()
    parts = Parts(clock)
    for place, text in ((1, b"STOP"), (3, b"and never again")):
        assert parts.whole(message(bytes((5, 0, 3, 7, 3, place)) + text, esm_class=0x40)) is None
    assert parts.given_up() == []
    clock.at_s += WAIT_S + 1
    assert [text for _, text in parts.given_up()] == ["STOP\n[...]\nand never again"]
    assert parts.given_up(all_of_them=True) == []


def test_an_id_of_thousands_of_digits_is_an_id() -> None:
    text = b"id:" + b"9" * 5000 + b" stat:DELIVRD"
    found = read_receipt(message(text, esm_class=4), ReceiptIds.HEX_IN_ANSWER)
    assert found is not None
    assert found.message_id == "9" * 5000


def test_a_status_is_a_plain_no_a_later_or_a_doubt() -> None:
    def of(status: int) -> object:
        return verdict(status, {0x455: Refusal.OPTED_OUT}, retry_after_s=1.0)

    assert isinstance(of(Status.RTHROTTLED), NotSent)
    assert isinstance(of(Status.RMSGQFUL), NotSent)
    assert isinstance(of(Status.RSYSERR), MaybeSent)
    for status, refusal in (
        (Status.RINVDSTADR, Refusal.ADDRESS),
        (0x455, Refusal.OPTED_OUT),
        (0x456, Refusal.NETWORK),
        (Status.RINVSRCADR, Refusal.ACCOUNT),
    ):
        refused = of(status)
        assert isinstance(refused, Rejected)
        assert refused.refusal == refusal


def test_a_configuration_that_does_not_fit_the_protocol_is_refused() -> None:
    right = {"name": "s", "host": "h", "system_id": "me", "password": "secret", "sender": "+15550100"}
    assert "secret" not in repr(SmppConfig(**right))  # type: ignore[arg-type]
    for field, value in (
        ("name", "a b"),
        ("host", ""),
        ("port", 0),
        ("system_id", "x" * 16),
        ("password", "ninechars"),
        ("password", "pä"),
        ("sender", "MG" + "0" * 32),
        ("window", 0),
        ("max_per_s", -1.0),
    ):
        with pytest.raises(BadInput):
            SmppConfig(**{**right, field: value})  # type: ignore[arg-type]


@given(
    st.lists(
        st.builds(Pdu, command=st.integers(0, 0xFFFFFFFF), sequence=st.integers(0, 0x7FFFFFFF), body=st.binary(max_size=60))
    ),
    st.lists(st.integers(1, 50), min_size=1),
)
def test_units_are_read_whole_however_the_network_cuts_them(units: list[Pdu], sizes: list[int]) -> None:
    octets, pdus, found, turn = b"".join(one.encode() for one in units), Pdus(), list[Pdu](), 0
    while octets:
        size = sizes[turn % len(sizes)]
        found += pdus.take(octets[:size])
        octets, turn = octets[size:], turn + 1
    assert found == units


def test_units_before_one_that_is_none_are_read() -> None:
    good, found = Pdu(command=Command.ENQUIRE_LINK, sequence=7), list[Pdu]()
    with pytest.raises(Malformed):
        found.extend(Pdus().take(good.encode() + bytes(16)))
    assert found == [good]
