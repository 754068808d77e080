"""What a rule across campaigns says of a person's numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.contact import Address
from dialer.domain.ids import CampaignId
from dialer.domain.rules import MACHINE_24H, NUISANCE_72H, Kind, Past, Per, Rule, Then, holds, in_force

pytestmark = pytest.mark.unit

NOW = datetime(2026, 5, 11, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
A, B = "+15550100001", "+15550100002"
MOBILE = Address(name="mobile", value=A, zones=("America/Chicago",))
THREE_A_DAY = Rule(name="three a day", max_attempts=3, window_s=86400)


def past(
    *hours_ago: float, address: str = A, own: bool = True, code: str | None = "Call Busy", channel: str = "voice"
) -> list[Past]:
    return [Past(at=NOW - HOUR * ago, address=address, own=own, code=code, channel=channel) for ago in hours_ago]


CASES = [
    (THREE_A_DAY, past(1, 2), None),
    (THREE_A_DAY, past(1, 2, 3), 21),  # until the oldest of the three is a day old
    (THREE_A_DAY, past(1, 2, 3, 4), 21),  # with four, the oldest but one
    (THREE_A_DAY, past(1, 2, 24), None),  # exactly a day is over
    (THREE_A_DAY, past(1, 2) + past(3, address=B), 21),  # a person has several numbers
    (THREE_A_DAY, past(1, 2, 3, own=False), None),  # somebody else's attempts at the same number
    (replace(THREE_A_DAY, per=Per.ADDRESS), past(1, 2, 3, own=False), 21),
    (replace(THREE_A_DAY, per=Per.ADDRESS), past(1, 2) + past(3, address=B), None),
    (replace(THREE_A_DAY, channel="voice"), past(1, 2) + past(3, channel="sms"), None),
    (THREE_A_DAY, past(1, 2) + past(3, channel="sms"), 21),
    (replace(THREE_A_DAY, codes=("call  BUSY",)), past(1, 2, 3), 21),  # names are the same without regard to case
    (replace(THREE_A_DAY, codes=("Call Busy",)), past(1, 2) + past(3, code=None), None),  # one is still up
    (replace(THREE_A_DAY, codes=("Call Busy",), only_last=True), past(1) + past(2, 3, code="Fax Machine"), 21),
    (replace(THREE_A_DAY, codes=("Call Busy",), only_last=True), past(1, code="Fax Machine") + past(2, 3), None),
    (NUISANCE_72H, past(71, code="Nuisance Call"), 1),
    (NUISANCE_72H, past(72, code="Nuisance Call") + past(1), None),
    (MACHINE_24H, past(1, code="Answer Machine"), 23),
]


@pytest.mark.row(56)
@pytest.mark.parametrize(("rule", "seen", "free_in_h"), CASES)
def test_a_rule_counts_what_it_should_and_says_when_it_ends(rule: Rule, seen: list[Past], free_in_h: float | None) -> None:
    found = holds([rule], [MOBILE], seen, NOW)
    assert found.get(A) is None if free_in_h is None else found[A].until == NOW + HOUR * free_in_h
    if free_in_h is not None:
        assert rule.name in found[A].because
        assert not holds([rule], [MOBILE], seen, NOW + HOUR * free_in_h), "at that very moment it is free"


def test_the_first_rule_in_the_way_gives_the_reason() -> None:
    first = replace(THREE_A_DAY, name="first", position=1)
    second = replace(THREE_A_DAY, name="second", position=2)
    assert holds(in_force([second, first], CampaignId(1)), [MOBILE], past(1, 2, 3), NOW)[A].rule == "first"


def test_rules_are_asked_for_their_campaigns_and_not_for_exempt_kinds() -> None:
    of_one = replace(THREE_A_DAY, campaigns=(CampaignId(1),), exempt=(Kind.CALLBACK,))
    assert in_force([of_one], CampaignId(1)) == [of_one]
    assert in_force([of_one], CampaignId(2)) == []
    assert in_force([of_one], CampaignId(1), Kind.CALLBACK) == []
    assert in_force([replace(of_one, active=False)], CampaignId(1)) == []
    assert in_force([replace(of_one, channel="sms")], CampaignId(1)) == []


def test_a_rule_can_finish_the_contact_with_a_code() -> None:
    rule = replace(THREE_A_DAY, then=Then.FINISH, code="Enough")
    held = holds([rule], [MOBILE], past(1, 2, 3), NOW)[A]
    assert (held.until, held.code) == (None, "Enough")


@pytest.mark.row(57)
def test_of_the_systems_rules_the_one_against_nuisance_is_on() -> None:
    assert (NUISANCE_72H.active, MACHINE_24H.active) == (True, False)


@pytest.mark.row(59)
@pytest.mark.parametrize("exempt", list(Kind))
def test_each_kind_of_attempt_can_be_exempted_and_then_it_alone_passes(exempt: Kind) -> None:
    rule = replace(THREE_A_DAY, exempt=(exempt,))
    seen = past(1, 2, 3)
    for kind in Kind:
        held = holds(in_force([rule], CampaignId(1), kind), [MOBILE], seen, NOW)
        assert bool(held) is (kind is not exempt), kind


@pytest.mark.row(59)
def test_where_somebody_is_sure_to_be_there_the_systems_rules_stand_back() -> None:
    for rule in (NUISANCE_72H, replace(MACHINE_24H, active=True)):
        asked = {kind for kind in Kind if in_force([rule], CampaignId(1), kind)}
        assert asked == {Kind.CAMPAIGN}


@pytest.mark.row(58)
@pytest.mark.parametrize(
    ("zones", "except_zones", "of_address", "held"),
    [
        ((), (), ("America/Chicago",), True),
        (("America/Chicago",), (), ("America/Chicago",), True),
        (("America/Denver",), (), ("America/Chicago",), False),
        ((), ("America/Chicago",), ("America/Chicago",), False),
        ((), ("America/Chicago",), ("America/Chicago", "America/Denver"), True),  # it may be where the rule holds
        (("America/Denver",), (), (), True),  # nobody knows where it is
    ],
)
def test_a_rule_can_be_off_in_some_time_zones(
    zones: tuple[str, ...], except_zones: tuple[str, ...], of_address: tuple[str, ...], held: bool
) -> None:
    rule = replace(THREE_A_DAY, zones=zones, except_zones=except_zones)
    assert bool(holds([rule], [replace(MOBILE, zones=of_address)], past(1, 2, 3), NOW)) is held


def test_a_rule_per_address_says_nothing_of_an_attempt_without_one() -> None:
    nowhere = Address(name="", value="")
    assert holds([THREE_A_DAY], [nowhere], past(1, 2, 3), NOW)
    assert not holds([replace(THREE_A_DAY, per=Per.ADDRESS)], [nowhere], past(1, 2, 3, address=""), NOW)
