"""Carry out the runs of data sources, each in a process of its own, and take up those that were interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog

from dialer.domain.data_source import OVER, DataSource, ImportRun, RunState
from dialer.domain.ids import ImportRunId
from dialer.domain.imports import ImportReport
from dialer.errors import NotFound, OutdialError, RunTaken, StoreDown
from dialer.ports import Clock
from dialer.store.store import Store
from dialer.tasks import Tasks
from dialer.to_its_end import to_its_end

log = structlog.get_logger()

WORKER = "dialer.source_worker"  # by name, as `python -m` finds it: it stands above this layer
GROUP = "outdial.import_sources"  # the entry points of programs that give rows
TROUBLE = 75  # the exit status of a worker that met what may be over the next time (EX_TEMPFAIL)
NICENESS = 10
LOOK_S = 1.0
LEASE = timedelta(seconds=15)  # a run whose process has not been heard of for so long is taken up by another
REAP_S = 10.0
RENEW_S = 1.0  # and so soon a pause or a cancellation ends the process
PAUSES_S = (1.0, 5.0, 20.0)  # before each new try; one more failure without a row read in between is the end

Access = Callable[[DataSource], Mapping[str, Any]]
"""What a worker must know to reach a source, from the settings. Raises BadInput when they do not name it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOrder:
    """What a worker is told, by standard input: secrets must stand in no list of processes."""

    database_url: str = field(repr=False)
    run_id: int
    owner: str
    folder: str
    access: Mapping[str, Any] = field(repr=False)
    log_level: str = "info"
    log_json: bool = False

    def to_line(self) -> bytes:
        """One line of JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: str) -> RunOrder:
        """Read what `to_line` wrote."""
        return cls(**json.loads(line))


@dataclass(frozen=True, slots=True, kw_only=True)
class ImporterOptions:
    """How runs are carried out here."""

    who: str  # "dialer node1": nobody else is called so at the same time
    folder: Path  # for the files of refused rows, and for files that are fetched
    most: int = 2  # runs at the same time; 0 = none
    log_level: str = "info"
    log_json: bool = False


class Importer:
    """Takes runs from the queue. Every batch is written under the name of the process that holds the run, or not at all."""

    def __init__(self, *, store: Store, clock: Clock, access: Access, options: ImporterOptions) -> None:
        self._store, self._clock, self._access, self._options = store, clock, access, options
        self._working = Tasks()

    async def run(self) -> None:
        """Look for runs for ever. Whatever was held under our name is free: its holder is gone, for we are here."""
        released = False
        async with asyncio.TaskGroup() as group:
            while self._options.most:
                try:
                    if not released:
                        await self._release_all()
                        released = True
                    await self._look(group)
                except StoreDown as down:
                    log.error("the database does not answer", reason=str(down))
                except Exception:  # what goes wrong with imports may not end the dialling
                    log.exception("data sources are not looked after")
                await self._clock.sleep(LOOK_S)

    async def carry_out(self, run_id: ImportRunId) -> None:
        """Carry out one run in the foreground, as soon as nobody else holds it. Returns when it is over or paused.

        Cancelled, it leaves the run to the next dialer.
        """
        while (await self._store.read(lambda tx: tx.import_runs(None).get(run_id))).state in (RunState.QUEUED, RunState.RUNNING):
            if (run := await self._claim(only=run_id)) is not None:
                await self._see_through(run)
            else:
                await self._clock.sleep(LOOK_S)

    async def _release_all(self) -> None:
        prefix = f"{self._options.who}:"
        taken = await self._store.write(lambda tx: tx.import_runs(None).release_all(prefix))
        log.info("interrupted runs of data sources", runs=taken)
        for left in fetched_folder(self._options.folder).glob("[0-9]*.csv*"):
            if (number := left.name.partition(".")[0]).isdigit():
                await self._forget_fetched(left, ImportRunId(int(number)))

    async def _look(self, group: asyncio.TaskGroup) -> None:
        while len(self._working) < self._options.most and (run := await self._claim()) is not None:
            self._working.keep(group.create_task(self._guarded(run), name=f"run {run.id} of {run.source_name}"))

    async def _claim(self, only: ImportRunId | None = None) -> ImportRun | None:
        owner = f"{self._options.who}:{secrets.token_hex(8)}"
        return await self._store.write(lambda tx: tx.import_runs(None).claim(owner, lease=LEASE, only=only))

    async def _guarded(self, run: ImportRun) -> None:
        try:
            await self._see_through(run)
        except Exception:  # a run's trouble may not end the dialling; its lease passes, and it is taken up again
            log.exception("a run of a data source is not looked after any more", run=run.id)

    async def _see_through(self, run: ImportRun) -> None:
        """Start the run's process, and start it again when it dies, until the run is over or not ours any more."""
        began_s, tries, seen = self._clock.monotonic_s(), 0, run.report
        try:
            source = await self._store.read(lambda tx: tx.data_sources(run.org_id).get(run.source_id))
            while True:
                trouble = await self._one_process(run, source, began_s + source.limit_s)
                if trouble is None:
                    return
                now = await self._store.read(lambda tx: tx.import_runs(None).get(run.id))
                tries, seen = (0 if _has_come_further(seen, now.report) else tries), now.report
                log.warning("a run of a data source was interrupted", run=run.id, because=trouble, tries=tries)
                if tries >= len(PAUSES_S):
                    await self._fail(run, trouble)
                    return
                tries += 1
                if not await self._rest(run, PAUSES_S[tries - 1]):
                    return
        except RunTaken:
            return  # paused, cancelled, or taken by another
        except OutdialError as mistake:
            if isinstance(mistake, StoreDown):
                raise
            await self._fail(run, str(mistake))
        finally:
            await self._release(run)

    async def _one_process(self, run: ImportRun, source: DataSource, until_s: float) -> str | None:
        """None: nothing more to do. Else what the matter was, and it can be tried again."""
        options = self._options
        order = RunOrder(
            database_url=self._store.url.render_as_string(hide_password=False),
            run_id=run.id,
            owner=run.owner,
            folder=str(options.folder.absolute()),
            access=self._access(source),
            log_level=options.log_level,
            log_json=options.log_json,
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", WORKER, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        try:
            if process.stdin is not None:
                with contextlib.suppress(ConnectionError):  # it died at once: told below
                    process.stdin.write(order.to_line())
                    await process.stdin.drain()
            while not await self._ended(process):
                if not await self._renew(run):
                    return None
                if self._clock.monotonic_s() > until_s:
                    await self._fail(run, f"it took longer than its limit of {source.limit_s} s; what was stored stays")
                    return None
        finally:
            said = await to_its_end(_reaped(process))
        if process.returncode == 0:
            return None
        return said if process.returncode == TROUBLE else f"its process died (exit status {process.returncode})"

    async def _ended(self, process: asyncio.subprocess.Process) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RENEW_S):
                await process.wait()
        return process.returncode is not None

    async def _renew(self, run: ImportRun) -> bool:
        """Whether the run is still ours, as far as anybody can tell."""
        try:
            return await self._store.write(lambda tx: tx.import_runs(None).renew(run.id, run.owner, lease=LEASE))
        except StoreDown as down:  # the process finds out by itself
            log.warning("a lease was not renewed", run=run.id, reason=str(down))
            return True

    async def _rest(self, run: ImportRun, pause_s: float) -> bool:
        until_s = self._clock.monotonic_s() + pause_s
        while self._clock.monotonic_s() < until_s:
            if not await self._renew(run):
                return False
            await self._clock.sleep(min(RENEW_S, pause_s))
        return True

    async def _fail(self, run: ImportRun, because: str) -> None:
        log.warning("run failed", run=run.id, because=because)
        with contextlib.suppress(RunTaken):
            await self._store.write(lambda tx: tx.import_runs(None).end(run.id, run.owner, RunState.FAILED, because))

    async def _release(self, run: ImportRun) -> None:
        with contextlib.suppress(StoreDown):  # then the lease passes
            await self._store.write(lambda tx: tx.import_runs(None).release(run.id, run.owner))
            await self._forget_fetched(fetched_file(self._options.folder, run.id), run.id)

    async def _forget_fetched(self, file: Path, run_id: ImportRunId) -> None:
        """Delete the copy of a file whose run is over: it holds people's data, and one who resumes it has mended the original."""
        try:
            over = (await self._store.read(lambda tx: tx.import_runs(None).get(run_id))).state in OVER
        except NotFound:
            over = True
        if over:
            file.unlink(missing_ok=True)


def fetched_folder(folder: Path) -> Path:
    """Where files lie that were fetched and are being read."""
    return folder / "fetched"


def fetched_file(folder: Path, run_id: int) -> Path:
    """The copy that one run reads."""
    return fetched_folder(folder) / f"{run_id}.csv"


async def _reaped(process: asyncio.subprocess.Process) -> str:
    """End the process, whatever it does: what it has not committed is undone, and what it has stays. Returns what it said."""
    if process.returncode is None:
        process.kill()
    said = b""
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(REAP_S):
            said, _ = await process.communicate()
    return said.decode(errors="replace")


def _has_come_further(before: ImportReport, now: ImportReport) -> bool:
    return (now.processed, now.deleted) != (before.processed, before.deleted)
