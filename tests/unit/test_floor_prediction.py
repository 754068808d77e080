"""What a shift may be expected to bring: a mean of many shifts, within what nine of ten of them are."""

from __future__ import annotations

from dataclasses import fields

import pytest

from dialer.pacing.distributions import Lognormal, steady
from dialer.pacing.floor_plan import FloorPlan
from dialer.pacing.progressive import Progressive
from dialer.services.floor_prediction import ShiftFigures, predict

pytestmark = pytest.mark.unit


def test_the_mean_lies_within_what_nine_of_ten_shifts_are() -> None:
    plan = FloorPlan(hours=0.1, agents=5, persons=steady(0.5), machines=0.0, detector=None, talk=Lognormal(15.0, 0.9))
    found = predict(plan, lambda: Progressive(lines_per_agent=1.0), shifts=20)
    for one in fields(ShiftFigures):
        least, mean, most = (getattr(side, one.name) for side in (found.least, found.mean, found.most))
        assert least <= mean <= most, one.name
    assert found.mean.abandoned == 0  # one line for each free agent leaves nobody without one
    assert found.least.placed < found.most.placed
    assert 0 < found.mean.occupancy < 1
