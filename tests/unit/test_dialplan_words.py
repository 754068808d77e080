"""What a dialplan may say to the PDC, and what it is told."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.channels.asterisk.dialplan_words import DIALPLAN_VERBS, given_of, harmless
from pdc import BadValue

pytestmark = pytest.mark.unit


def test_a_dialplan_has_the_verbs_that_take_and_give_plain_values_and_none_by_which_a_session_begins_or_ends() -> None:
    assert set(DIALPLAN_VERBS) == {
        *("set_code", "opt_out", "note", "get_attribute", "set_attribute", "set_phone", "delete_contact", "empty_list"),
        *("is_dnc", "add_dnc", "remove_dnc", "add_to_job", "add_list_to_job", "count", "schedule_callback", "cancel_callback"),
    }


@pytest.mark.parametrize(
    ("verb", "texts", "wanted"),
    [
        ("set_code", ["Interested"], {"name": "Interested"}),
        ("set_attribute", ["donor", ""], {"name": "donor", "value": "", "user_contact_id": "", "list_name": ""}),
        ("set_attribute", ["donor", "list_name=x"],
         {"name": "donor", "value": "list_name=x", "user_contact_id": "", "list_name": ""}),
        ("get_attribute", ["donor", "user_contact_id=7", "list_name=Friends"],
         {"name": "donor", "user_contact_id": "7", "list_name": "Friends"}),
        ("count", ["donors"], {"name": "donors", "amount": 1, "assign": False, "once": ""}),
        ("count", ["donors", "", "once=a"], {"name": "donors", "amount": 1, "assign": False, "once": "a"}),
        ("count", ["donors", "once=a"], {"name": "donors", "amount": 1, "assign": False, "once": "a"}),
        ("count", ["donors", "-2", "assign=yes"], {"name": "donors", "amount": -2, "assign": True, "once": ""}),
        ("is_dnc", [], {"address": ""}),
        ("schedule_callback", ["2026-05-11T18:00", "zone=Europe/Istanbul"],
         {"at": datetime(2026, 5, 11, 18), "zone": "Europe/Istanbul", "expires": None,  # noqa: DTZ001
          "address": "", "note": "", "type": "", "agent": ""}),
        ("schedule_callback", ["2026-05-11T18:00Z", "expires=2026-05-11T19:00Z"],
         {"at": datetime(2026, 5, 11, 18, tzinfo=UTC), "zone": "", "expires": datetime(2026, 5, 11, 19, tzinfo=UTC),
          "address": "", "note": "", "type": "", "agent": ""}),
    ],
)  # fmt: skip
def test_arguments_come_in_order_and_then_by_name(verb: str, texts: list[str], wanted: dict[str, object]) -> None:
    assert given_of(DIALPLAN_VERBS[verb], texts) == wanted


@pytest.mark.parametrize(
    ("verb", "texts"),
    [
        ("set_code", []),
        ("set_attribute", ["donor"]),
        ("note", ["sooner", " or later"]),  # a comma without quotes
        ("count", ["donors", "many"]),
        ("count", ["donors", "1", "assign=perhaps"]),
        ("count", ["donors", "1", "whatever=1"]),
        ("schedule_callback", ["at five"]),
    ],
)
def test_what_has_no_place_or_no_meaning_is_refused(verb: str, texts: list[str]) -> None:
    with pytest.raises(BadValue):
        given_of(DIALPLAN_VERBS[verb], texts)


@given(st.text(max_size=600))
def test_nothing_of_a_value_can_be_taken_for_dialplan(value: str) -> None:
    told = harmless(value)
    assert not set(told) & set("${}[]()\"',;&|\\/<>=!@%^*~`#?\n\r\t\0")
    assert all(unicodedata.category(mark)[0] in "LNM" or mark in " +-_.:" for mark in told)
    assert len(told) <= 250
    assert harmless(told) == told


def test_plain_values_are_told_as_they_are() -> None:
    assert harmless("Zoë O Brien-Smith 2026-05-11T18:00:00+03:00") == "Zoë O Brien-Smith 2026-05-11T18:00:00+03:00"
    assert (harmless(True), harmless(False), harmless(-7), harmless(None)) == ("1", "0", "-7", "")
