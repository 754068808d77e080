"""The lab with SIPp in the carrier's place: a real switch, and as many callees as it can take."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from bench.callee import Callees, callees
from dialer.lab.lab import Lab

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class LoadLab:
    """`lab.switch` and `lab.trunk` are what a dialer needs; `callees.heard()` is the truth about its calls."""

    lab: Lab
    callees: Callees
    folder: Path

    def asterisk_cpu_s(self) -> float:
        """The CPU time that the switch has used."""
        return cpu_s(self.lab.switch_pid)


@contextlib.asynccontextmanager
async def load_lab(*, ring_ms: int = 300, press_after_ms: int = 1000) -> AsyncIterator[LoadLab]:
    """A switch whose trunk leads to SIPp callees, for as long as the block runs."""
    with tempfile.TemporaryDirectory(prefix="outdial-bench-") as name:
        folder = Path(name)
        async with Lab.started(folder / "lab", say=print) as lab:
            await asyncio.to_thread(lab.carrier_instance.stop)
            with callees(folder, lab.ports.carrier_sip, ring_ms=ring_ms, press_after_ms=press_after_ms) as people:
                yield LoadLab(lab, people, folder)


def cpu_s(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S
