"""The dialer is killed at every point of its road (K0 to K9) and started again: nobody is called twice, nobody is lost."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from dialer.domain.codes import SystemCode
from dialer.lab.behaviours import INTERESTED, NOT_INTERESTED
from tests.rig import Rig, number

pytestmark = pytest.mark.faults

ENDINGS = ("01", "14", "10", "04", "12", "01", "02", "14")
EXPECTED = {
    "01": INTERESTED,
    "02": NOT_INTERESTED,
    "04": INTERESTED,
    "10": SystemCode.CALL_BUSY,
    "12": SystemCode.INVALID_NUMBER,
    "14": SystemCode.CALL_REJECTED,
}

# What an attempt that was in flight when the dialer died may end with instead of what the callee did.
AFTERMATH = {
    SystemCode.UNKNOWN,
    SystemCode.INTERRUPTED,
    SystemCode.NUISANCE_CALL,
    SystemCode.DISCONNECTED_BY_USER,
    SystemCode.NOT_LAUNCHED,
}


@pytest.mark.row(85)
@pytest.mark.parametrize(
    "failpoints",
    [
        # contacts selected, claim not committed; claimed, no intent; intent on disk, nothing written to the switch;
        # the order is written, its response has not come; the order is accepted
        ("K0:kill9@2", "K1:kill9@2", "K2:kill9@3", "K3:kill9@4", "K4:kill9@4"),
        # ringing; answered, the app not yet connected; inside the IVR app; hung up, the code not committed; it is committed
        ("K5:kill9@2", "K6:kill9@3", "K7:kill9@3", "K8:kill9@3", "K9:kill9@3"),
    ],
)
async def test_a_killed_dialer_calls_nobody_twice_and_loses_nobody(
    make_rig: Callable[[str], Rig], failpoints: Sequence[str]
) -> None:
    """Five at a time, beside each other on one switch: none may touch another's calls."""
    async with asyncio.TaskGroup() as group:
        for one in failpoints:
            group.create_task(killed_and_started_again(make_rig(one[:2]), one))


async def test_a_killed_dialer_is_as_safe_on_postgresql(rig: Rig, postgres_url: str) -> None:
    rig.database_url, rig.anew = postgres_url, True
    await killed_and_started_again(rig, "K3:kill9@4", first_number=83_000)


async def killed_and_started_again(rig: Rig, failpoint: str, *, first_number: int | None = None) -> None:
    rig.workers = 1
    contacts = 24
    # Numbers that no other test of the session calls: so the network's own log can be asked about them, whatever the ledger says.
    first = 81_000 + 100 * int(failpoint[1]) if first_number is None else first_number
    numbers = [number(first + index, ENDINGS[index % len(ENDINGS)]) for index in range(contacts)]
    job_id = rig.campaign(numbers, pace_per_s=8, max_ports=12)
    rig.start(OUTDIAL_FAIL=failpoint)
    await rig.died()
    assert rig.process is not None
    assert rig.process.returncode == -signal.SIGKILL
    before = {one.id for one in rig.attempts(job_id)}
    watch = rig.watch()
    rig.start()
    if len(before) < contacts:
        await rig.until(lambda: len({one.attempt_id for one in rig.calls()} - before) > 0, "dialling resumes")
        assert watch.spent_s() <= 10, "dialling resumes within 10 s"
    await rig.completed(job_id)
    assert await asyncio.to_thread(rig.stop) == 0
    rig.check_invariants(job_id)
    assert not rig.overlapping(job_id)
    wanted = {one.lstrip("+") for one in numbers}
    dialled = Counter(one.number.lstrip("+") for one in rig.lab.truth() if one.number.lstrip("+") in wanted)
    assert max(dialled.values()) == 1, f"called more than once: {[one for one, calls in dialled.items() if calls > 1]}"
    assert {one.address for one in rig.attempts(job_id)} == set(numbers), "every contact was attempted"
    for one in rig.attempts(job_id):
        allowed = {EXPECTED[one.address[-2:]]} | (AFTERMATH if one.id in before else set())
        assert one.code in allowed, f"{one.address[-2:]}: {one.code} ({one.code_source})"
