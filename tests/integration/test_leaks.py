"""What a test leaves behind is found, even when its parent is gone."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.forked import Forked
from tests.leaks import keep, leaked_tasks, no_processes_left
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration


def test_a_child_that_was_forgotten_is_named() -> None:
    with pytest.raises(AssertionError, match="sleep 61"), no_processes_left("forgotten child", grace_s=0.1):
        child = subprocess.Popen(["sleep", "61"])
    child.kill()
    child.wait()


def test_an_orphan_of_a_dead_parent_is_found() -> None:
    orphan = ["sh", "-c", "sleep 62 >/dev/null 2>&1 & echo $!"]
    with pytest.raises(AssertionError, match="sleep 62"), no_processes_left("orphan", grace_s=0.1):
        shell = subprocess.run(orphan, check=True, capture_output=True, text=True)
    os.kill(int(shell.stdout), signal.SIGKILL)


def test_a_server_that_the_session_shares_is_no_leak_nor_are_its_own_children() -> None:
    with no_processes_left("shared server", grace_s=0.1):
        server = subprocess.Popen(["sh", "-c", "sleep 63 & echo $!; wait"], stdout=subprocess.PIPE, text=True)
        keep(server.pid)
        assert server.stdout is not None
        worker = int(server.stdout.readline())
        server.stdout.close()
    os.kill(worker, signal.SIGKILL)
    server.wait()


def test_a_program_that_was_forked_is_a_child_like_any_other_and_dies_by_the_name_of_its_signal(tmp_path: Path) -> None:
    said = tmp_path / "said.log"
    found = ""
    try:
        with no_processes_left("forked", grace_s=0.1):
            waits = Forked("dialer.source_worker", out=said)  # for a line that says what is to be done
    except AssertionError as left:
        found = str(left)
    assert waits.poll() is None, said.read_text()
    assert "processes left behind" in found
    waits.kill()
    assert waits.wait(PATIENCE_S) == -signal.SIGKILL
    with no_processes_left("ended"):
        assert Forked("dialer", "--help").wait(PATIENCE_S) == 0


async def test_a_task_that_was_forgotten_is_named() -> None:
    before = asyncio.all_tasks()
    task = asyncio.create_task(asyncio.Event().wait(), name="forgotten")
    assert "forgotten" in "".join(leaked_tasks(before))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert leaked_tasks(before) == []
