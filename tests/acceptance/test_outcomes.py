"""Every row of the carrier's table ends in its code, exactly one for each attempt, told by causes, the detector and the app."""

from __future__ import annotations

import pytest

from dialer.lab.behaviours import ANY_OTHER, BEHAVIOURS, behaviour_of
from tests.rig import Rig, number

pytestmark = pytest.mark.acceptance


async def test_every_row_of_the_table_ends_in_its_code(rig: Rig) -> None:
    endings = [row.ending for row in BEHAVIOURS if row.ending != ANY_OTHER]
    numbers = [number(index, ending) for index, ending in enumerate(endings)]
    job_id = rig.campaign(numbers, amd=True)
    rig.start()
    await rig.completed(job_id, 90)
    assert rig.stop() == 0
    rig.check_invariants(job_id)
    found = {one.number[-2:]: one.code for one in rig.attempts(job_id)}
    assert found == {ending: str(behaviour_of(f"+1555{ending}").code) for ending in endings}
    assert {one.number.lstrip("+") for one in rig.calls()} == {one.lstrip("+") for one in numbers}


async def test_without_a_detector_machines_are_answered_calls(rig: Rig) -> None:
    rows = [row for row in BEHAVIOURS if row.code_without_amd]
    job_id = rig.campaign([number(index, row.ending) for index, row in enumerate(rows)], amd=False)
    rig.start()
    await rig.completed(job_id, 90)
    rig.check_invariants(job_id)
    found = {one.number[-2:]: one.code for one in rig.attempts(job_id)}
    assert found == {row.ending: str(row.code_without_amd) for row in rows}
