"""The carrier's own log shows that the cap on new calls is kept, however fast the jobs would like to go."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from dialer.domain.codes import SystemCode
from tests.rig import Rig, number

pytestmark = pytest.mark.acceptance

CAP = 8


def most_in_a_second(moments: list[datetime]) -> int:
    """The most arrivals in any sliding second."""
    ordered = sorted(moments)
    return max(sum(0 <= (later - first).total_seconds() < 1 for later in ordered) for first in ordered)


@pytest.mark.row(73)
async def test_in_no_sliding_second_do_more_calls_arrive_than_the_cap(rig: Rig) -> None:
    rig.cps = CAP
    both = [
        rig.campaign([number(300 * place + index, "12") for index in range(30)], pace_per_s=50, name=f"Fast-{place}")
        for place in range(2)
    ]
    rig.start()
    watch = rig.watch()
    for job_id in both:
        await rig.completed(job_id)
        rig.check_invariants(job_id)
        assert rig.codes(job_id) == {SystemCode.INVALID_NUMBER: 30}
    arrived = [one.at for one in rig.calls()]
    assert len(arrived) == 60
    assert most_in_a_second(arrived) <= CAP
    assert max(arrived) - min(arrived) < timedelta(seconds=60 / CAP * 1.5 + watch.lost_s()), "and the cap is made use of"
