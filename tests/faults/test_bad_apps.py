"""Apps that hang, fall over or are missing, and strangers at the IVR port, while other people's calls go on undisturbed."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dialer.domain.attempt import Attempt
from dialer.domain.codes import SystemCode
from dialer.domain.ids import JobId
from dialer.lab.behaviours import INTERESTED
from tests.rig import ANSI, APPS, Rig, number

pytestmark = pytest.mark.faults

BAD = ("hangs", "blocks", "raises", "mute", "no_such_app")
STALL_S = 3.0  # as the rig's settings say
APOLOGY_S = 12.0  # to notice, to end the app, to speak, to hang up


def worker_pids(rig: Rig) -> set[int]:
    """The IVR workers of the dialer."""
    assert rig.process is not None
    children = Path(f"/proc/{rig.process.pid}/task/{rig.process.pid}/children").read_text().split()
    return {int(pid) for pid in children if b"dialer.ivr_worker" in Path(f"/proc/{pid}/cmdline").read_bytes()}


def talk_s(one: Attempt) -> float:
    """From the answer to the hang-up."""
    assert one.answered_at is not None
    assert one.ended_at is not None
    return (one.ended_at - one.answered_at).total_seconds()


def median_talk_s(rig: Rig, job_id: JobId) -> float:
    times = sorted(talk_s(one) for one in rig.attempts(job_id))
    return times[len(times) // 2]


async def test_bad_apps_end_with_an_apology_and_disturb_nobody(rig: Rig) -> None:
    rig.apps = APPS
    alone = rig.campaign([number(index, "01") for index in range(12)], pace_per_s=6, name="Alone")
    rig.start()
    await rig.completed(alone)
    workers = worker_pids(rig)
    bad = {
        app: rig.campaign(
            [number(100 + 10 * place + index, "30") for index in range(3)], app=app, pace_per_s=3, name=f"Bad-{app}"
        )
        for place, app in enumerate(BAD)
    }
    watch = rig.watch()
    good = rig.campaign([number(index, "01") for index in range(30)], pace_per_s=6, name="Good")
    await rig.completed(good)
    for app, job_id in bad.items():
        await rig.completed(job_id)
        rig.check_invariants(job_id)
        assert rig.codes(job_id) == {SystemCode.APPLICATION_ERROR: 3}, app
        limit = (STALL_S if app in ("hangs", "blocks") else 0.0) + APOLOGY_S + watch.lost_s()
        for one in rig.attempts(job_id):
            assert 1.0 < talk_s(one) < limit, f"{app}: {talk_s(one):.1f} s, the time of an apology"
    rig.check_invariants(good)
    assert rig.codes(alone) == {INTERESTED: 12}
    assert rig.codes(good) == {INTERESTED: 30}
    shift = median_talk_s(rig, good) - median_talk_s(rig, alone)
    assert shift < 0.7 + watch.lost_s(), f"good calls took {shift:.2f} s longer beside the bad ones"
    assert worker_pids(rig) == workers, "no worker had to be replaced"
    assert rig.stop() == 0


def ivr_port(rig: Rig) -> int:
    """Where the dialer waits for answered calls."""
    found = re.findall(r"dialer up .*?ivr=127\.0\.0\.1:(\d+)", ANSI.sub("", rig.log()))
    return int(found[-1])


async def knock(port: int, said: bytes, stay_s: float) -> None:
    """Connect, say something, stay a while, and go without a word."""
    with contextlib.suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(said)
            await asyncio.sleep(stay_s)
        finally:
            writer.transport.abort()


async def drip(port: int) -> None:
    """Say one byte after the other and never come to an end (a slowloris)."""
    with contextlib.suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for byte in b"agi_network: yes\nagi_network_script: call\n" * 4:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.2)
        finally:
            writer.transport.abort()


async def test_a_scan_of_the_ivr_port_during_50_calls_changes_nothing(rig: Rig) -> None:
    job_id = rig.campaign([number(index, "01") for index in range(60)], pace_per_s=20)
    rig.start()
    await rig.until(lambda: rig.up(job_id) >= 5, "calls are up")
    port, strangers = ivr_port(rig), set()
    agi = b"agi_network: yes\nagi_network_script: call\nagi_arg_1: %s\nagi_arg_2: %s\n\n"
    garbage = [
        b"",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + secrets.token_bytes(200),
        b"\n\n\n\n",
        b"agi_" + b"x" * 70_000,
        agi % (b"01m83gkcn5pn97z0qzenvsm1td", b"wrong"),
        agi % (b"../../etc/passwd", b"$(id)"),
        secrets.token_bytes(3000),
    ]
    begun = datetime.now(UTC)
    for index in range(200):
        strangers.add(asyncio.create_task(knock(port, garbage[index % len(garbage)], 0.0 if index % 2 else 1.0)))
        if index % 10 == 0:
            strangers.add(asyncio.create_task(drip(port)))
        await asyncio.sleep(0.01)
    await rig.completed(job_id)
    for stranger in strangers:
        stranger.cancel()
    await asyncio.gather(*strangers, return_exceptions=True)
    rig.check_invariants(job_id)
    assert rig.codes(job_id) == {INTERESTED: 60}, rig.log()
    during = [one for one in rig.attempts(job_id) if one.ended_at is not None and one.ended_at > begun]
    assert len(during) >= 10, "calls were up while the strangers knocked"
    assert rig.stop() == 0
