"""Handlers of other channels than voice: how they are written, drawn, tried out, and which addresses they take."""

from __future__ import annotations

import random
from datetime import UTC, datetime, time

import pytest

from dialer.domain.address_choice import NO_ADDRESS, Allowed, Denied, pick_address
from dialer.domain.channel import Channel
from dialer.domain.codes import SystemCode
from dialer.domain.contact import Address
from dialer.domain.rules import Held
from dialer.domain.simulation import Scene, simulate
from dialer.domain.strategy import AddressRule, CallHandler, CustomHandler
from dialer.errors import BadInput
from dialer.services.strategies import check_strategy, load_strategy
from dialer.services.strategy_diagram import as_mermaid, as_text

pytestmark = pytest.mark.unit

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TEXT = """\
strategy: tickets
status: completed
handlers:
  - state: initial
    call:
      addresses: [{attribute: mobile, from: "00:00", to: "24:00"}]
      results:
        otherwise: done
        Answer Human: {app: ask}
        Ring No Answer: {next_state: ticket}
  - state: ticket
    custom:
      action: open_ticket
      parameters: {queue: donors}
      time_limit_s: 2.5
      addresses: [{attribute: email, from: "08:00", to: "20:00"}]
      results: {otherwise: done, Action Completed: {retry: {count: 1, intervals_s: [60], address_looping: true}}}
"""


@pytest.mark.row(36, 51)
def test_a_custom_handler_is_read_as_it_was_written() -> None:
    checked = check_strategy(TEXT)
    assert not checked.warnings
    first, second = checked.strategy.handlers
    assert isinstance(first, CallHandler)
    assert isinstance(second, CustomHandler)
    assert (second.action, second.parameters, second.time_limit_s) == ("open_ticket", {"queue": "donors"}, 2.5)
    assert second.addresses == (AddressRule(name="email", opens=time(8), closes=time(20)),)
    assert checked.strategy.channels == (Channel.VOICE, Channel.CUSTOM)


def test_it_is_drawn_and_tried_out_like_any_other() -> None:
    strategy = load_strategy(TEXT)
    assert "[ticket] does open_ticket with email (08:00–20:00) within 2.5 s" in as_text(strategy)
    assert "does open_ticket" in as_mermaid(strategy)
    scene = Scene(contacts=20, starts_at=NOON, outcomes={SystemCode.RING_NO_ANSWER: 1.0})
    report = simulate(strategy, scene, random.Random(1))
    assert report.codes == {"Ring No Answer": 20, "Action Completed": 40}


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        ("    custom:\n      action", "    custom:\n      acton", "did you mean 'action'?"),
        ("action: open_ticket", "action: '1 2'", "must be the name of a custom action"),
        ("time_limit_s: 2.5", "time_limit_s: 0", "time_limit_s: must be a number from 0.1 to 300"),
        ("Action Completed: {", "Answer Human: {app: x, ", "nobody is on the line"),
        ("  - state: ticket\n", "  - state: ticket\n    call: {}\n", "has no place beside `call:`"),
        ("    custom:", "    selector:", "must be the first handler"),
    ],
)
def test_mistakes_are_told_with_their_line(wrong: str, right: str, said: str) -> None:
    assert wrong in TEXT
    with pytest.raises(BadInput, match=r"strategy:\d+: ") as told:
        load_strategy(TEXT.replace(wrong, right))
    assert said in str(told.value)


PHONE = Address(name="mobile", value="+15550100", zones=("UTC",))
EMAIL = Address(name="email", value="ada@example.org", zones=("UTC",), channel="email")
ALL_DAY = tuple(AddressRule(name=name, opens=time(0), closes=time(0)) for name in ("mobile", "email"))


def test_a_call_takes_telephones_and_an_action_whatever_its_strategy_names() -> None:
    call = CallHandler(state="initial", addresses=ALL_DAY[1:])
    act = CustomHandler(state="initial", action="a", addresses=ALL_DAY)
    denied = pick_address(call, 0, [PHONE, EMAIL], (), (), NOON)
    assert isinstance(denied, Denied)
    assert "email: the contact has none" in denied.because
    first, second = (pick_address(act, index, [PHONE, EMAIL], (), (), NOON) for index in (0, 1))
    assert isinstance(first, Allowed)
    assert isinstance(second, Allowed)
    assert (first.address, second.address) == (PHONE, EMAIL)
    crooked = pick_address(act, 1, [Address(name="email", value="no address", zones=("UTC",), channel="email")], (), (), NOON)
    assert "email: not an email address" in crooked.because


def test_without_addresses_only_what_concerns_the_person_stands_in_the_way() -> None:
    act = CustomHandler(state="initial", action="a")
    allowed = pick_address(act, 0, [], {PHONE.value}, {""}, NOON)
    assert isinstance(allowed, Allowed)
    assert allowed.address is NO_ADDRESS
    listed = pick_address(act, 0, [], {""}, (), NOON)
    assert isinstance(listed, Denied)
    assert listed.code is SystemCode.RESTRICTED_DNC
    held = pick_address(act, 0, [], (), (), NOON, {"": Held(rule="r", because="too often", until=NOON)})
    assert isinstance(held, Denied)
    assert (held.code, held.until) == (None, NOON)


@pytest.mark.row(16)
@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("interested", ""),
        ("action completed", ""),
        ("Interestd", "did you mean 'Interested'?"),
        ("Call Busy", "'Call Busy' is for the dialer itself to set"),
    ],
)
def test_a_default_code_is_one_that_the_campaign_may_end_with(code: str, said: str) -> None:
    text = TEXT.replace("action: open_ticket", f"action: open_ticket\n      default_code: {code}")
    if not said:
        assert check_strategy(text, known_codes=["Interested"]).strategy.handler("ticket").default_code == code.title()
        return
    with pytest.raises(BadInput) as told:
        check_strategy(text, known_codes=["Interested"])
    assert said in str(told.value)


@pytest.mark.row(52)
def test_results_are_published_where_the_strategy_or_a_handler_says_so() -> None:
    def published(text: str) -> list[bool]:
        return [one.publish for one in load_strategy(text).handlers]

    assert published(TEXT) == [False, False]
    whole = TEXT.replace("status: completed", "status: completed\npublish: true")
    assert published(whole) == [True, True]
    assert published(whole.replace("results: {otherwise", "results: {publish: false, otherwise")) == [True, False]
    assert published(TEXT.replace("results: {otherwise", "results: {publish: true, otherwise")) == [False, True]
    with pytest.raises(BadInput, match="publish: must be true or false"):
        load_strategy(whole.replace("publish: true", "publish: sometimes"))
