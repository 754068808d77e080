"""Find the processes and asyncio tasks that a test has left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

MARKER = "OUTDIAL_TEST_RUN"  # inherited through the environment, so that an orphan of a killed parent is found as well
GRACE_S = 30.0  # a process that was told to end may need a moment, and on a busy machine many of them

_shared: set[int] = set()  # processes that one fixture keeps for a whole session
_nurseries: set[int] = set()  # processes that fork for us: what they start is ours


def keep(pid: int) -> None:
    """Declare that `pid` and what it starts outlive the present test on purpose: a server shared by the session."""
    _shared.add(pid)


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """What is started inside this block outlives the present test on purpose."""
    before = _children()
    yield
    _shared.update(_children() - before)


@contextlib.contextmanager
def nursery() -> Iterator[None]:
    """What is started inside this block goes on, and its children count as those of the test that has them started."""
    before = _children()
    yield
    _nurseries.update(_children() - before)


@contextlib.contextmanager
def no_processes_left(name: str, *, grace_s: float = GRACE_S) -> Iterator[None]:
    """Fail if a process that was started inside this block is still there `grace_s` after its end."""
    mark = f"{os.getpid()}:{name}"
    before = _children()
    outer = os.environ.get(MARKER)
    os.environ[MARKER] = mark
    try:
        yield
    finally:
        if outer is None:
            os.environ.pop(MARKER, None)
        else:
            os.environ[MARKER] = outer
    left = _wait_until_empty(lambda: _unshared(_marked(mark) | (_children() - before)), grace_s)
    if left:
        raise AssertionError(
            "processes left behind by this test:\n" + "\n".join(f"  {pid}: {_command(pid)}" for pid in sorted(left))
        )


def leaked_tasks(before: set[asyncio.Task[object]]) -> list[str]:
    """Name the tasks of the running loop that were not there before and have not ended."""
    here = asyncio.current_task()
    return sorted(repr(task) for task in asyncio.all_tasks() - before if task is not here and not task.done())


def _wait_until_empty(look: Callable[[], set[int]], grace_s: float) -> set[int]:
    deadline = time.monotonic() + grace_s
    while (left := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def _unshared(pids: set[int]) -> set[int]:
    return {pid for pid in pids if not _shared & _ancestry(pid)}


def _ancestry(pid: int) -> set[int]:
    line: set[int] = set()
    while pid > 1 and pid not in line:
        line.add(pid)
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            break
    return line


def _children() -> set[int]:
    found: set[int] = set()
    for parent in ("self", *_nurseries):
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            with contextlib.suppress(OSError):  # the thread has ended meanwhile
                found.update(int(pid) for pid in children.read_text().split())
    return {pid for pid in found - _nurseries if _counts(pid)}


def _marked(mark: str) -> set[int]:
    wanted = f"{MARKER}={mark}".encode()
    found: set[int] = set()
    for environ in Path("/proc").glob("[0-9]*/environ"):
        pid = int(environ.parent.name)
        with contextlib.suppress(OSError):  # ended meanwhile, or not ours to read
            if pid != os.getpid() and pid not in _nurseries and wanted in environ.read_bytes().split(b"\0") and _counts(pid):
                found.add(pid)
    return found


def _counts(pid: int) -> bool:
    """Leave out zombies and the helpers that Python's multiprocessing keeps until the interpreter ends."""
    try:
        dead = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return False
    return not dead and "multiprocessing.resource_tracker" not in _command(pid)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return "(gone)"
