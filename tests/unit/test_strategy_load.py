"""A strategy as its author writes it: read whole, or refused with every mistake, its line and a mend."""

from __future__ import annotations

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.strategy import AddressRule, CallHandler, Retry, StrategyStatus, Treatment
from dialer.errors import BadInput
from dialer.ivr_apps import SHIPPED_APPS
from dialer.resources import resource, resources
from dialer.services.strategies import check_strategy, load_for_campaign, load_strategy

pytestmark = pytest.mark.unit

GOOD = """\
strategy: donors
status: completed
handlers:
  - state: initial
    call:
      ring_timeout_s: 30
      sender: "+15550100"
      addresses:
        - {attribute: mobile, from: 08:00, to: 21:00}
        - {attribute: home, from: "22:00", to: "24:00"}
      results:
        otherwise: done
        answer human: {app: ask, parameters: {message: 12, "yes": no}}
        Call Busy: {retry: {count: 2, intervals_s: [30, 60.5], address_looping: true, fail_state: second}}
        Interested: {next_state: done}
  - state: second
    call:
      detect_machine: false
      addresses: [{attribute: home, from: "00:00", to: "24:00"}]
      results:
        Call Answered: {app: ask}
"""


def test_a_strategy_is_read_as_it_was_written() -> None:
    strategy = load_strategy(GOOD)
    assert (strategy.name, strategy.status) == ("donors", StrategyStatus.COMPLETED)
    first, second = strategy.handlers
    assert isinstance(first, CallHandler)
    assert isinstance(second, CallHandler)
    assert (first.ring_timeout_s, first.detect_machine, first.sender) == (30.0, True, "+15550100")
    assert first.addresses == (
        AddressRule(name="mobile", opens=time(8), closes=time(21)),
        AddressRule(name="home", opens=time(22), closes=time(0)),
    )
    assert first.results["answer human"].treatment == Treatment(app="ask", parameters={"message": "12", "yes": "no"})
    busy = Retry(count=2, intervals=(30.0, 60.5), address_looping=True, fail_state="second")
    assert first.results["call busy"].retry == busy
    assert (second.ring_timeout_s, second.detect_machine, second.otherwise) == (45.0, False, "done")


@pytest.mark.parametrize("name", [name for name in resources() if name.startswith("strategies/")])
def test_the_shipped_strategies_have_no_mistakes(name: str) -> None:
    codes = {code for app in SHIPPED_APPS for code in app.codes}
    load_for_campaign(resource(name).read_text(encoding="utf-8"), name, known_codes=codes)


MISTAKES = """\
strategy: 9lives
status: complete
handlers:
  - state: start
    call:
      ring_timeout_s: 500
      detect_machin: true
      sender: "555"
      addresses:
        - {attribute: mobile, from: 25:00, to: "21:00"}
        - {attribute: mobile, from: "09:00", to: "09:00"}
      results:
        otherwise: nowhere
        Call Busi: {retry: {count: 0, intervals_s: []}}
        Ring No Answer: {app: ask}
        Attempt In Progress: {next_state: done}
        Call Busy: {next_state: wait}
  - state: wait
    call: {addresses: [], results: {}}
"""


@pytest.mark.row(36)
def test_every_mistake_is_told_at_once_with_its_line_and_a_mend() -> None:
    with pytest.raises(BadInput) as caught:
        load_strategy(MISTAKES, "s.yaml")
    told = str(caught.value).splitlines()
    expected = [
        "s.yaml:1: strategy: must begin with a letter",
        "s.yaml:2: status: 'complete' is no status (did you mean 'completed'?)",
        "no handler has the state 'initial'",
        "s.yaml:6: handlers[0].call.ring_timeout_s: must be a number from 1 to 120",
        "s.yaml:7: handlers[0].call.detect_machin: unknown key (did you mean 'detect_machine'?)",
        "s.yaml:8: handlers[0].call.sender: must be a number in E.164",
        "s.yaml:10: handlers[0].call.addresses[0].from: '25:00' is no time of day",
        "s.yaml:11: handlers[0].call.addresses[1].attribute: 'mobile' stands in this list a second time",
        "s.yaml:11: handlers[0].call.addresses[1].to: the window is empty",
        "s.yaml:13: start.otherwise: no handler has the state 'nowhere'",
        "Call Busi: no system code has this name (did you mean 'Call Busy'?)",
        "s.yaml:14: handlers[0].call.results.Call Busi.retry.count: must be a whole number from 1 to 100",
        "s.yaml:14: handlers[0].call.results.Call Busi.retry.intervals_s: must have at least one entry",
        "s.yaml:15: handlers[0].call.results.Ring No Answer.app: no app can run on 'Ring No Answer'",
        "Attempt In Progress: is not final",
        "s.yaml:18: handlers[1].state: 'wait' is reserved",
        "s.yaml:19: handlers[1].call.addresses: must have at least one entry",
    ]
    for one in expected:
        assert any(one in line for line in told), f"{one!r} is not in\n" + "\n".join(told)
    assert len(told) == len(expected)
    lines = [int(line.split(":")[1]) for line in told]
    assert lines == sorted(lines)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the file is empty"),
        ("a: [1", "s:1: not YAML"),
        ("- 1\n- 2\n", "s:1: the file: must be a table"),
        ("a: 1\n---\nb: 2\n", "not YAML"),
        ("strategy: !!python/object/apply:os.system [id]\n", "strategy: must be a word"),
        ("[" * 5000, "not YAML"),
        ("x" * 300_000, "longer than"),
        (GOOD.replace("status: completed", "status: completed\nstatus: draft"), "s:3: status: stands here a second time"),
        (GOOD.replace("- state: second", "- state: initial"), "a second handler has the state 'initial'"),
        (GOOD.replace("        Interested:", "        CALL  BUSY:"), "has a second row"),
        (GOOD.replace("{next_state: done}", "{next_state: done, retry: {count: 1, intervals_s: [1]}}"), "no meaning beside"),
        (GOOD.replace("{next_state: done}", "{next_state: initial}"), "round and round for ever"),
        (
            GOOD.replace("Interested:", "Opted Out:").replace("{next_state: done}", "{retry: {count: 1, intervals_s: [1]}}"),
            "opted out",
        ),
        (GOOD.replace("[30, 60.5]", "[.nan]"), "must be a number of seconds"),
        (GOOD.replace("strategy: donors", "strategy: &a [*a]"), "must be a word"),
    ],
)
def test_damage_is_told_in_plain_words(text: str, told: str) -> None:
    with pytest.raises(BadInput) as caught:
        load_strategy(text, "s")
    assert told in str(caught.value)


def test_names_that_are_no_codes_are_told_when_the_campaigns_codes_are_known() -> None:
    load_strategy(GOOD, known_codes=["INTERESTED"])
    with pytest.raises(BadInput, match="did you mean 'Interestid'"):
        load_strategy(GOOD, known_codes=["Interestid"])


@pytest.mark.row(37)
def test_a_draft_is_read_and_cannot_be_used() -> None:
    draft = GOOD.replace("status: completed", "status: draft")
    assert load_strategy(draft).status is StrategyStatus.DRAFT
    with pytest.raises(BadInput, match="is a draft"):
        load_for_campaign(draft)


def test_what_is_seldom_meant_is_a_warning() -> None:
    text = GOOD.replace("ring_timeout_s: 30", "ring_timeout_s: 8").replace("Call Answered: {app: ask}", "otherwise: done")
    warnings = check_strategy(text, "s").warnings
    assert any("s:6: initial.ring_timeout_s: 8 s is short" in one for one in warnings)
    assert any("who answers hears nothing" in one for one in warnings)


@given(st.text(alphabet="ab: {}[]-\n\"'&*!|>#%@0,", max_size=60))
def test_no_text_makes_the_reader_fail_otherwise_than_by_a_plain_message(text: str) -> None:
    with pytest.raises(BadInput):
        load_strategy(text)


@given(at=st.integers(0, len(GOOD)), junk=st.text(max_size=4))
def test_a_damaged_strategy_is_read_or_refused(at: int, junk: str) -> None:
    try:
        load_strategy(GOOD[:at] + junk + GOOD[at:])
    except BadInput as exc:
        assert str(exc)  # noqa: PT017  being refused is one of two right outcomes
