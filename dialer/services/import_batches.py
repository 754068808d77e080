"""The rows of a source become contacts, batch by batch, each batch in its own transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace

from dialer.domain.contact import Upserted
from dialer.domain.contact_batch import ContactBatch
from dialer.domain.ids import ContactListId, OrgId
from dialer.domain.imports import ImportOptions, ImportReport, Position, Progress
from dialer.services.error_file import ErrorFile
from dialer.services.import_rows import RowReader
from dialer.services.row_chunks import Chunk, ChunkSize, read_chunks
from dialer.services.row_process import RowProcess
from dialer.services.row_source import RowSource
from dialer.store.store import Store, Tx

CHUNK = 250  # rows that are read at once
LONG = 1 << 20  # characters of attributes that are read at once
MOST_ROWS = 5000  # in a batch
BATCH_S = 0.1  # that a batch should take where nobody else writes meanwhile ...
BATCH_BESIDE_OTHERS_S = 0.25  # ... and where others wait only for the contacts that it changes
ALONE = 20_000  # rows for which another process is not worth its start

Keep = Callable[[Tx, ImportReport], None]
"""Called in each batch's transaction with what has come of the import, this batch included: what it writes stands or falls with
the batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where contacts go."""

    org_id: OrgId
    list_id: ContactListId


def import_batches(
    store: Store,
    target: Target,
    source: RowSource,
    reader: RowReader,
    options: ImportOptions,
    report: ImportReport,
    errors: ErrorFile,
    progress: Progress = lambda report: None,
    *,
    after: Position = None,
    keep: Keep = lambda tx, report: None,
    alone: int = ALONE,
) -> ImportReport:
    """Read, check and write what stands in `source` behind the position `after`, and go on counting where `report` stands.

    `reader` was made for the source's columns. A long source is read in a process of its own. Memory stays flat. Raises
    BadInput, NotFound, StoreDown, and what `progress` or `keep` raise; the batches before it are on disk.
    """
    store.widen_cache()
    pace = _Pace(options.batch_size, BATCH_S if store.one_writer else BATCH_BESIDE_OTHERS_S)
    with closing(_chunks(source, reader, pace.chunk, after, alone)) as chunks:
        for chunk in chunks:
            while pace.wants_more(chunk) and (more := next(chunks, None)) is not None:
                _append(chunk, more)
            for reason in chunk.reasons:
                errors.add(*reason)
            counted = _counted(report, chunk)

            def work(tx: Tx, batch: ContactBatch = chunk.contacts, so_far: ImportReport = counted) -> ImportReport:
                pace.begin()
                return _write(tx, target, batch, options, so_far, keep)

            report = store.write_now(work)
            pace.end()
            progress(report)
    return report


class _Pace:
    """How many rows go into a batch: as many as were asked for, or as take the time that a batch should take.

    While a batch is written nobody else writes to an SQLite file: calls that begin or end meanwhile wait for it.
    """

    def __init__(self, asked: int | None, batch_s: float) -> None:
        self.chunk = ChunkSize(rows=asked) if asked else ChunkSize(rows=CHUNK, characters=LONG)
        self._rows = asked or 4 * CHUNK
        self._fixed, self._batch_s = asked is not None, batch_s
        self._began = 0.0

    def wants_more(self, batch: Chunk) -> bool:
        """Whether another chunk should go into this batch."""
        return not self._fixed and batch.rows < self._rows and batch.characters < 4 * LONG

    def begin(self) -> None:
        """The batch has its turn."""
        self._began = time.monotonic()

    def end(self) -> None:
        """It is on disk."""
        took_s = time.monotonic() - self._began
        if not self._fixed:
            wanted = self._rows * min(2.0, self._batch_s / max(took_s, 0.001))
            self._rows = max(CHUNK, min(int(wanted), MOST_ROWS))


def _chunks(source: RowSource, reader: RowReader, size: ChunkSize, after: Position, alone: int) -> Generator[Chunk]:
    """The first rows are read here; if there are more than `alone`, another process goes on behind them where it can."""
    read = 0
    with closing(source.open(after)) as rows:
        rows.header()
        for chunk in read_chunks(rows, reader, size):
            yield chunk
            read, after = read + chunk.rows, chunk.position
            if read >= alone and source.portable:
                break
        else:
            return
    with RowProcess(source, reader, size, after) as process:
        yield from process


def _append(chunk: Chunk, more: Chunk) -> None:
    chunk.contacts.extend(more.contacts)
    chunk.reasons += more.reasons
    for name in ("rows", "rejected", "left_out", "matched_pattern", "format_failed", "characters"):
        setattr(chunk, name, getattr(chunk, name) + getattr(more, name))
    chunk.bytes_read, chunk.position = more.bytes_read, more.position


def _counted(report: ImportReport, chunk: Chunk) -> ImportReport:
    return replace(
        report,
        processed=report.processed + chunk.rows,
        rejected=report.rejected + chunk.rejected,
        numbers_left_out=report.numbers_left_out + chunk.left_out,
        matched_pattern=report.matched_pattern + chunk.matched_pattern,
        format_failed=report.format_failed + chunk.format_failed,
        bytes_read=chunk.bytes_read,
        position=chunk.position,
    )


def _write(tx: Tx, target: Target, batch: ContactBatch, options: ImportOptions, report: ImportReport, keep: Keep) -> ImportReport:
    barred = _empty_dnc(tx, target.org_id, batch) if options.check_dnc else 0
    done = tx.contacts(target.org_id).upsert_batch(target.list_id, batch, options.on_duplicate) if batch.users else Upserted()
    report = replace(
        report,
        matched_dnc=report.matched_dnc + barred,
        inserted=report.inserted + done.inserted,
        updated=report.updated + done.updated,
        ignored=report.ignored + done.ignored,
    )
    keep(tx, report)
    return report


def _empty_dnc(tx: Tx, org_id: OrgId, batch: ContactBatch) -> int:
    """Take the numbers that a DNC list bars out of a batch; returns how many."""
    listed = tx.dnc(org_id).listed(set(filter(None, batch.values)))
    barred = 0
    if listed:
        for place, value in enumerate(batch.values):
            if value in listed:
                batch.values[place] = ""
                barred += 1
    return barred
