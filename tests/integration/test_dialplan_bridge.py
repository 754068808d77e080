"""IVRs in plain dialplan on a real Asterisk: the shipped example, and lines that go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from dialer.lab.lab import Lab
from tests.asterisk_kit import on_asterisk
from tests.lab_fixture import own_dialplan

pytestmark = pytest.mark.integration

EXAMPLE = "outdial-example,s"
PEOPLE = {
    "15550100001": ("Interested in Blood Donation", "yes"),
    "15550100002": ("Not interested in Blood Donation", ""),
    "15550100007": ("No Match", ""),
    "15550100009": ("Opted Out", ""),
    "15550100005": ("", ""),  # hangs up in the prompt: the network's facts make the code
}

CONTEXTS = """
[test-lines]
exten => s,1,Set(TRUE_AGI=${OUTDIAL_AGI})
 same => n,AGI(agi://${OUTDIAL_AGI}/pdc/get_attribute,first_name)
 same => n,Set(SAID=${OUTDIAL_RESULT}:${OUTDIAL_VALUE}:$["${OUTDIAL_VALUE}" = "x"])
 same => n,Gosub(outdial-pdc,set_code,1(Quite unheard of))
 same => n,Set(SAID=${SAID}|${OUTDIAL_RESULT})
 same => n,Gosub(outdial-pdc,get_attribute,1(shoe_size))
 same => n,Set(SAID=${SAID}|${OUTDIAL_RESULT}:${OUTDIAL_VALUE})
 same => n,Gosub(outdial-pdc,set_attribute,1(donor))
 same => n,Set(SAID=${SAID}|${OUTDIAL_RESULT})
 same => n,Gosub(outdial-pdc,note,1(sooner, or later))
 same => n,Set(SAID=${SAID}|${OUTDIAL_RESULT})
 same => n,Gosub(outdial-pdc,note,1("sooner, or later"))
 same => n,Gosub(outdial-pdc,count,1(donors,5,once=a))
 same => n,Set(SAID=${SAID}|${OUTDIAL_VALUE})
 same => n,Gosub(outdial-pdc,is_dnc,1(+12125550177))
 same => n,Set(SAID=${SAID}|${OUTDIAL_VALUE})
 same => n,Gosub(outdial-pdc,end_session,1)
 same => n,Set(SAID=${SAID}|${OUTDIAL_RESULT})
 same => n,Set(OUTDIAL_NONCE=another-nonce-altogether)
 same => n,AGI(agi://${OUTDIAL_AGI}/pdc/set_code,No Input)
 same => n,Set(SAID=${SAID}|${OUTDIAL_RESULT})
 same => n,Set(OUTDIAL_NONCE=)
 same => n,AGI(agi://${OUTDIAL_AGI}/pdc/set_code,No Input)
 same => n,Set(SAID=${SAID}|${OUTDIAL_RESULT})
 same => n,Set(OUTDIAL_NONCE=nonce-of-a-test-call)
 same => n,Set(OUTDIAL_AGI=127.0.0.1:1)
 same => n,Gosub(outdial-pdc,set_code,1(No Input))
 same => n,Set(GLOBAL(TEST_SAID)=${SAID}|${OUTDIAL_RESULT})
 same => n,Set(OUTDIAL_AGI=${TRUE_AGI})
 same => n,Return()
"""


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of prompts."""
    return tmp_path_factory.mktemp("prompts")


@pytest.fixture(scope="module")
def contexts(lab: Lab) -> Iterator[None]:
    """Dialplan of an operator's own, beside what is shipped."""
    with own_dialplan(lab, CONTEXTS):
        yield


@pytest.mark.row(18, 19)
async def test_the_shipped_example_gives_each_callee_a_code(lab: Lab, spoken: Path, tts: Sequence[str]) -> None:
    async with on_asterisk(lab, spoken, tts) as (at, dialled):
        calls = await asyncio.gather(*(dialled.ended("", number, dialplan=EXAMPLE) for number in PEOPLE))
        assert {number: (one.code, one.attributes["donor"]) for number, one in zip(PEOPLE, calls, strict=True)} == PEOPLE
        assert at.pdc.counters == {"donors": 1}
        kept = dict(zip(PEOPLE, calls, strict=True))
        assert kept["15550100009"].opted_out == "pressed 9"
        assert kept["15550100005"].notes == ["hung up before any key"], "the h extension was heard"
        assert (kept["15550100005"].hung_up, kept["15550100001"].hung_up) == (False, True), "who ended the call is known"
        assert at.server.live == 0, "no worker waits for a call that its dialplan has"


@pytest.mark.usefixtures("contexts")
async def test_each_line_says_whether_it_was_carried_out(lab: Lab, spoken: Path, tts: Sequence[str]) -> None:
    wild = 'Zoë" = "" | "1" = "1,${SHELL(touch /tmp/canary)}&$[1+1])\n"'
    async with on_asterisk(lab, spoken, tts) as (at, dialled):
        call = await dialled.ended("", "15550100000", dialplan="test-lines,s", first_name=wild)
        globals_ = lab.switch_instance.rx("dialplan show globals")
        said = next(line.partition("=")[2] for line in globals_.splitlines() if "TEST_SAID" in line).split("|")
        assert said == [
            "OK:Zoë    1  1SHELLtouch tmpcanary1+1:0",  # nothing is left of it that means anything to a dialplan
            "unknown_code",
            "unknown_attribute:",
            "bad_value",  # an argument is missing
            "bad_value",  # a comma, and no quotes around it
            "5",
            "0",
            "bad_value",  # not for a dialplan to ask
            "no_session",
            "no_session",
            "unreachable",
        ]
        assert (call.code, call.notes, at.pdc.counters) == ("", ["sooner, or later"], {"donors": 5})
        assert call.hung_up
