"""Run one program, and kill it when whoever started us is gone, however that came about.

Started as a script with the standard library alone. Our standard input is a pipe that the starter holds open and never
writes to: when the starter dies, by kill -9 too, it closes. When we die ourselves, the kernel kills the program.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> int:
    """Run the program named by our arguments; its exit status is ours."""
    # Safe here and not in the starter: this process has one thread, and the signal follows the death of the forking thread.
    program = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, preexec_fn=_die_with_parent)
    ended = os.pidfd_open(program.pid)
    readable, _, _ = select.select([0, ended], [], [])
    if ended not in readable:
        program.kill()
    return program.wait()


if __name__ == "__main__":
    sys.exit(main())
