"""The abandoned call rate, as the regulators reckon it."""

from __future__ import annotations

import pytest

from dialer.domain.pacing_plan import AbandonCount
from dialer.pacing.abandonment import Tally

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("tally", "formula", "rate"),
    [
        (Tally(), AbandonCount.PLAIN, 0.0),  # nobody has answered
        (Tally(connected=97, abandoned=3), AbandonCount.PLAIN, 0.03),  # the safe harbour's own limit
        # 29 drops; of those whom agents had, 9 were persons and 7 machines: 29 - 29 x 7/16 = 16.31 persons were dropped
        (Tally(connected=9, abandoned=29, agent_machines=7), AbandonCount.OFCOM, 0.6444),
        (Tally(connected=97, abandoned=3), AbandonCount.OFCOM, 0.03),  # no machine was ever presented
        (Tally(connected=96, abandoned=3, mistaken=1.0), AbandonCount.OFCOM, 0.04),  # persons whom the detector hung up on count
    ],
)
def test_the_rate_is_that_of_the_regulator(tally: Tally, formula: AbandonCount, rate: float) -> None:
    assert tally.rate(formula) == pytest.approx(rate, abs=5e-5)


def test_campaigns_of_a_group_are_reckoned_together() -> None:
    both = Tally(connected=97, abandoned=3) + Tally(connected=100)
    assert both == Tally(connected=197, abandoned=3)
    assert both.rate() == pytest.approx(0.015)
