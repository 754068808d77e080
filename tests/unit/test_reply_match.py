"""The first row of a reply table that fits an answer counts; no pattern and no text can keep the dialer busy."""

from __future__ import annotations

import time

import pytest

from dialer.domain.reply import Replies, ReplyRow, match
from dialer.services.reply_patterns import BadPattern, compiled, search
from dialer.services.reply_words import load_wording

pytestmark = pytest.mark.unit

POLITE = load_wording().polite
YES = ReplyRow(words=("1", "yes", "ja"), code="Yes", set={"donor": "yes"})
DAY = ReplyRow(pattern=r"\b(?P<day>monday|friday|dienstag)\b", code="Later", set={"day": "${day}", "said": "${reply}"})
HOUR = ReplyRow(pattern=r"(?P<hour>[0-9]{1,2})(:[0-9]{2})? ?(pm|uhr)", code="At", set={"hour": "${hour}h"})
TABLE = Replies(rows=(YES, DAY, HOUR), otherwise=ReplyRow(code="What?", set={"said": "${reply}"}))


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("1", YES),
        (" Yes! ", YES),
        ("JÀ, bitte", YES),  # accents, case, punctuation, a polite word
        ("yes please", YES),
        ("1\n\nBest regards\nAnn", YES),  # a mail: its first line is the answer
        ("on FRIDAY perhaps", DAY),
        ("Könnte ich am Dienstag", DAY),
        ("1 pm", HOUR),  # not "1"
        ("um 17 Uhr", HOUR),
        ("yesterday", TABLE.otherwise),  # a word is a word
        ("11", TABLE.otherwise),
        ("", TABLE.otherwise),
        ("👍", TABLE.otherwise),
    ],
)
def test_the_first_row_that_fits_counts(text: str, row: ReplyRow) -> None:
    found = match(TABLE, text, search, POLITE)
    assert found.row is row
    assert found.understood is (row is not TABLE.otherwise)


def test_values_are_filled_in_once_and_never_looked_into() -> None:
    found = match(TABLE, "FRIDAY ${day} ${reply} $password", search, POLITE)
    assert found.values == {"day": "FRIDAY", "said": "FRIDAY ${day} ${reply} $password"}


def test_a_value_is_one_line_and_not_longer_than_an_attribute() -> None:
    found = match(TABLE, "a\r\nBcc: everybody@example.org\r\n" + "x" * 5000, search, POLITE)
    assert "\n" not in found.values["said"]
    assert "\r" not in found.values["said"]
    assert len(found.values["said"]) == 1000


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*)*x", "(x+x+)+y", r"^(\w+\s?)*$"])
def test_no_pattern_can_hang(pattern: str) -> None:
    began = time.perf_counter()
    search(pattern, "a" * 1600 + "!")
    assert time.perf_counter() - began < 0.5


@pytest.mark.parametrize("pattern", ["(", r"(a)\1", "(?=a)", "a{1001}", "x" * 301, "((((a{100}){100}){100}){100})"])
def test_a_pattern_that_cannot_be_used_is_refused_with_a_reason(pattern: str) -> None:
    with pytest.raises(BadPattern, match=r"\w"):
        compiled(pattern)
