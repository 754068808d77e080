"""Numbers as people write them, and junk as attackers write it."""

from __future__ import annotations

import random
import re
import string

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import timezone

from dialer.domain.area_codes import AreaCode, AreaCodes
from dialer.domain.phone_checks import PhoneChecks, PhoneFormat, RejectPattern
from dialer.services.number_reader import NumberReader, NumberRules
from dialer.services.phone import NoNumber, PhoneNumber, normalise
from dialer.services.plain_numbers import plain_number

pytestmark = pytest.mark.unit

E164 = re.compile(r"\+[0-9]{3,15}")


def area_code(calling_code: str, digits: str, zone: str) -> AreaCode:
    first, _, last = digits.partition("-")
    return AreaCode(calling_code=calling_code, first=first, last=last or first, zone=zone)


@pytest.mark.parametrize(
    ("raw", "region", "e164", "zones"),
    [
        ("+12025550142", "US", "+12025550142", ("America/New_York",)),
        ("(303) 555-0142", "US", "+13035550142", ("America/Denver",)),
        ("1-303-555-0142", "US", "+13035550142", ("America/Denver",)),
        ("303.555.0142", "CA", "+13035550142", ("America/Denver",)),
        ("  206 555 0142 ", "US", "+12065550142", ("America/Los_Angeles",)),
        ("＋１ （２０２） ５５５－０１４２", "US", "+12025550142", ("America/New_York",)),  # full-width
        ("202\u2011555\u20110142", "US", "+12025550142", ("America/New_York",)),  # non-breaking hyphens
        ("\u202a+12025550142\u202c", "US", "+12025550142", ("America/New_York",)),  # pasted from an address book
        ("12025550142.0", "US", "+12025550142", ("America/New_York",)),  # through a data frame
        ("030/123456", "DE", "+4930123456", ("Europe/Berlin",)),
        ("011 44 20 7946 0958", "US", "+442079460958", ("Europe/London",)),
        ("+442079460958", "US", "+442079460958", ("Europe/London",)),
    ],
)
def test_what_people_write_becomes_e164_with_its_zones(raw: str, region: str, e164: str, zones: tuple[str, ...]) -> None:
    assert normalise(raw, region) == PhoneNumber(e164, zones)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("+1&PJSIP/x", "letters"),
        ("500&PJSIP/itsp/14165550100", "letters"),
        ("1,2", "more than one number"),
        ("2025550142,2025550143", "more than one number"),
        ("2025550142;2025550143", "more than one number"),
        ("${SHELL(id)}", "letters"),
        ("$[1+1]", "plus sign"),
        ("2025550142\r\nAction: Command", "control character"),
        ("2025550142\n", "control character"),
        ("\x002025550142", "control character"),
        ("1" * 40, "too long"),
        ("1" * 41, "longer than 40"),
        ("9" * 16, "too long"),
        ("call me", "letters"),
        ("1-800-FLOWERS", "letters"),
        ("202 555 0142 x5", "letters"),
        ("1.55512E+10", "spreadsheet"),
        ("٢٠٢٥٥٥٠١٤٢", "signs"),  # digits of another script: not shown back as dialled, so refused
        ("²⁰²⁵⁵⁵⁰¹⁴²", "signs"),
        ("++12025550142", "plus sign"),
        ("2025550142+", "plus sign"),
        ("+", "signs"),
        ("5550142", "area code is missing"),
        ("911", "too short"),
        ("+999123456", "no such country code"),
        ("*67 2025550142", "signs"),
        ("=2025550142", "signs"),
        ("2025550142'--", "signs"),
    ],
)
def test_junk_is_refused_with_a_reason(raw: str, reason: str) -> None:
    found = normalise(raw, "US")
    assert isinstance(found, NoNumber)
    assert reason in found.reason


def test_strict_refuses_what_no_carrier_has_given_out() -> None:
    assert isinstance(normalise("+15555550142"), PhoneNumber)  # a possible length is enough by default
    assert isinstance(normalise("+15555550142", strict=True), NoNumber)
    assert isinstance(normalise("+12025550142", strict=True), PhoneNumber)


def test_a_number_that_may_be_anywhere_has_all_zones() -> None:
    toll_free = normalise("+18005550142")
    assert isinstance(toll_free, PhoneNumber)
    assert len(toll_free.zones) > 20


def test_an_unknown_region_is_told() -> None:
    assert "no region" in str(normalise("2025550142", "XX"))


@given(st.text(max_size=50) | st.text(alphabet=string.digits + "+-() ./", max_size=20))
def test_whatever_comes_in_what_comes_out_can_be_dialled(raw: str) -> None:
    found = normalise(raw, "US")
    if isinstance(found, PhoneNumber):
        assert E164.fullmatch(found.e164)
    else:
        assert found.reason


def test_the_fast_road_for_north_america_says_what_the_library_says(rng: random.Random) -> None:
    for _ in range(1500):
        national = f"{rng.randint(200, 999)}{rng.randint(200, 999)}{rng.randint(0, 9999):04d}"
        number = phonenumbers.parse(f"+1{national}")
        zones = timezone.time_zones_for_number(number)
        if zones == ("Etc/Unknown",):
            zones = timezone.time_zones_for_geographical_number(number)
        assert phonenumbers.is_possible_number(number)
        assert normalise(national, "US") == PhoneNumber(f"+1{national}", tuple(zones))


def by_the_library(digits: str, region: str) -> PhoneNumber | None:
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    zones = timezone.time_zones_for_number(number)
    if zones == ("Etc/Unknown",):
        zones = timezone.time_zones_for_geographical_number(number)
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return PhoneNumber(e164, tuple(zone for zone in zones if zone != "Etc/Unknown"))


def test_the_short_cut_for_plain_countries_says_what_the_library_says(rng: random.Random) -> None:
    taken = 0
    for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
        region = phonenumbers.region_code_for_country_code(code)
        for length in rng.sample(range(5, 12), 3):
            national = "".join(rng.choice(string.digits) for _ in range(length))
            for digits, home in ((f"+{code}{national}", "US"), (f"0{national}", region), (national, region)):
                if (found := plain_number(digits, home)) is not None:
                    taken += 1
                    assert PhoneNumber(*found) == by_the_library(digits, home), (digits, home)
    assert taken > 100, "it is hardly ever used"


@pytest.mark.parametrize("region", ["US", "TR", "DE", "GB"])
def test_short_cuts_say_what_the_slow_road_says(region: str, rng: random.Random) -> None:
    rules = NumberRules(
        region=region,
        time_zone="UTC",
        patterns=True,
        formats=True,
        checks=PhoneChecks(
            patterns=(RejectPattern(pattern="*555*"), RejectPattern(pattern="2?[0-4]*", calling_code="1")),
            formats=(PhoneFormat(calling_code="1", max_length=10), PhoneFormat(calling_code="1303", min_length=8)),
        ),
        area_codes=AreaCodes([area_code("1", "212-218", "America/Denver"), area_code("1", "2125", "America/Chicago")]),
    )
    reader = NumberReader(rules)
    for _ in range(400):
        national = f"{rng.choice((212, 213, 303, 415, 800, 907))}{rng.randint(199, 999)}{rng.randint(0, 9999):04d}"
        for raw in (national, f"+1 {national}", f"({national[:3]}) {national[3:]} ", f"+1{national}.0", f"(+1){national}"):
            assert reader.read(raw) == reader.read_thoroughly(raw), raw


@given(st.text(alphabet=string.digits + "+-() ./", max_size=20))
def test_no_text_parts_the_short_cuts_from_the_slow_road(raw: str) -> None:
    reader = NumberReader(NumberRules(area_codes=AreaCodes([area_code("1", "2", "America/Denver")])))
    assert reader.read(raw) == reader.read_thoroughly(raw)
