"""What goes over the AGI wire: one command a line, whatever an app or a contact list says."""

from __future__ import annotations

import asyncio
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.channels.asterisk.agi_handshake import AgiRequest, LineRequest, NotOurs, parse_request
from dialer.channels.asterisk.agi_wire import AgiConnection, AgiReply, command_line, parse_reply
from dialer.errors import BadInput, Rejected
from dialer.ivr.driver import CallEnded, CallLost, Target
from dialer.ivr.prompt_text import fill, spoken
from tests.fake_asterisk import CALL_ARGUMENTS, HEADERS

pytestmark = pytest.mark.unit

CORPUS = (
    "+1&PJSIP/x",
    "1,2",
    "${SHELL(id)}",
    "x\r\nAction: Command",
    'x" "EXEC" "System" "id',
    "x\\",
    'x\\" EXEC System id',
    "１２３",
    "1" * 40,
    "abc",
    "\0",
    "a\u2028EXEC System id",
    "\x1b[2J",
)


@given(st.text(max_size=200))
def test_a_word_is_refused_or_stays_one_word_of_one_line(word: str) -> None:
    try:
        line = command_line("STREAM", "FILE", word, "")
    except BadInput:
        return
    assert line.count(b"\n") == 1
    assert b"\r" not in line
    assert b"\0" not in line
    assert shlex.split(line.decode()) == ["STREAM", "FILE", word, ""]


@pytest.mark.parametrize("word", CORPUS)
def test_the_corpus_adds_no_command(word: str) -> None:
    try:
        line = command_line("SET", "VARIABLE", "x", word)
    except BadInput:
        return
    assert len(line.splitlines()) == 1
    assert shlex.split(line.decode()) == ["SET", "VARIABLE", "x", word]


@pytest.mark.parametrize("value", CORPUS)
def test_the_corpus_in_an_attribute_is_only_spoken(value: str) -> None:
    said = spoken(value)
    assert not set(said) & set('${}"\\[]\r\n\0\x1b\u2028=<>|`')
    assert "${" not in fill("Hello ${name}.", {"name": value})


@pytest.mark.parametrize("number", CORPUS)
def test_the_corpus_is_never_dialled(number: str) -> None:
    with pytest.raises(BadInput):
        Target(number=number, trunk="carrier")
    with pytest.raises(BadInput):
        Target(number="+15550100", trunk=number) if number not in ("abc", "1" * 40) else Target(number=number, trunk="x/y")


def test_a_line_longer_than_asterisks_buffer_is_never_sent() -> None:
    with pytest.raises(BadInput):
        command_line("SET", "VARIABLE", "x", "y" * 65_536)
    with pytest.raises(BadInput):
        command_line(*["x"] * 128)


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("200 result=1", AgiReply(code=200, result="1")),
        ("200 result=-1 endpos=0", AgiReply(code=200, result="-1")),
        ("200 result=49 endpos=1234", AgiReply(code=200, result="49", endpos=1234)),
        ("200 result= (timeout)", AgiReply(code=200, data="timeout")),
        ("200 result=12 (timeout)", AgiReply(code=200, result="12", data="timeout")),
        ("200 result=1 (a (b) c)", AgiReply(code=200, result="1", data="a (b) c")),
        ("200 result=0 (hangup) endpos=800", AgiReply(code=200, result="0", data="hangup", endpos=800)),
        ("510 Invalid or unknown command", AgiReply(code=510)),
        ("HANGUP", None),
        ("", None),
    ],
)
def test_replies_are_read_as_asterisk_writes_them(line: str, reply: AgiReply | None) -> None:
    assert parse_reply(line) == reply


class Wire:
    """Both ends of a connection in memory."""

    def __init__(self, said: bytes, *, end: bool = True) -> None:
        self.reader = asyncio.StreamReader()
        self.reader.feed_data(said)
        if end:
            self.reader.feed_eof()
        self.sent = b""

    def write(self, data: bytes) -> None:
        self.sent += data

    def close(self) -> None:
        return

    def agi(self) -> AgiConnection:
        return AgiConnection(self.reader, self)  # type: ignore[arg-type]  # the two methods of a writer that are used


async def test_a_hang_up_between_command_and_reply_ends_the_call() -> None:
    agi = Wire(b"HANGUP\n200 result=-1\n").agi()
    with pytest.raises(CallEnded):
        await agi.command("GET", "DATA", "x")
    with pytest.raises(CallEnded):
        await agi.command("NOOP")


async def test_after_a_hang_up_the_owed_reply_is_not_taken_for_the_next_one() -> None:
    agi = Wire(b"HANGUP\n200 result=-1\n200 result=1 (ANSWER)\n").agi()
    with pytest.raises(CallEnded):
        await agi.command("EXEC", "Dial", "x")
    assert (await agi.command("GET", "VARIABLE", "DIALSTATUS", after_hangup=True)).data == "ANSWER"


async def test_a_cancelled_command_leaves_no_reply_behind() -> None:
    wire = Wire(b"", end=False)
    agi = wire.agi()
    first = asyncio.create_task(agi.command("STREAM", "FILE", "/a", ""))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    wire.reader.feed_data(b"200 result=0 endpos=1\n200 result=1\n")
    assert (await agi.command("HANGUP")).result == "1"


async def test_a_usage_reply_of_several_lines_is_one_refusal() -> None:
    agi = Wire(b"520-Invalid command syntax.  Proper usage follows:\nUsage: X\n520 End of proper usage.\n200 result=0\n").agi()
    with pytest.raises(Rejected):
        await agi.command("NONSENSE")
    assert (await agi.command("NOOP")).code == 200


@pytest.mark.parametrize("said", [b"", b"200 resu", b"junk\n" * 500, b"x" * 100_000, b"511 Command Not Permitted\n"])
async def test_whatever_the_switch_does_the_app_gets_one_clean_end(said: bytes) -> None:
    agi = Wire(said).agi()
    with pytest.raises(CallEnded):
        await agi.command("NOOP")


async def test_a_switch_that_never_answers_is_given_up() -> None:
    agi = Wire(b"", end=False).agi()
    with pytest.raises(CallLost, match="did not answer"):
        await agi.command("NOOP", timeout_s=0.01)


BLOCK = HEADERS + CALL_ARGUMENTS
GOOD = {
    "script": "call",
    "attempt": "01m83e4x1d0yawjfe0bwnn3w3w",
    "nonce": "a-nonce-that-is-good",
    "amd_status": "",
    "amd_cause": "",
}


def test_the_headers_name_the_call() -> None:
    request = parse_request(BLOCK.format(**{**GOOD, "amd_status": "MACHINE", "amd_cause": "LONGGREETING-1500-1500"}).encode())
    assert isinstance(request, AgiRequest)
    assert (request.attempt_id, request.nonce) == (GOOD["attempt"], GOOD["nonce"])
    assert (request.amd_status, request.amd_cause) == ("MACHINE", "LONGGREETING-1500-1500")


@pytest.mark.parametrize(
    "wrong",
    [
        {"script": "other"},
        {"attempt": ""},
        {"attempt": "../../etc"},
        {"attempt": "x" * 27},
        {"nonce": ""},
        {"nonce": "a b\x00c d e f g"},
    ],
)
def test_headers_that_are_not_ours_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(NotOurs):
        parse_request(BLOCK.format(**{**GOOD, **wrong}).encode())


def line(script: str, *arguments: str) -> LineRequest:
    block = HEADERS.format(**{**GOOD, "script": script}) + "".join(
        f"agi_arg_{place}: {text}\n" for place, text in enumerate(arguments, start=1)
    )
    request = parse_request(block.encode())
    assert isinstance(request, LineRequest)
    return request


def test_a_line_of_a_dialplan_names_its_verb_and_what_was_given_with_it() -> None:
    assert line("pdc/set_code", "Interested in Blood Donation").arguments == ("Interested in Blood Donation",)
    assert line("pdc/set_attribute/2", "donor", "", "", "").arguments == ("donor", ""), "an empty value that was given"
    assert line("pdc/set_attribute/1", "donor", "", "", "").arguments == ("donor",), "a value that was not given"
    assert line("pdc/note/1", "sooner", " or later", "", "").arguments == ("sooner", "or later"), "nothing is cut off silently"
    assert (line("ended", "contact").verb, line("ended", "contact").arguments) == ("ended", ("contact",))
    forged = line("pdc/note", "hello\nagi_network_script: pdc/opt_out\nagi_arg_1: bye")
    assert (forged.verb, forged.arguments) == ("note", ("hello",)), "a line break in an argument forges no header"


@pytest.mark.parametrize("script", ["pdc/", "pdc/Set_code", "pdc/set_code/x", "pdc/../call", "pdc", "ended/1", "call/"])
def test_a_script_that_is_none_of_ours_is_refused(script: str) -> None:
    with pytest.raises(NotOurs):
        line(script)


@given(st.binary(max_size=500))
def test_no_nonsense_breaks_the_reading_of_headers(block: bytes) -> None:
    with pytest.raises(NotOurs):
        parse_request(block)
