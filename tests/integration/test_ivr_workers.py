"""IVR worker processes: they take calls over one socket, reach the dialer by HTTP only, and are replaced when they die."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from dialer.ivr.fake_pdc import FakePdc
from dialer.ivr.workers import IvrWorkers, WorkerOptions
from dialer.ivr_apps.blood_donation import blood_donation
from dialer.web.pdc import make_pdc_app
from pdc import Contact
from tests.fake_asterisk import SwitchCall
from tests.ivr_kit import NONCE, eventually
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

TOKEN = "a-token-of-the-tests"

# A speech engine that is only Python: it writes a tenth of a second of silence.
SILENT_TTS = (
    sys.executable,
    "-c",
    "import sys, wave; sys.stdin.read(); w = wave.open(sys.stdout.buffer, 'wb'); "
    "w.setparams((1, 2, 8000, 800, 'NONE', '')); w.writeframesraw(bytes(1600))",
)

BAD_APPS = '''
"""Apps that misbehave."""
import os, re, time
from dialer import Call, Outcome, ivr_app

@ivr_app("sleeps")
async def sleeps(call: Call) -> Outcome:
    time.sleep(9999)

@ivr_app("dies")
async def dies(call: Call) -> Outcome:
    os._exit(7)

@ivr_app("prints")
async def prints(call: Call) -> Outcome:
    print("ready\\nbeat\\n" * 10)
    return Outcome.NO_INPUT
'''


@dataclass(slots=True, kw_only=True)
class Workshop:
    """Workers, the PDC that they talk to, and a way to place calls."""

    workers: IvrWorkers
    pdc: FakePdc
    address: tuple[str, int]

    async def call(self, app: str, *keys: str, limit_s: float = PATIENCE_S) -> SwitchCall:
        """Place one call and wait for its end."""
        contact = Contact(user_contact_id="1", address="+15550100", attributes={"donor": ""})
        key = self.pdc.add_call(app=app, contact=contact, nonce=NONCE)
        async with asyncio.timeout(limit_s):
            return await SwitchCall(nonce=NONCE, attempt_id=key.attempt_id, keys=keys).run(self.address)

    def code(self, call: SwitchCall) -> str:
        """Its completion code."""
        return self.pdc.calls[call.attempt_id].code


@contextlib.asynccontextmanager
async def workshop(folder: Path, workers: int, *, stall_s: float = 10.0) -> AsyncIterator[Workshop]:
    (folder / "apps").mkdir()
    (folder / "apps" / "bad_apps.py").write_text(BAD_APPS)
    (folder / "apps" / "broken.py").write_text("def (")
    pdc = FakePdc(codes=blood_donation.codes)
    runner = web.AppRunner(make_pdc_app(pdc, TOKEN), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    pdc_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    address = listener.getsockname()[:2]
    options = WorkerOptions(
        pdc_url=pdc_url,
        cache=str(folder / "cache"),
        workers=workers,
        apps=(str(folder / "apps"),),
        tts_command=SILENT_TTS,
        stall_s=stall_s,
        alone_after_s=PATIENCE_S,
        pdc_timeout_s=PATIENCE_S,
        log_level="error",
    )
    pool = IvrWorkers(listener, options, token=TOKEN)
    try:
        await pool.start()
        yield Workshop(workers=pool, pdc=pdc, address=address)
    finally:
        await pool.stop(grace_s=0.0)
        await runner.cleanup()


@pytest.mark.parametrize("workers", [0, 2])
async def test_calls_are_treated_inside_and_outside_of_the_engine(tmp_path: Path, workers: int) -> None:
    async with workshop(tmp_path, workers) as at:
        calls = await asyncio.gather(*(at.call("blood_donation", "1") for _ in range(40)))
        assert {at.code(call) for call in calls} == {"Interested in Blood Donation"}
        assert len(at.workers.pids) == workers
        broken = await at.call("broken")
        assert "cannot be loaded: SyntaxError" in at.pdc.calls[broken.attempt_id].error


async def test_a_worker_that_dies_is_replaced_and_what_waits_is_served(tmp_path: Path) -> None:
    async with workshop(tmp_path, 1) as at:
        (pid,) = at.workers.pids
        dead = await at.call("dies")
        assert not dead.hung_up_by_app  # cut: the dialplan speaks
        call = await at.call("blood_donation", "1")  # waits in the backlog for the next worker
        assert at.code(call) == "Interested in Blood Donation"
        assert at.workers.pids != (pid,)


async def test_a_worker_that_is_frozen_is_killed_and_replaced(tmp_path: Path) -> None:
    async with workshop(tmp_path, 1) as at:
        (pid,) = at.workers.pids
        os.kill(pid, signal.SIGSTOP)
        call = await at.call("blood_donation", "1")
        assert at.code(call) in ("Interested in Blood Donation", "")  # accepted by the frozen one, or by its successor
        await eventually(lambda: bool(at.workers.pids) and pid not in at.workers.pids)
        assert at.code(await at.call("blood_donation", "2")) == "Not interested in Blood Donation"


async def test_too_many_sleeping_apps_bring_a_fresh_worker_and_disturb_nobody(tmp_path: Path) -> None:
    async with workshop(tmp_path, 1, stall_s=0.5) as at:
        (pid,) = at.workers.pids
        sleepers = [asyncio.create_task(at.call("sleeps")) for _ in range(9)]
        calls = await asyncio.gather(*(at.call("blood_donation", "1") for _ in range(10)))
        assert {at.code(call) for call in calls} == {"Interested in Blood Donation"}
        for call in await asyncio.gather(*sleepers):
            assert not call.hung_up_by_app
            await eventually(lambda call=call: at.code(call) == "Application Error")  # type: ignore[misc]  # bound here
        await eventually(lambda: bool(at.workers.pids) and pid not in at.workers.pids, within_s=10)
        assert at.code(await at.call("blood_donation", "1")) == "Interested in Blood Donation"


async def test_what_an_app_prints_is_no_report_of_its_worker(tmp_path: Path) -> None:
    async with workshop(tmp_path, 1) as at:
        assert at.code(await at.call("prints")) == "No Input"


async def test_no_secret_is_on_a_command_line(tmp_path: Path) -> None:
    async with workshop(tmp_path, 1) as at:
        (pid,) = at.workers.pids
        assert TOKEN.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
        assert TOKEN.encode() not in Path(f"/proc/{pid}/environ").read_bytes()


ENGINE = """
import asyncio, socket, sys
from dialer.ivr.workers import IvrWorkers, WorkerOptions

async def main():
    listener = socket.create_server(("127.0.0.1", 0))
    options = WorkerOptions(pdc_url="http://127.0.0.1:1", cache=sys.argv[1], tts_command=(), workers=2)
    workers = IvrWorkers(listener, options, token="a-token-of-the-tests")
    await workers.start()
    while len(workers.pids) < 2:
        await asyncio.sleep(0.05)
    print(*workers.pids, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_workers_die_with_their_dialer(tmp_path: Path) -> None:
    engine = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ENGINE, str(tmp_path), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert engine.stdout is not None
    pids = [int(word) for word in (await engine.stdout.readline()).split()]
    assert len(pids) == 2
    engine.kill()
    await engine.wait()
    await eventually(lambda: not any(_alive(pid) for pid in pids))


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
