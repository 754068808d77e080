"""A strategy may send answered calls on into a dialplan of the switch's operator."""

from __future__ import annotations

import pytest

from dialer.domain.strategy import Treatment, treatment_for
from dialer.errors import BadInput
from dialer.services.strategies import load_strategy
from dialer.services.strategy_diagram import as_text

pytestmark = pytest.mark.unit

STRATEGY = """\
strategy: donors
status: completed
handlers:
  - state: initial
    call:
      addresses: [{attribute: mobile, from: "08:00", to: "21:00"}]
      results:
        otherwise: done
        ROW
"""


@pytest.mark.parametrize(
    ("written", "place"),
    [("donors", "donors,s"), ('"donors,start"', "donors,start"), ('"from-outdial_2, 100"', "from-outdial_2,100")],
)
def test_a_row_names_a_context_and_perhaps_an_extension(written: str, place: str) -> None:
    strategy = load_strategy(STRATEGY.replace("ROW", f"Answer Human: {{dialplan: {written}}}"))
    treatment = treatment_for(strategy.handler("initial"), "human")
    assert treatment == Treatment(dialplan=place)
    assert treatment.name == f"dialplan:{place}"
    assert f"dialplan {place}" in as_text(strategy)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ('Answer Human: {dialplan: "a,b,c"}', "s:9: handlers[0].call.results.Answer Human.dialplan: must be a context"),
        ('Answer Human: {dialplan: "${SHELL(id)}"}', "must be a context"),
        ('Answer Human: {dialplan: "a&b"}', "must be a context"),
        ('Answer Human: {dialplan: "a b"}', "must be a context"),
        ('Answer Human: {dialplan: ""}', "must be a context"),
        ("Answer Human: {dialplan: a, app: ask}", "has no place beside `dialplan`"),
        ("Answer Human: {dialplan: a, parameters: {x: y}}", "has no place beside `dialplan`"),
        ("Call Busy: {dialplan: a}", "the call is not up then"),
    ],
)
def test_what_cannot_be_a_place_is_told_with_its_line(row: str, told: str) -> None:
    with pytest.raises(BadInput, match="dialplan") as caught:
        load_strategy(STRATEGY.replace("ROW", row), "s")
    assert told in str(caught.value)
