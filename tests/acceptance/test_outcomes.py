"""Every row of the carrier's table ends in its code, exactly one for each attempt, told by causes, the detector and the app."""

from __future__ import annotations

import pytest

from dialer.lab.behaviours import ANY_OTHER, BEHAVIOURS
from tests.rig import Rig, number

pytestmark = pytest.mark.acceptance


@pytest.mark.row(8, 10, 11, 31, 32)
async def test_every_row_of_the_table_ends_in_its_code_with_a_detector_and_without(rig: Rig) -> None:
    rows = [row for row in BEHAVIOURS if row.ending != ANY_OTHER]
    undetected = [row for row in BEHAVIOURS if row.code_without_amd]
    with_amd = rig.campaign([number(index, row.ending) for index, row in enumerate(rows)], amd=True, name="With")
    without = rig.campaign([number(500 + index, row.ending) for index, row in enumerate(undetected)], name="Without")
    rig.start()
    for job_id in (with_amd, without):
        await rig.completed(job_id)
        rig.check_invariants(job_id)
    assert rig.stop() == 0
    found = {one.address[-2:]: one.code for one in rig.attempts(with_amd)}
    assert found == {row.ending: str(row.code) for row in rows}
    found = {one.address[-2:]: one.code for one in rig.attempts(without)}
    assert found == {row.ending: str(row.code_without_amd) for row in undetected}
    numbers = {one.address for job_id in (with_amd, without) for one in rig.attempts(job_id)}
    assert {one.number.lstrip("+") for one in rig.calls()} == {one.lstrip("+") for one in numbers}
