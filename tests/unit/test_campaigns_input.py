"""What people write for a pace and a finish criterion is read, or refused with an example."""

from __future__ import annotations

import pytest

from dialer.errors import BadInput
from dialer.services.campaigns import parse_finish, parse_pace

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "per_s"),
    [("60/minute", 1), ("5/s", 5), ("1800 per hour", 0.5), (" 2.5 / Second ", 2.5), ("30/min", 0.5), ("36/h", 0.01)],
)
def test_a_pace_is_read_as_people_write_it(text: str, per_s: float) -> None:
    assert parse_pace(text).calls_per_s == pytest.approx(per_s)


@pytest.mark.parametrize("text", ["", "fast", "60", "60/day", "-5/s", "0/s", "1e9/s", "5//s", "٥/s", "inf/s"])
def test_what_is_no_pace_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadInput, match=r"pace"):
        parse_pace(text)


def test_a_finish_criterion_is_read_as_people_write_it() -> None:
    assert parse_finish(["Interested = 50", "a=b=3"]) == {"Interested": 50, "a=b": 3}
    for text in ("Interested", "=5", "x=many", "x=-1", "x="):
        with pytest.raises(BadInput, match="finish"):
            parse_finish([text])
