"""Reject patterns, formats of numbers by country, and values by type."""

from __future__ import annotations

import pytest
from hypothesis import given as draws
from hypothesis import strategies as st

from dialer.domain.attributes import AttributeType, BadAttribute, kept, masked
from dialer.domain.phone_checks import BadPattern, PhoneChecks, PhoneFormat, RejectPattern, Sieve, compiled

pytestmark = pytest.mark.unit


@pytest.mark.row(97)
@pytest.mark.parametrize(
    ("pattern", "number", "matches"),
    [
        ("*0000000*", "+12120000000", True),
        ("*0000000*", "+12100000001", True),
        ("*0000000*", "+12120000001", False),  # six in a row
        ("1900*", "+19005550100", True),
        ("1900*", "+12900555010", False),
        ("1900???????", "+19005550100", True),
        ("1900???????", "+1900555010", False),
        ("1[2-4]*", "+13005550100", True),
        ("1[2-4]*", "+15005550100", False),
        ("1[279]*", "+19005550100", True),
        ("1[2-47]*", "+17005550100", True),
        ("12125550100", "+12125550100", True),
        ("2125550100", "+12125550100", False),  # the whole number, or a star
    ],
)
def test_a_pattern_matches_whole_numbers(pattern: str, number: str, matches: bool) -> None:
    assert RejectPattern(pattern=pattern).rejects(number) is matches


def test_a_countrys_pattern_is_held_against_the_number_without_its_code() -> None:
    only_turkey = RejectPattern(pattern="900*", calling_code="90")
    assert only_turkey.rejects("+909005550100")
    assert not only_turkey.rejects("+19005550100")


@pytest.mark.row(97)
@pytest.mark.parametrize("wrong", ["", "12a", "[", "[]", "[4-2]", "[1-]", "1-9", "+1*", "[*]", "9" * 41])
def test_a_pattern_that_cannot_be_read_is_refused(wrong: str) -> None:
    with pytest.raises(BadPattern):
        compiled(wrong)


@pytest.mark.row(96)
@pytest.mark.parametrize(
    ("number", "fitted"),
    [
        ("+902125550100", "+902125550100"),
        ("+905550100", "+902125550100"),  # too short: the prefix, then again
        ("+9050100", None),  # still too short
        ("+9021255501000", None),  # too long
        ("+12125550100", "+12125550100"),  # no format known
    ],
)
def test_a_number_is_fitted_to_its_countrys_format(number: str, fitted: str | None) -> None:
    turkish = PhoneFormat(calling_code="90", min_length=10, max_length=10, prefix="212")
    assert PhoneChecks(formats=(turkish,)).fitted(number) == fitted


DIGITS = st.text(alphabet="0123", max_size=4)  # few and short: so that patterns and formats often match
PATTERNS = st.builds(
    RejectPattern,
    pattern=st.lists(st.sampled_from(["*", "?", "[1-2]", "[03]", "0", "1", "2", "12"]), min_size=1, max_size=4).map("".join),
    calling_code=DIGITS,
)
FORMATS = st.builds(
    PhoneFormat,
    calling_code=DIGITS,
    min_length=st.integers(1, 4),
    max_length=st.integers(4, 8),
    prefix=DIGITS,
)


@draws(
    patterns=st.lists(PATTERNS, max_size=4),
    formats=st.lists(FORMATS, max_size=4),
    numbers=st.lists(st.text(alphabet="0123", min_size=3, max_size=8), max_size=5),
)
def test_the_sieve_says_what_the_checks_say(
    patterns: list[RejectPattern], formats: list[PhoneFormat], numbers: list[str]
) -> None:
    checks = PhoneChecks(patterns=tuple(patterns), formats=tuple(formats))
    sieve = Sieve(checks)
    for number in (f"+{one}" for one in numbers):
        assert sieve.rejected_by(number) == checks.rejected_by(number)
        assert sieve.passes(number) is (checks.rejected_by(number) == "")
        assert sieve.fitted(number) == checks.fitted(number)


@pytest.mark.row(95)
@pytest.mark.parametrize(
    ("kind", "given", "stored"),
    [
        (AttributeType.STRING, " as it is ", " as it is "),
        (AttributeType.INTEGER, " +0042", "42"),
        (AttributeType.INTEGER, "4.2", None),
        (AttributeType.FLOAT, "1e3", "1000.0"),
        (AttributeType.FLOAT, "nan", None),
        (AttributeType.BOOLEAN, "YES", "true"),
        (AttributeType.BOOLEAN, "perhaps", None),
        (AttributeType.DATE, "2026-02-28", "2026-02-28"),
        (AttributeType.DATE, "2026-02-30", None),
        (AttributeType.TIMESTAMP, "2026-05-11T12:00:00+02:00", "2026-05-11T10:00:00+00:00"),
        (AttributeType.TIMESTAMP, "noon", None),
        (AttributeType.PHONE, "+1 (212) 555-0100", "+12125550100"),
        (AttributeType.PHONE, "555-0100", None),
        (AttributeType.EMAIL, "Anna@Example.org", "anna@example.org"),
        (AttributeType.EMAIL, "anna", None),
        (AttributeType.INTEGER, "", ""),
    ],
)
def test_a_value_is_kept_in_the_one_form_of_its_type_or_refused(kind: AttributeType, given: str, stored: str | None) -> None:
    if stored is None:
        with pytest.raises(BadAttribute):
            kept(kind, given)
    else:
        assert kept(kind, given) == stored
        assert kept(kind, stored) == stored


def test_a_masked_value_shows_little() -> None:
    assert masked("4711-0815") == "•••••••15"
    assert masked("abcd") == "••"
    assert masked("") == ""
