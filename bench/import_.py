"""How fast a million people come onto a list with every check on, in how much memory, and whether calls can write meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.bare_probe import percentile_ms
from bench.databases import opened, postgres
from bench.people import CHECKS, People, area_codes, zone_of
from dialer.domain.ids import OrgId
from dialer.domain.node_status import NodeStatus
from dialer.services.area_codes import area_code
from dialer.services.imports import ImportOptions, ImportReport, import_contacts
from dialer.store.store import Store

ROWS = 1_000_000
BESIDE = 10  # the import beside a dialer's writes has this part of the rows
EVERY_S = 0.02  # such a dialer writes so often
SAMPLE_S = 0.1
TICKS_PER_S = os.sysconf("SC_CLK_TCK")

OPTIONS = ImportOptions(check_patterns=True, check_formats=True, check_dnc=True, on_duplicate="update")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """One database."""

    rows_per_s: float
    peak_rss_mb: float  # all processes of the import, each at its own peak
    cpu_us_per_row: float  # the same; a database server comes on top
    write_ms_p50: float  # how long somebody else's small write takes while an import runs ...
    write_ms_p99: float
    write_ms_max: float
    alone_ms_p99: float  # ... and while none does


class Processes:
    """What the children of this process use, those that begin after it is made."""

    def __init__(self) -> None:
        self._before = set(_descendants(os.getpid()))
        self._peak_kb: dict[int, int] = {}
        self._ticks: dict[int, int] = {}

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            for pid in set(_descendants(os.getpid())) - self._before:
                with contextlib.suppress(OSError, ValueError, IndexError):  # it has just ended
                    self._look(pid)
            await asyncio.sleep(SAMPLE_S)

    def _look(self, pid: int) -> None:
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        if "VmHWM" in status:
            self._peak_kb[pid] = int(status["VmHWM"].split()[0])
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        self._ticks[pid] = int(fields[11]) + int(fields[12])

    @property
    def peak_mb(self) -> float:
        return sum(self._peak_kb.values()) / 1024

    @property
    def cpu_s(self) -> float:
        return sum(self._ticks.values()) / TICKS_PER_S


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *_descendants(child)]
    return found


async def measure(store: Store, folder: Path, rows: int) -> ImportResult:
    """All figures of one database. Ends the program when a counter of the import is not exact."""
    store.migrate()
    org = await store.write(lambda tx: tx.organisations.ensure("default"))
    people = People(rows)
    await _prepare(store, org, people)
    people.write(folder / "people.csv")
    processes = Processes()
    async with _running(processes.watch()):
        began = time.monotonic()
        report = await import_contacts(store, org, folder / "people.csv", "People", OPTIONS)
        took_s = time.monotonic() - began
    _check(report, people)
    more = People(max(rows // BESIDE, 1), seed=8, first_id=rows + 1)
    more.write(folder / "more.csv")
    alone, waits = list[float](), list[float]()
    async with _running(_write(store, alone)):
        await asyncio.sleep(3)
    async with _running(_write(store, waits)):
        await import_contacts(store, org, folder / "more.csv", "People", OPTIONS)
    return ImportResult(
        rows_per_s=round(rows / took_s, 1),
        peak_rss_mb=round(processes.peak_mb, 1),
        cpu_us_per_row=round(processes.cpu_s / rows * 1e6, 1),
        write_ms_p50=percentile_ms(waits, 50),
        write_ms_p99=percentile_ms(waits, 99),
        write_ms_max=round(max(waits) * 1000, 1),
        alone_ms_p99=percentile_ms(alone, 99),
    )


async def _prepare(store: Store, org: OrgId, people: People) -> None:
    await store.write(lambda tx: tx.contact_rules(org).set_phone_checks(CHECKS))
    await store.write(lambda tx: tx.dnc(org).add_many((one, "bench") for one in people.dnc))
    await store.write(lambda tx: tx.area_codes(org).put([area_code("1", one, zone_of(one)) for one in area_codes()]))


def _check(report: ImportReport, people: People) -> None:
    expected = asdict(people.expected)
    seen = {"rows": report.processed, **{name: getattr(report, name) for name in expected if name != "rows"}}
    if seen != expected:
        raise SystemExit(f"the import counted {seen}, and not {expected}")


@contextlib.asynccontextmanager
async def _running(work: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(work, name="beside")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _write(store: Store, waits: list[float]) -> None:
    """Write as a dialer does while calls run: a small write, on disk before the next one."""
    while True:
        began = time.monotonic()
        await store.write(lambda tx: tx.node_statuses.put(NodeStatus(node="bench", at=tx.now)))
        waits.append(time.monotonic() - began)
        await asyncio.sleep(EVERY_S)


async def _both(rows: int) -> dict[str, ImportResult]:
    results = {}
    with tempfile.TemporaryDirectory(prefix="outdial-bench-") as name:
        folder = Path(name)
        async with opened(f"sqlite:///{folder}/outdial.sqlite3") as store:
            results["sqlite"] = await measure(store, folder, rows)
        with postgres(folder) as url:
            async with opened(url) as store:
                results["postgresql"] = await measure(store, folder, rows)
    return results


def main() -> None:
    """A million rows into each database, or as BENCH_IMPORT_ROWS says."""
    rows = int(os.environ.get("BENCH_IMPORT_ROWS", ROWS))
    load = round(os.getloadavg()[0], 2)
    results = asyncio.run(_both(rows))
    figures = {name: asdict(one) for name, one in results.items()}
    print(json.dumps({"bench": "import", **figures, "rows": rows, "load_before": load}), flush=True)


if __name__ == "__main__":
    main()
