"""Programs of ours that start at once: forked from a process that has them loaded, not started from a file anew.

A dialer computes for a second and a half before its first line runs; the tests start dialers by the dozen. What runs is the same
program with words, environment and files of its own, to be killed like any other. The promise of a start's time, and the command
as users type it, are tested on programs that are started as users start them.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import multiprocessing
import multiprocessing.forkserver
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from tests.leaks import nursery

LOADED = ("dialer.cli.serve", "dialer.cli.retention", "dialer.services.run_source", "tests.message_child")
FROM_THE_ENVIRONMENT = "dialer.failpoints"  # what is read from it when it is loaded

_parent = multiprocessing.get_context("forkserver")
_parent.set_forkserver_preload(list(LOADED))


class Forked:
    """One such program; the names are those of `subprocess.Popen`."""

    def __init__(self, *words: str, out: Path | None = None, env: Mapping[str, str] | None = None) -> None:
        """Start `python -m WORDS`. What it prints is added to the file `out`; without one it is lost."""
        _begin()
        given, self._stdin = _parent.Pipe(duplex=False)
        with given:
            what = (words, str(out or os.devnull), dict(os.environ if env is None else env), given)
            self._process = _parent.Process(target=_run, args=what, daemon=True)
            self._process.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended, as far as somebody has looked; less than nothing: by this signal."""
        return self._process.exitcode

    def tell(self, said: bytes) -> None:
        """Write to its standard input, which stays open until it has ended."""
        os.write(self._stdin.fileno(), said)

    def poll(self) -> int | None:
        """How it ended; None where it has not."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises TimeoutExpired."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        self._stdin.close()
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        """Quiet where it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would."""
        self.send_signal(signal.SIGKILL)


@functools.cache
def _begin() -> None:
    with nursery():
        multiprocessing.forkserver.ensure_running()


def _run(words: Sequence[str], out: str, env: Mapping[str, str], given: Connection) -> None:
    os.environ.clear()
    os.environ.update(env)
    written = os.open(out, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for source, target in ((given.fileno(), 0), (written, 1), (written, 2)):
        os.dup2(source, target)
    given.close()
    os.close(written)
    sys.stdin = os.fdopen(0, encoding="utf-8")  # multiprocessing gives its children none
    sys.path[:0] = [one for one in env.get("PYTHONPATH", "").split(os.pathsep) if one]
    importlib.reload(importlib.import_module(FROM_THE_ENVIRONMENT))
    module, *rest = words
    sys.modules.pop(module, None)
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
