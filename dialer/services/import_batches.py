"""The rows of a source become contacts, batch by batch, each batch in its own transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace

from dialer.domain.contact import NewContact, Upserted
from dialer.domain.ids import ContactListId, OrgId
from dialer.domain.imports import ImportOptions, ImportReport, Position, Progress
from dialer.services.error_file import ErrorFile
from dialer.services.import_rows import RowReader
from dialer.services.row_source import RowSource
from dialer.store.store import Store, Tx

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
) -> ImportReport:
    """Read, check and write what stands in `source` behind the position `after`, and go on counting where `report` stands.

    `reader` was made for the source's columns. Memory stays flat. Raises BadInput, NotFound, StoreDown, and what `progress`
    or `keep` raise; the batches before it are on disk.
    """
    batch: list[NewContact] = []
    processed, rejected, left_out = report.processed, report.rejected, report.numbers_left_out
    kinds = Counter({"pattern": report.matched_pattern, "format": report.format_failed})

    with closing(source.open(after)) as rows:
        rows.header()

        def flush(before: ImportReport) -> ImportReport:
            counted = replace(
                before,
                processed=processed,
                rejected=rejected,
                numbers_left_out=left_out,
                matched_pattern=kinds["pattern"],
                format_failed=kinds["format"],
                bytes_read=rows.bytes_read,
                position=rows.position,
            )
            return store.write_now(lambda tx: _write(tx, target, list(batch), options, counted, keep))

        for record in rows.records():
            processed += 1
            if record.broken:
                rejected += 1
                errors.add(record.row, record.line, "", record.text, record.broken)
            else:
                row = reader.read(record.cells)
                for complaint in row.complaints:
                    errors.add(record.row, record.line, complaint.column, complaint.value, complaint.reason)
                    kinds[complaint.kind] += 1
                if row.contact is None:
                    rejected += 1
                else:
                    left_out += len(row.complaints)
                    batch.append(row.contact)
            if len(batch) >= options.batch_size or (processed % options.batch_size == 0):
                report = flush(report)
                batch.clear()
                progress(report)
        return flush(report)


def _write(
    tx: Tx, target: Target, batch: list[NewContact], options: ImportOptions, report: ImportReport, keep: Keep
) -> ImportReport:
    barred, done = 0, Upserted()
    if options.check_dnc:
        batch, barred = _without_dnc(tx, target.org_id, batch)
    if batch:
        done = tx.contacts(target.org_id).upsert_batch(target.list_id, batch, options.on_duplicate)
    report = replace(
        report,
        matched_dnc=report.matched_dnc + barred,
        inserted=report.inserted + done.inserted,
        updated=report.updated + done.updated,
        ignored=report.ignored + done.ignored,
    )
    keep(tx, report)
    return report


def _without_dnc(tx: Tx, org_id: OrgId, batch: list[NewContact]) -> tuple[list[NewContact], int]:
    listed = tx.dnc(org_id).listed({one.value for row in batch for one in row.addresses if one.value})
    barred = sum(one.value in listed for row in batch for one in row.addresses)
    if not barred:
        return batch, 0
    return [
        replace(row, addresses=tuple(replace(one, value="") if one.value in listed else one for one in row.addresses))
        for row in batch
    ], barred
