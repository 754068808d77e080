"""The table of what callees do: it is complete, and the document says the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.domain.codes import SystemCode
from dialer.errors import BadInput
from dialer.lab import phones
from dialer.lab.behaviours import ANY_OTHER, BEHAVIOURS, INTERESTED, NOT_INTERESTED, behaviour_of, dialplan, markdown_table
from dialer.lab.findings import Level
from dialer.lab.message_behaviours import MESSAGE_BEHAVIOURS, message_behaviour_of, messages_table
from dialer.lab.obtain import version_in
from dialer.lab.raw_call import dialled
from dialer.lab.switch_check import version_finding

pytestmark = pytest.mark.unit


def test_the_document_has_the_table_as_it_is() -> None:
    document = Path(__file__).parents[2] / "docs/lab.md"
    assert markdown_table() in document.read_text()
    assert messages_table() in document.read_text()
    assert phones.markdown_table() in document.read_text()


def test_a_message_has_its_row_by_the_digits_of_a_number_or_of_a_mailbox() -> None:
    for address, name in (
        ("+15550100041", "replies-1"),
        ("person-47@lab.test", "carrier-rejects"),
        ("person99x46@22.test", "unreachable"),
        ("zoe@lab.test", "replies-1"),
    ):
        assert message_behaviour_of(address).name == name
    endings = [row.ending for row in MESSAGE_BEHAVIOURS]
    assert len(set(endings)) == len(endings)


def test_every_ending_has_exactly_one_row() -> None:
    endings = [row.ending for row in BEHAVIOURS]
    assert len(set(endings)) == len(endings)
    assert all(len(ending) == 2 for ending in endings)
    assert ANY_OTHER in endings


@pytest.mark.parametrize(("number", "name"), [("+15550100010", "busy"), ("5550102", "presses-2"), ("+15550100099", "presses-1")])
def test_the_last_two_digits_decide(number: str, name: str) -> None:
    assert behaviour_of(number).name == name


@pytest.mark.parametrize("row", BEHAVIOURS, ids=lambda row: row.ending)
def test_every_code_is_a_known_one(row: object) -> None:
    known = {*map(str, SystemCode), INTERESTED, NOT_INTERESTED}
    assert isinstance(row, type(BEHAVIOURS[0]))
    assert row.code in known
    assert row.amd == bool(row.code_without_amd)
    assert row.code_without_amd in known | {""}


def test_the_dialplan_has_an_extension_for_each_row() -> None:
    text = dialplan()
    for row in BEHAVIOURS:
        pattern = f"_{row.ending}" if row.ending == ANY_OTHER else row.ending
        assert f"exten => {pattern},1," in text
    assert "System(" not in text
    assert "SHELL(" not in text


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ("22.10.1+dfsg+~cs6.17.60671434-1", Level.OK),
        ("23.0.0", Level.OK),
        ("22.10.0", Level.WARN),  # the originate deadlocks were mended in it, and more of them after it
        ("20.15.2", Level.WARN),
        ("18.26.4", Level.BAD),
        ("GIT-master-1234abc", Level.WARN),
    ],
)
def test_an_old_switch_is_told_apart_by_its_version(version: str, level: Level) -> None:
    finding = version_finding(version)
    assert finding.level is level
    assert bool(finding.mend) == (level is not Level.OK)


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("Asterisk 22.10.1~dfsg+~cs6\n", "22.10.1"),
        ("Asterisk 20.6.0", "20.6.0"),
        ("Asterisk certified/20.7-cert1", "20.7"),
        ("", "0"),
    ],
)
def test_the_version_is_read_from_what_asterisk_prints(printed: str, version: str) -> None:
    assert version_in(printed) == version


@pytest.mark.parametrize(
    "number", ["", "12", "500&PJSIP/itsp/1416", "+1555\r\nAction: x", "1" * 16, "++1555", "\u0661\u0662\u0663\u0664"]
)
def test_what_is_no_number_is_never_dialled(number: str) -> None:
    with pytest.raises(BadInput):
        dialled(number)
