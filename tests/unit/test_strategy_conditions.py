"""What strategies ask of contacts: the ten operators, restrictions, selectors and senders, and how they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.condition import Condition, Operator
from dialer.domain.restriction import CustomRestriction, Restriction, RestrictionKind, restricted_by
from dialer.domain.strategy import CallHandler
from dialer.errors import BadInput
from dialer.resources import resource
from dialer.services.strategies import check_strategy, load_strategy
from dialer.services.strategy_diagram import as_text

pytestmark = pytest.mark.unit


def is_so(value: str, operator: str, *values: str) -> bool:
    return Condition(attribute="X", operator=Operator(operator), values=values).holds({"x": value})


@pytest.mark.row(50)
@pytest.mark.parametrize(
    ("value", "operator", "values", "expected"),
    [
        ("Boston", "equals", ["BOSTON"], True),
        ("10", "equals", ["10.0"], True),  # numbers are compared as numbers
        ("+1", "equals", ["1"], False),  # a telephone number is a text
        ("", "equals", [""], False),  # what is not there equals nothing
        ("Boston", "not_equals", ["Austin"], True),
        ("", "not_equals", ["Austin"], True),
        ("Austin", "not_equals", ["austin"], False),
        ("9", "greater_than", ["10"], False),  # as texts it would be
        ("11", "greater_than", ["10"], True),
        ("many", "greater_than", ["10"], False),  # a number is neither greater nor less than a text
        ("2026-03-02", "greater_than", ["2026-02-28"], True),
        ("2026-03-02T10:00:00+02:00", "less_than", ["2026-03-02T09:00:00+00:00"], True),
        ("9", "less_than", ["10"], True),
        ("", "less_than", ["10"], False),
        ("18", "between", ["18", "65"], True),  # both ends included
        ("65", "between", ["18", "65"], True),
        ("66", "between", ["18", "65"], False),
        ("m", "between", ["a", "n"], True),
        ("San Jose", "starts_with", ["san"], True),
        ("Santa", "starts_with", ["san "], False),
        ("New Boston", "contains", ["boston"], True),
        ("New", "contains", ["boston"], False),
        ("  ", "is_null", [], True),
        ("x", "is_null", [], False),
        ("x", "is_not_null", [], True),
        ("", "is_not_null", [], False),
        ("b", "one_of", ["a", "B"], True),
        ("c", "one_of", ["a", "b"], False),
    ],
)
def test_each_operator_says_what_it_means(value: str, operator: str, values: list[str], expected: bool) -> None:
    assert is_so(value, operator, *values) is expected


@pytest.mark.row(50)
def test_all_ten_operators_are_there() -> None:
    assert len(Operator) == 10


@given(value=st.text(max_size=12), other=st.text(min_size=1, max_size=12), operator=st.sampled_from(list(Operator)))
def test_no_value_makes_a_condition_fail_otherwise_than_by_not_holding(value: str, other: str, operator: Operator) -> None:
    values = {Operator.BETWEEN: (other, other), Operator.IS_NULL: (), Operator.IS_NOT_NULL: ()}.get(operator, (other,))
    held = Condition(attribute="x", operator=operator, values=values).holds({"x": value})
    assert held in (True, False)
    if operator is Operator.EQUALS:
        opposite = Condition(attribute="x", operator=Operator.NOT_EQUALS, values=values)
        assert opposite.holds({"x": value}) is not held


def condition(value: str) -> tuple[Condition, ...]:
    return (Condition(attribute="x", operator=Operator.EQUALS, values=(value,)),)


@pytest.mark.row(45)
def test_a_permanent_restriction_goes_before_a_temporary_one_and_of_those_the_slowest_counts() -> None:
    slow = Restriction(when=condition("1"), kind=RestrictionKind.TEMPORARY, recheck_s=600)
    quick = Restriction(when=condition("1"), kind=RestrictionKind.TEMPORARY)
    final = Restriction(when=condition("1"))
    assert restricted_by([quick, slow], {"x": "1"}) is slow
    assert restricted_by([quick, slow, final], {"x": "1"}) is final
    assert restricted_by([quick, slow, final], {"x": "2"}) is None
    assert quick.recheck_s == 60


def test_an_exception_lets_through() -> None:
    held = Restriction(when=condition("1"), unless=(Condition(attribute="vip", operator=Operator.IS_NOT_NULL),))
    assert restricted_by([held], {"x": "1"}) is held
    assert restricted_by([held], {"x": "1", "vip": "yes"}) is None


NOTICE = resource("strategies/credit_card_notice.yaml").read_text(encoding="utf-8")


@pytest.mark.row(36)
def test_the_shipped_notice_is_read_with_all_that_it_asks() -> None:
    strategy = load_strategy(NOTICE)
    assert strategy.asks_attributes
    assert strategy.enter("initial", {"days_late": "0"})[0] == "done"
    assert strategy.enter("initial", {"days_late": "61"})[0] == "overdue"
    assert strategy.enter("initial", {"days_late": "61", "segment": "Premium"})[0] == "friendly"
    friendly = strategy.handler("friendly")
    assert isinstance(friendly, CallHandler)
    assert friendly.sender_for({"city": "boston"}) == "+16175550100"
    assert friendly.sender_for({"city": "San Jose"}) == "+14155550100"
    assert friendly.sender_for({}) == ""
    assert [one.kind.value for one in friendly.restrictions] == ["permanent", "temporary"]
    assert friendly.restrictions[1].recheck_s == 3600
    assert (friendly.wait.for_s, friendly.wait.then) == (172800, "overdue")


@pytest.mark.row(36)
@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("less_than: 1", "les_than: 1", "s:10: handlers[0].selector.conditions[0].when.les_than: unknown key (did you mean"),
        ("{attribute: days_late, less_than: 1}", "{attribute: days_late}", "has no operator, and needs one"),
        ("less_than: 1", "less_than: 1, equals: 2", "has 2 operators, and needs one"),
        ("one_of: [deceased, bankrupt]", "one_of: deceased", "when.one_of: must be a list"),
        ("one_of: [deceased, bankrupt]", "between: [1]", "must be a list of two values"),
        ("is_not_null: true", "is_not_null: false", "must be true (or ask is_null: true)"),
        ("starts_with: San", 'starts_with: ""', "compares with nothing"),
        ("type: permanent", "type: permanant", "no type of restriction (did you mean 'permanent'?)"),
        ("type: permanent", "type: permanent, recheck_s: 5", "is not looked at again"),
        ("recheck_s: 3600", "recheck_s: 0", "must be a number from 1"),
        ("otherwise: friendly", "otherwise: frendly", "s:12: selector.otherwise: no handler has the state 'frendly' (did you"),
        ("otherwise: friendly", "otherwise: wait", "nothing would ever move the contact on from 'wait' here"),
        ('"+16175550100"', '"617"', "number: must be a number in E.164"),
        ("retry_count: per_code", "retry_count: per-code", "did you mean 'per_code'?"),
        ("no_suitable_address: done", "no_suitable_address: stop", "no_suitable_address: 'stop' is not known here"),
        ("then: overdue", "then: wait", "friendly.wait: nothing would ever move the contact on"),
        ("then: overdue", "then: friendly", "round and round for ever"),
        ("- state: initial ", "- state: first ", "must be the first handler"),
    ],
)  # fmt: skip
def test_what_is_written_wrongly_is_told_with_its_line_and_a_mend(old: str, new: str, told: str) -> None:
    assert old in NOTICE
    with pytest.raises(BadInput) as caught:
        load_strategy(NOTICE.replace(old, new), "s")
    assert told in str(caught.value)


def test_a_selector_alone_and_one_in_the_middle_are_refused() -> None:
    head = "strategy: s\nstatus: completed\nhandlers:\n"
    selector = "{selector: {conditions: [{when: {attribute: a, equals: b}, next_state: done}]}, state: %s}\n"
    call = '{state: %s, call: {addresses: [{attribute: m, from: "08:00", to: "09:00"}], results: {otherwise: done}}}\n'
    with pytest.raises(BadInput, match="a selector alone calls nobody"):
        load_strategy(f"{head}  - {selector % 'initial'}")
    with pytest.raises(BadInput, match="must be the first handler"):
        load_strategy(f"{head}  - {call % 'initial'}  - {selector % 'later'}")


def test_a_wait_to_which_nothing_leads_is_a_warning() -> None:
    text = NOTICE.replace("next_state: wait", "next_state: done")
    assert any("friendly.wait: no row leads to 'wait'" in one for one in check_strategy(text, "s").warnings)


CUSTOM = """\
strategy: s
status: completed
handlers:
  - state: initial
    call:
      addresses: [{attribute: mobile, from: "00:00", to: "24:00"}]
      restrictions: [{custom: credit, type: temporary, recheck_s: 600}, {custom: claims}]
      results: {otherwise: done, Answer Human: {app: ask}}
"""


@pytest.mark.row(51)
def test_custom_restrictions_are_read_and_drawn() -> None:
    handler = load_strategy(CUSTOM).handler("initial")
    assert handler.restrictions == ()
    assert handler.custom_restrictions == (
        CustomRestriction(name="credit", kind=RestrictionKind.TEMPORARY, recheck_s=600),
        CustomRestriction(name="claims"),
    )
    assert "not called (temporary): whom credit holds back" in as_text(load_strategy(CUSTOM))
    with pytest.raises(BadInput, match="when: has no place beside `custom`"):
        load_strategy(CUSTOM.replace("custom: claims", "custom: claims, when: {attribute: a, equals: b}"))
    with pytest.raises(BadInput, match="must be the name of a custom restriction"):
        load_strategy(CUSTOM.replace("custom: claims", "custom: '1'"))
