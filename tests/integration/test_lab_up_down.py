"""The lab comes up, stands beside others, survives what it must, and leaves nothing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.cli.lab import lab_app
from dialer.lab.errors import LabFailed
from dialer.lab.gateway_process import GatewayProcess
from dialer.lab.instance import is_ours
from dialer.lab.lab import Lab
from dialer.lab.ports import Ports
from dialer.lab.raw_call import raw_call
from dialer.settings import load_settings
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

NO_AGI = "127.0.0.1:9"


def within(seconds: float, true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def called(lab: Lab, number: str) -> list[str]:
    return list(raw_call(lab.switch, lab.trunk, number, caller_id=lab.caller_id, agi=NO_AGI))


def processes_of(folder: Path) -> list[int]:
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if is_ours(int(entry.name), folder)]


async def test_two_labs_stand_side_by_side_and_leave_nothing(tmp_path: Path) -> None:
    async with Lab.started(tmp_path / "one") as one, Lab.started(tmp_path / "two") as two:
        assert len({one.ports.ami, one.ports.switch_sip, one.ports.carrier_sip, two.ports.ami, two.ports.switch_sip}) == 5
        for lab, ending in ((one, "10"), (two, "14")):
            lines = await asyncio.to_thread(called, lab, f"+155501000{ending}")
            assert "cause" in lines[-1]
        assert [call.number for call in one.truth()] == ["+15550100010"]
        assert [call.behaviour for call in two.truth()] == ["declines"]
        pids = [one.switch_pid, one.carrier_pid, two.switch_pid, two.carrier_pid]
        assert all(pids)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert not any(tmp_path.iterdir())


async def test_a_killed_switch_comes_back_on_its_ports(tmp_path: Path) -> None:
    async with Lab.started(tmp_path / "lab") as lab:
        first, carrier, access = lab.switch_pid, lab.carrier_pid, lab.switch
        await lab.kill_switch()
        assert not is_ours(first, lab.switch_instance.folder)
        await lab.start_switch()
        assert lab.switch_pid not in (0, first)
        assert (lab.carrier_pid, lab.switch) == (carrier, access)
        assert await lab.channels() == (0, 0)


def test_a_lab_dies_with_a_starter_that_is_killed_and_its_folder_can_be_used_again(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    program = "\n".join(
        (
            "import pathlib, sys",
            "from dialer.lab.lab import Lab",
            "lab = Lab.up(pathlib.Path(sys.argv[1]))",
            "print('up', flush=True)",
            "sys.stdin.read()",
        )
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert starter.stdin is not None
    assert starter.stdout is not None
    assert starter.stdout.readline() == b"up\n"
    assert len(processes_of(folder / "switch")) == 2  # Asterisk and its keeper
    starter.kill()
    starter.wait()
    starter.stdin.close()
    starter.stdout.close()
    assert within(PATIENCE_S, lambda: not processes_of(folder / "switch") and not processes_of(folder / "carrier"))
    with Lab.running(folder) as lab:
        assert lab.switch_instance.alive()
    assert not folder.exists()


def test_a_lab_takes_no_folder_that_holds_other_files(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("keep me")
    with pytest.raises(LabFailed, match="other files"):
        Lab.up(tmp_path)
    assert (tmp_path / "precious").read_text() == "keep me"


@pytest.mark.parametrize("wrong", ["nonsense", "host:0", ":25"])
def test_an_address_for_answers_that_cannot_be_one_is_refused_before_anything_starts(tmp_path: Path, wrong: str) -> None:
    refused = CliRunner().invoke(lab_app, ["up", "--folder", str(tmp_path), "--email", "--lmtp", wrong])
    assert (refused.exit_code, "host:port" in refused.output) == (1, True)
    assert not any(tmp_path.iterdir())


def test_the_commands_start_use_and_stop_a_lab_that_outlives_its_starter(tmp_path: Path) -> None:
    where = ["--folder", str(tmp_path), "--name", "mine"]
    python = [sys.executable, "-c", "from dialer.cli.lab import lab_app; lab_app()"]
    started = subprocess.run(
        [*python, "up", *where, "--sms", "--email"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        cwd=Path(__file__).parents[2],
        env=dict(os.environ),
    )
    assert started.returncode == 0, started.stderr
    run = CliRunner().invoke
    try:
        assert (tmp_path / "mine/lab.json").stat().st_mode & 0o077 == 0  # it holds the secret
        state = json.loads((tmp_path / "mine/lab.json").read_text())
        assert is_ours(state["pids"]["switch"], tmp_path / "mine/switch")
        status = run(lab_app, ["status", *where])
        assert status.exit_code == 0
        assert "channels: switch 0, carrier 0" in status.output
        assert all(name in status.output for name in ("twilio:  ", "smpp:  ", "smtp:  ", "messages so far: none"))
        settings = load_settings(tmp_path / "mine/dialer.toml")  # a dialer for this lab; its secret is in there
        assert (settings.switch[0].port, settings.trunk[0].name) == (state["ports"]["ami"], "carrier")
        assert (tmp_path / "mine/dialer.toml").stat().st_mode & 0o077 == 0
        assert f"export OUTDIAL_CONFIG={tmp_path / 'mine/dialer.toml'}" in status.output
        gateways = GatewayProcess(folder=tmp_path / "mine/gateways", ports=Ports(**state["ports"]), sms=True, email=True)
        assert gateways.alive()
        twice = run(lab_app, ["up", *where])
        assert twice.exit_code == 1
        busy = run(lab_app, ["call", "+15550100010", *where])
        assert busy.exit_code == 0
        assert "busy (cause 17, SIP 486)" in busy.output
        odd = run(lab_app, ["call", "1&PJSIP/2", *where])
        assert odd.exit_code == 1
        calls = run(lab_app, ["logs", "--calls", *where])
        assert "+15550100010" in calls.output
        assert "==> messages <==" in run(lab_app, ["logs", *where]).output
        os.kill(gateways.pid, signal.SIGKILL)
        assert within(PATIENCE_S, lambda: not gateways.alive())
        broken = run(lab_app, ["status", *where])
        assert (broken.exit_code, "the gateways ended" in broken.output) == (1, True)
    finally:
        stopped = run(lab_app, ["down", *where])
    assert stopped.exit_code == 0, stopped.output
    assert not is_ours(state["pids"]["switch"], tmp_path / "mine/switch")
    assert not (tmp_path / "mine").exists()
    assert run(lab_app, ["status", *where]).exit_code == 1
