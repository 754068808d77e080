"""Archive what is old, then purge it: class by class, in small transactions, with a report on record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path

from dialer import failpoints
from dialer.domain.retention import (
    ABANDON_WINDOW_DAYS,
    NEVER_ARCHIVED,
    ClassReport,
    RetentionClass,
    RetentionPlan,
    RetentionRun,
    RetentionState,
)
from dialer.errors import OutdialError, StoreDown
from dialer.services.archive import archive_files, archive_rows
from dialer.services.old_files import old_files, packs, remove
from dialer.services.whole_file import remove_stale_parts
from dialer.store.old_rows import Key, OldRow, Page
from dialer.store.store import Store, Tx

PAGE = 1000  # rows per look at the database
CHUNK = 20_000  # rows in one file of the archive
TURN_S = 0.02  # a transaction that removes takes about so long; then what calls have to write goes first
FIRST_TURN, TURN_LEAST, TURN_MOST = 50, 5, 1000  # rows in one such transaction
DOWN_S = (1.0, 5.0, 20.0)  # before a turn is taken again when the database was away; within the two minutes of a living run
TELL_S = 10.0  # a run tells at least so often that it lives

Told = Callable[[ClassReport], None]


def retention_report(store: Store, plan: RetentionPlan, *, now: datetime | None = None) -> Iterator[ClassReport]:
    """What would go, class by class; nothing is changed. It blocks, and reads all of it."""
    moment = now or datetime.now(UTC)
    for kind in _classes(plan):
        report = ClassReport(of=kind, days=plan.days[kind], notes=_notes(store, plan, kind))
        for index in _parts(store, kind):
            for row in _rows(store, kind, index, plan.days[kind], moment, lambda: None):
                report = _counted(report, len(row.line) + 1, row.at)
        if (folder := plan.folders.get(kind)) is not None:
            for file in old_files(folder, moment - timedelta(days=plan.days[kind])):
                report = _counted(report, file.size, datetime.fromtimestamp(file.mtime_ns / 1e9, UTC))
        yield report


def run_retention(
    store: Store,
    plan: RetentionPlan,
    *,
    by: str,
    night: str | None = None,
    now: datetime | None = None,
    told: Told = lambda report: None,
) -> RetentionRun | None:
    """Archive and purge what is old. It blocks, and can be killed at any moment: what is not in the archive stays.

    None when that night's run was made before. What goes wrong ends the run and is on record with it. Raises Conflict while
    another run is at work, StoreDown.
    """
    run = store.write_now(lambda tx: tx.retention_runs.begin(by=by, night=night))
    if run is None:
        return None
    work = _Run(store=store, plan=plan, run=run, now=now or datetime.now(UTC), told=told)
    try:
        work.all()
    except (OutdialError, OSError) as exc:
        because = str(exc)
        return store.write_now(lambda tx: tx.retention_runs.end(run.id, RetentionState.FAILED, because))
    except BaseException:  # stopped, or a mistake of ours: another run may begin at once, also for the same night
        store.write_now(lambda tx: tx.retention_runs.give_up(run.id))
        raise
    return store.write_now(lambda tx: tx.retention_runs.end(run.id, RetentionState.DONE))


@dataclass(slots=True, kw_only=True)
class _Run:
    """One run at work."""

    store: Store
    plan: RetentionPlan
    run: RetentionRun
    now: datetime
    told: Told
    reports: list[ClassReport] = field(default_factory=list)
    _turn: int = FIRST_TURN
    _told_at: float = field(default_factory=time.monotonic)
    _files: int = 0

    def all(self) -> None:
        """Every class that has an age."""
        if any(kind not in self.plan.without_archive for kind in _classes(self.plan)):
            self.plan.archive.mkdir(parents=True, exist_ok=True, mode=0o700)
            remove_stale_parts(self.plan.archive)
        for kind in _classes(self.plan):
            self.reports.append(ClassReport(of=kind, days=self.plan.days[kind], notes=_notes(self.store, self.plan, kind)))
            if kind in self.plan.folders:
                self._files_of(kind, self.plan.folders[kind])
            for index in _parts(self.store, kind):
                self._rows_of(kind, index)
            self._tell()
            self.told(self.reports[-1])

    def _rows_of(self, kind: RetentionClass, index: int) -> None:
        rows = _rows(self.store, kind, index, self.plan.days[kind], self.now, self._alive)
        while first := list(islice(rows, 1)):
            chunk = (row for some in (first, islice(rows, CHUNK - 1)) for row in some)
            if kind in self.plan.without_archive:
                archived = {row.key: self._seen(row).digest for row in chunk}
            else:
                path = self._archive_file(kind, "jsonl.gz")
                archived = archive_rows(path, map(self._seen, chunk), keep_free=self.plan.keep_free)
                self._count(archived=len(archived))
            failpoints.hit("P1")
            self._purge(kind, index, archived)

    def _seen(self, row: OldRow) -> OldRow:
        self.reports[-1] = _counted(self.reports[-1], len(row.line) + 1, row.at)
        return row

    def _purge(self, kind: RetentionClass, index: int, archived: Mapping[Key, bytes]) -> None:
        """In turns that grow and shrink with how long they take, each followed by a pause of the same length."""
        waiting = iter(archived.items())
        while turn := dict(islice(waiting, self._turn)):

            def work(tx: Tx, turn: Mapping[Key, bytes] = turn) -> int:
                tx.retention_runs.alive(self.run.id)
                return tx.old_data.of(kind, self.plan.days[kind], self.now)[index].remove(turn)

            began = time.monotonic()
            self._count(purged=self._patiently(work))
            self._told_at = time.monotonic()
            failpoints.hit("P2")
            took_s = self._told_at - began
            suited = self._turn * TURN_S / max(took_s, TURN_S / 2)  # at most twice as many at once
            self._turn = max(TURN_LEAST, min(TURN_MOST, int(suited)))
            time.sleep(max(TURN_S, took_s))
        self._tell()

    def _patiently(self, work: Callable[[Tx], int]) -> int:
        """A database that is away for a moment does not cost the night. A turn may be taken twice: it removes what is there."""
        for pause_s in DOWN_S:
            try:
                return self.store.write_now(work)
            except StoreDown:
                time.sleep(pause_s)
        return self.store.write_now(work)

    def _files_of(self, kind: RetentionClass, folder: Path) -> None:
        files = old_files(folder, self.now - timedelta(days=self.plan.days[kind]))
        for pack in packs(files):
            for file in pack:
                self.reports[-1] = _counted(self.reports[-1], file.size, datetime.fromtimestamp(file.mtime_ns / 1e9, UTC))
            if kind not in self.plan.without_archive:
                pack = archive_files(self._archive_file(kind, "tar.gz"), pack, keep_free=self.plan.keep_free)
                self._count(archived=len(pack))
            self._tell()
            self._count(purged=remove(pack))

    def _archive_file(self, kind: RetentionClass, ending: str) -> Path:
        self._files += 1
        return self.plan.archive / f"{kind.value}-{self.run.started_at:%Y%m%dT%H%M%SZ}-{self.run.id}-{self._files:04}.{ending}"

    def _count(self, *, archived: int = 0, purged: int = 0) -> None:
        report = self.reports[-1]
        self.reports[-1] = replace(report, archived=report.archived + archived, purged=report.purged + purged)

    def _alive(self) -> None:
        if time.monotonic() - self._told_at > TELL_S:
            self._tell()

    def _tell(self) -> None:
        reports = tuple(self.reports)
        self.store.write_now(lambda tx: tx.retention_runs.alive(self.run.id, reports))
        self._told_at = time.monotonic()


def _classes(plan: RetentionPlan) -> list[RetentionClass]:
    return [kind for kind in RetentionClass if plan.days.get(kind, 0)]


def _parts(store: Store, kind: RetentionClass) -> range:
    """The parts of a class, by number: what is kept in one table, each."""
    return range(len(store.read_now(lambda tx: tx.old_data.of(kind, 1))))


def _rows(
    store: Store, kind: RetentionClass, index: int, days: int, now: datetime, alive: Callable[[], None]
) -> Iterator[OldRow]:
    after: Key | None = None
    while True:
        page = store.read_now(partial(_page, kind, index, days, now, after))
        alive()
        yield from page.rows
        if page.after is None:
            return
        after = page.after


def _page(kind: RetentionClass, index: int, days: int, now: datetime, after: Key | None, tx: Tx) -> Page:
    return tx.old_data.of(kind, days, now)[index].page(after, PAGE)


def _notes(store: Store, plan: RetentionPlan, kind: RetentionClass) -> tuple[str, ...]:
    if kind in plan.without_archive - NEVER_ARCHIVED:
        return ("purged without an archive, as the settings say",)
    if kind is not RetentionClass.ATTEMPTS:
        return ()
    days = plan.days[kind]
    held = store.read_now(lambda tx: tx.old_data.rules_that_hold(max(days, ABANDON_WINDOW_DAYS)))
    notes = [f"{name}: the rule {rule.name!r} needs {rule.window.total_seconds() / 86400:g} days" for name, rule in held]
    if days < ABANDON_WINDOW_DAYS:
        notes.append(f"abandon rates need {ABANDON_WINDOW_DAYS} days")
    return tuple(notes)


def _counted(report: ClassReport, size: int, at: datetime | None) -> ClassReport:
    oldest = report.oldest if at is None or (report.oldest is not None and report.oldest <= at) else at
    return replace(report, found=report.found + 1, size=report.size + size, oldest=oldest)
