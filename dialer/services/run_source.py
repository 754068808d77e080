"""Carry out one run of a data source, from wherever it was: nothing lost, nothing twice, the counters exact."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from dialer import failpoints
from dialer.domain.data_source import Checkpoint, DataSource, ImportRun, RunState
from dialer.domain.filter import Filter
from dialer.domain.ids import ImportRunId
from dialer.domain.imports import ImportReport
from dialer.errors import BadInput, SourceChanged
from dialer.services.csv_source import CsvSource, examine
from dialer.services.dnc import dnc_ends_at
from dialer.services.error_file import ErrorFile
from dialer.services.exclusions import Exclusion, begin_exclusion, exclude_batches
from dialer.services.import_batches import Keep, Target, import_batches
from dialer.services.import_file import begin_import
from dialer.services.row_source import RowSource
from dialer.services.value_source import ValueSource
from dialer.store.store import Store, Tx

FRESH_STARTS_MOST = 3
_HEAD = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSource:
    """A source that is ready to be read: a file, or something that gives values."""

    rows: CsvSource | ValueSource
    file: Path | None = None  # its file, when it has one

    def fingerprint(self) -> str:
        """What tells one content of the file from another, without reading all of it; "" for values."""
        return "" if self.file is None else f"{_stamp(self.file)}:{_head(self.file)}"


def open_file(path: Path, source: DataSource) -> OpenSource:
    """A CSV file. Raises BadInput."""
    written = examine(path, encoding=source.options.encoding, delimiter=source.options.delimiter)
    return OpenSource(rows=CsvSource(path=path, written=written), file=path)


def carry_out(
    store: Store,
    run_id: ImportRunId,
    owner: str,
    open_source: Callable[[DataSource], OpenSource],
    folder: Path,
    told: Callable[[ImportRun], None] = lambda run: None,
) -> None:
    """Read the source to its end under the name `owner`, which has claimed the run, and end the run.

    A source that has changed since the run began is read from its beginning, counted anew, up to three times. `told` hears of the
    run as it begins, and of each time that it starts over. The file of refused rows is in `folder`.
    Raises RunTaken when the run was paused, cancelled or taken by another; BadInput, NotFound, NotSent, Rejected, StoreDown.
    """
    run = store.read_now(lambda tx: tx.import_runs(None).get(run_id))
    source = store.read_now(lambda tx: tx.data_sources(run.org_id).get(run.source_id))
    told(run)
    while True:
        try:
            report = _Reading(store, run, source, owner, folder).through(open_source(source))
        except SourceChanged as changed:
            if run.fresh_starts >= FRESH_STARTS_MOST:
                raise BadInput(f"the source has changed again and again: {changed}", where=source.name) from changed
            run = _started_over(store, run_id, owner, changed)
            told(run)
            continue
        break
    failpoints.hit("R2")
    because = "every row was read" if report.processed else "the source gave no rows"
    because += ", from the beginning again, as the source had changed" if run.fresh_starts else ""
    store.write_now(lambda tx: tx.import_runs(None).end(run_id, owner, RunState.COMPLETED, because))


def _started_over(store: Store, run_id: ImportRunId, owner: str, changed: SourceChanged) -> ImportRun:
    because = f"started over: {changed}"
    return store.write_now(lambda tx: tx.import_runs(None).start_over(run_id, owner, because))


class _Reading:
    """One process's reading of one run."""

    def __init__(self, store: Store, run: ImportRun, source: DataSource, owner: str, folder: Path) -> None:
        self._store, self._run, self._source, self._owner = store, run, source, owner
        self._checkpoint = run.checkpoint
        self._errors_path = folder / f"{_file_name(source.name)}-{run.id}-errors.csv"
        self._errors = ErrorFile.behind(self._errors_path, run.checkpoint.errors_bytes)
        self._opened: OpenSource | None = None

    def through(self, opened: OpenSource) -> ImportReport:
        self._opened = opened
        rows, before = opened.rows, self._run.report
        fingerprint = opened.fingerprint()
        if self._checkpoint.reading and self._checkpoint.fingerprint != fingerprint:
            raise SourceChanged("the file is another one than before, or has changed")
        self._checkpoint = replace(self._checkpoint, fingerprint=fingerprint)
        with closing(_Columns(rows)) as columns:
            header = columns.header(before.position)
            if not header:
                return before
            with closing(self._errors):
                if self._source.exclude_days is not None:
                    return self._exclude(rows, header)
                return self._import(rows, header)

    def _import(self, rows: RowSource, header: list[str]) -> ImportReport:
        source, options, before = self._source, self._source.options, self._run.report
        target, reader, fresh = begin_import(self._store, source.org_id, source.list_name, header, rows.where, options)
        report = before if self._checkpoint.reading else replace(fresh, deleted=before.deleted)
        report = self._delete(target, self._with_format(report))
        return import_batches(
            self._store,
            target,
            rows,
            reader,
            options,
            report,
            self._errors,
            lambda _: failpoints.hit("R1"),
            after=report.position,
            keep=self._keep(),
        )

    def _exclude(self, rows: RowSource, header: list[str]) -> ImportReport:
        source, run = self._source, self._run
        # Counted from the beginning of the run, so that going on tomorrow moves nobody's end.
        until = dnc_ends_at(days=source.exclude_days, zone=source.exclude_zone, now=run.started_at or run.queued_at)
        if until is None:
            raise BadInput("an exclusion needs an end", where="days")
        wanted = source.options.rows.id_column
        target, column = begin_exclusion(self._store, source.org_id, source.list_name, header, rows.where, wanted)
        exclusion = Exclusion(column=column, until=until, reason=f"data source {source.name}")
        report = self._with_format(run.report)
        self._checkpoint = replace(self._checkpoint, reading=True)
        return exclude_batches(
            self._store,
            target,
            rows,
            exclusion,
            report,
            self._errors,
            lambda _: failpoints.hit("R1"),
            batch_size=source.options.batch_size,
            after=report.position,
            keep=self._keep(),
        )

    def _with_format(self, report: ImportReport) -> ImportReport:
        rows = self._opened.rows if self._opened else None
        if not isinstance(rows, CsvSource):
            return report
        return replace(report, bytes_total=rows.size, encoding=rows.written.encoding, delimiter=rows.written.delimiter)

    def _delete(self, target: Target, report: ImportReport) -> ImportReport:
        """Empty the list as far as the definition says, and remember with each part how far that has come."""
        chosen = Filter() if self._source.options.delete_first else self._source.delete_where
        chosen = chosen and chosen.on((self._run.started_at or self._run.queued_at).date())
        while not self._checkpoint.reading:
            report = self._delete_some(target, chosen, report)
        return report

    def _delete_some(self, target: Target, chosen: Filter | None, report: ImportReport) -> ImportReport:
        def work(tx: Tx) -> tuple[ImportReport, Checkpoint]:
            gone, behind = 0, 0
            if chosen is not None:
                rules = tx.contact_rules(target.org_id)
                gone, behind = rules.remove_fitting(target.list_id, chosen, after=self._checkpoint.deleted_to)
            now = replace(report, deleted=report.deleted + gone)
            then = replace(self._checkpoint, deleted_to=behind, reading=not behind)
            tx.import_runs(None).keep(self._run.id, self._owner, now, then)
            failpoints.hit("R3")
            return now, then

        report, self._checkpoint = self._store.write_now(work)
        return report

    def _keep(self) -> Keep:
        """What every batch's transaction writes beside the batch."""
        opened, stamp = self._opened, self._checkpoint.fingerprint.rpartition(":")[0]

        def keep(tx: Tx, report: ImportReport) -> None:
            if opened is not None and opened.file is not None and _stamp(opened.file) != stamp:
                raise SourceChanged("the file has changed while it was read")
            # On disk before the batch is: what the run's row says of the file is then true after any crash.
            length = self._errors.on_disk()
            now = replace(report, errors_file=self._errors_path if length else None)
            tx.import_runs(None).keep(self._run.id, self._owner, now, replace(self._checkpoint, errors_bytes=length))
            failpoints.hit("R0")

        return keep


class _Columns:
    """Asks a source for its columns once."""

    def __init__(self, rows: CsvSource | ValueSource) -> None:
        self._rows = rows

    def header(self, after: object) -> list[str]:
        if isinstance(self._rows, ValueSource):
            return self._rows.columns(after)
        with closing(self._rows.open()) as rows:
            return rows.header()

    def close(self) -> None:
        if isinstance(self._rows, ValueSource):
            self._rows.close()


def _file_name(name: str) -> str:
    return "".join(sign if sign.isalnum() or sign in "-_" else "_" for sign in name)


def _stamp(file: Path) -> str:
    try:
        found = file.stat()
    except OSError as exc:
        raise BadInput(f"cannot be read: {exc.strerror}", where=str(file)) from exc
    return f"{found.st_size}:{found.st_mtime_ns}"


def _head(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.blake2b(content.read(_HEAD), digest_size=16).hexdigest()
