"""Which number may be rung now: the rule that stands between a contact and every call."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.address_choice import IN_USE_RECHECK
from dialer.domain.codes import SystemCode
from dialer.domain.contact import Address
from dialer.domain.gates import Allowed, Denied, pick_address
from dialer.domain.rules import Held
from dialer.domain.strategy import AddressRule, CallHandler

pytestmark = pytest.mark.unit

NOON = datetime(2026, 1, 15, 17, 0, tzinfo=UTC)  # 12:00 in New York
NIGHT = datetime(2026, 1, 15, 7, 0, tzinfo=UTC)  # 02:00
MOBILE, HOME, WORK = "+12125550101", "+12125550102", "+12125550103"
ZONE = ("America/New_York",)


def handler(*names: str) -> CallHandler:
    return CallHandler(state="initial", addresses=tuple(AddressRule(name=name, opens=time(8), closes=time(21)) for name in names))


def owned(**numbers: str) -> list[Address]:
    return [Address(name=name, value=value, zones=ZONE) for name, value in numbers.items()]


BOTH = handler("mobile", "home")


@pytest.mark.row(41)
@pytest.mark.parametrize(
    ("start", "numbers", "dnc", "busy", "expected"),
    [
        (0, {"mobile": MOBILE, "home": HOME}, [], [], MOBILE),
        (1, {"mobile": MOBILE, "home": HOME}, [], [], HOME),
        (1, {"mobile": MOBILE}, [], [], MOBILE),  # round again
        (0, {"home": HOME}, [], [], HOME),
        (0, {"MOBILE": MOBILE}, [], [], MOBILE),  # names are the same without regard to case
        (0, {"mobile": MOBILE, "home": HOME}, [MOBILE], [], HOME),
        (0, {"mobile": MOBILE, "home": HOME}, [], [MOBILE], HOME),
        (0, {"mobile": "", "home": HOME}, [], [], HOME),
        (0, {"mobile": "+1&PJSIP/x", "home": HOME}, [], [], HOME),  # checked again, whatever an import let in
        (7, {"mobile": MOBILE, "home": HOME}, [], [], HOME),  # a saved index from a longer strategy
    ],
)
def test_the_first_address_that_may_be_rung_is_taken(
    start: int, numbers: dict[str, str], dnc: list[str], busy: list[str], expected: str
) -> None:
    found = pick_address(BOTH, start, owned(**numbers), dnc, busy, NOON)
    assert isinstance(found, Allowed)
    assert found.address.value == expected
    assert BOTH.addresses[found.index].name == found.address.name.casefold()


@pytest.mark.parametrize(
    ("numbers", "dnc", "code"),
    [
        ({}, [], SystemCode.NO_CALLABLE_ADDRESS),
        ({"work": WORK}, [], SystemCode.NO_CALLABLE_ADDRESS),  # one that the handler does not name
        ({"mobile": "call me"}, [], SystemCode.NO_CALLABLE_ADDRESS),
        ({"mobile": MOBILE + "\n"}, [], SystemCode.NO_CALLABLE_ADDRESS),
        ({"mobile": "+" + "٢" * 10}, [], SystemCode.NO_CALLABLE_ADDRESS),  # digits, but not ours
        ({"mobile": MOBILE}, [MOBILE], SystemCode.RESTRICTED_DNC),
        ({"mobile": MOBILE, "home": HOME}, [MOBILE, HOME], SystemCode.RESTRICTED_DNC),
        ({"mobile": MOBILE, "home": "x"}, [MOBILE], SystemCode.RESTRICTED_DNC),
    ],
)
def test_what_time_will_not_mend_ends_with_a_code(numbers: dict[str, str], dnc: list[str], code: SystemCode) -> None:
    found = pick_address(BOTH, 0, owned(**numbers), dnc, (), NOON)
    assert isinstance(found, Denied)
    assert (found.code, found.until) == (code, None)


RULE = {HOME: Held(rule="often", because="rule 'often'", until=None, code="Too often")}


@pytest.mark.parametrize(
    ("numbers", "dnc", "held", "code"),
    [
        ({"mobile": MOBILE, "home": HOME}, {MOBILE}, RULE, "Too often"),  # without the rule, home would be rung
        ({"home": MOBILE, "mobile": HOME}, {MOBILE}, RULE, SystemCode.RESTRICTED_DNC),  # tried last: home, on the list
        ({"mobile": MOBILE, "work": HOME}, {MOBILE}, RULE, SystemCode.RESTRICTED_DNC),  # a rule about a number that is not asked
        ({"home": HOME}, (), RULE, "Too often"),
        ({"mobile": MOBILE, "home": MOBILE}, {MOBILE}, {MOBILE: RULE[HOME]}, SystemCode.RESTRICTED_DNC),
    ],
)
def test_the_code_is_that_of_the_obstacle_that_was_met_last(
    numbers: dict[str, str], dnc: Collection[str], held: Mapping[str, Held], code: str
) -> None:
    found = pick_address(BOTH, 0, owned(**numbers), dnc, (), NOON, held)
    assert isinstance(found, Denied)
    assert (found.code, found.until) == (code, None)


def test_a_closed_window_waits_for_the_first_opening() -> None:
    early = CallHandler(
        state="initial",
        addresses=(
            AddressRule(name="mobile", opens=time(9), closes=time(21)),
            AddressRule(name="home", opens=time(8), closes=time(20)),
        ),
    )
    found = pick_address(early, 0, owned(mobile=MOBILE, home=HOME), (), (), NIGHT)
    assert isinstance(found, Denied)
    assert (found.code, found.until) == (None, datetime(2026, 1, 15, 13, 0, tzinfo=UTC))
    assert "mobile: outside 09:00–21:00 in America/New_York" in found.because


def test_dnc_does_not_end_a_contact_whose_other_number_only_sleeps() -> None:
    found = pick_address(BOTH, 0, owned(mobile=MOBILE, home=HOME), {MOBILE}, (), NIGHT)
    assert isinstance(found, Denied)
    assert found.code is None


def test_a_number_in_another_call_is_looked_at_again_soon() -> None:
    found = pick_address(BOTH, 0, owned(mobile=MOBILE), (), {MOBILE}, NOON)
    assert found == Denied(code=None, because=found.because, until=NOON + IN_USE_RECHECK)
    assert "in another call" in found.because


def test_a_number_without_a_zone_is_never_rung() -> None:
    found = pick_address(BOTH, 0, [Address(name="mobile", value=MOBILE)], (), (), NOON)
    assert isinstance(found, Denied)
    assert found.code is SystemCode.NO_CALLABLE_ADDRESS
    assert "time zone" in found.because


NUMBERS = st.sampled_from([MOBILE, HOME, WORK, "", "+1;2", "911"])


@given(
    start=st.integers(0, 5),
    numbers=st.dictionaries(st.sampled_from(["mobile", "home", "work"]), NUMBERS),
    dnc=st.sets(NUMBERS),
    busy=st.sets(NUMBERS),
    hours=st.integers(0, 48),
)
def test_no_road_leads_to_a_number_that_may_not_be_rung(
    start: int, numbers: dict[str, str], dnc: set[str], busy: set[str], hours: int
) -> None:
    now = NOON + timedelta(hours=hours)
    found = pick_address(BOTH, start, owned(**numbers), dnc, busy, now)
    if isinstance(found, Allowed):
        assert found.address.value in (MOBILE, HOME, WORK)
        assert found.address.value not in dnc | busy
        assert now.hour >= 13 or now.hour < 2  # 08:00-21:00 in New York, in UTC
    else:
        assert (found.code is None) == (found.until is not None)
        assert found.because
