"""Store the people of a CSV file: every good row becomes a contact, every other one gets its reason."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Literal, Protocol

from dialer.domain.contact import NewContact, Upserted
from dialer.domain.ids import ContactListId, OrgId
from dialer.errors import BadInput
from dialer.services.csv_source import CsvFile, Record, examine
from dialer.services.import_rows import Complaint, RowChecks, RowOptions, RowReader
from dialer.store.store import Store, Tx

ERROR_COLUMNS = ("row", "line", "column", "value", "reason")
MAX_LIST_NAME = 80
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\x00")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """How a file is read and written."""

    rows: RowOptions = field(default_factory=RowOptions)
    on_duplicate: Literal["update", "ignore"] = "update"  # a contact whose id is on the list already
    encoding: str | None = None  # None = find out
    delimiter: str | None = None  # None = find out
    errors_to: Path | None = None  # the file for the reasons; None = they are only counted
    batch_size: int = 5000
    new_attributes: Literal["add", "refuse"] = "add"  # columns that the list does not have yet
    check_patterns: bool = False  # leave out numbers that match a reject pattern
    check_formats: bool = False  # leave out numbers that have not their country's format
    check_dnc: bool = False  # leave out numbers that a DNC list of the organisation bars now
    delete_first: bool = False  # empty the list before


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What came of an import, or has come of it so far. processed = inserted + updated + ignored + rejected."""

    list_name: str
    processed: int = 0  # rows
    inserted: int = 0
    updated: int = 0
    ignored: int = 0  # on the list already, and duplicates are ignored
    rejected: int = 0  # rows of which no contact could be made
    deleted: int = 0  # contacts that were on the list before, with `delete_first`
    matched_pattern: int = 0  # numbers left out by a reject pattern ...
    format_failed: int = 0  # ... by their country's format ...
    matched_dnc: int = 0  # ... and by a DNC list
    numbers_left_out: int = 0  # cells that are no telephone number, in rows that were stored all the same
    bytes_read: int = 0
    bytes_total: int = 0
    encoding: str = ""
    delimiter: str = ""
    phones: tuple[str, ...] = ()  # the telephone columns
    attributes: tuple[str, ...] = ()
    errors_file: Path | None = None  # None = there was nothing to complain of


class Progress(Protocol):
    """Told after each batch how far it has come."""

    def __call__(self, report: ImportReport, /) -> None: ...


@dataclass(slots=True)
class _Complaints:
    """The error file, made when the first reason comes."""

    path: Path | None
    count: int = 0
    _file: IO[str] | None = field(default=None)
    _writer: Any = field(default=None)

    def add(self, record: Record, complaint: Complaint) -> None:
        self.count += 1
        if self.path is None:
            return
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", encoding="utf-8", newline="")
            self._writer = csv.writer(self._file)
            self._writer.writerow(ERROR_COLUMNS)
        cell = complaint.value[:200].replace("\x00", "\\0")
        # What a spreadsheet would take for a formula is shown as text (OWASP ASVS 1.2.10).
        shown = f"'{cell}" if cell.startswith(_FORMULA) else cell
        self._writer.writerow((record.row, record.line, complaint.column, shown, complaint.reason))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def import_file(
    store: Store,
    org_id: OrgId,
    source: Path,
    list_name: str,
    options: ImportOptions = ImportOptions(),
    progress: Progress = lambda report: None,
) -> ImportReport:
    """Import a file, batch by batch, each in its own transaction. It blocks: run it in a process of its own.

    A list of that name is made if there is none. Memory stays flat whatever the size of the file. Contacts are known by the
    user's own id, so after a crash the same import simply runs again. Raises BadInput, before anything is written, when the
    file or its columns cannot be used; NotFound, StoreDown.
    """
    name = " ".join(list_name.split())
    if not name or len(name) > MAX_LIST_NAME or not name.isprintable():
        raise BadInput(f"a list needs a name of 1 to {MAX_LIST_NAME} printable characters", where="--list")
    written = examine(source, encoding=options.encoding, delimiter=options.delimiter)
    with closing(CsvFile(source, written)) as file:
        reader = RowReader(file.header(), options.rows, where=f"{source}:1", checks=_checks(store, org_id, options))
        if options.new_attributes == "refuse":
            _refuse_new(store, org_id, name, reader.attributes, f"{source}:1")
        found = store.write_now(lambda tx: tx.contact_lists(org_id).ensure(name, reader.attributes))
        report = ImportReport(
            list_name=found.name,
            bytes_total=written.size,
            encoding=written.encoding,
            delimiter=written.delimiter,
            phones=reader.phones,
            attributes=reader.attributes,
        )
        if options.delete_first:
            report = replace(report, deleted=_empty(store, org_id, found.id))
        with closing(_Complaints(options.errors_to)) as complaints:
            write = _batch_writer(store, org_id, found.id, options)
            report = _rows(file, reader, write, options.batch_size, report, complaints, progress)
            if complaints.count and options.errors_to is not None:
                report = replace(report, errors_file=options.errors_to)
    report = replace(report, bytes_read=written.size)
    progress(report)
    return report


def _checks(store: Store, org_id: OrgId, options: ImportOptions) -> RowChecks:
    rules = store.read_now(lambda tx: (tx.contact_rules(org_id).phone_checks(), tx.contact_rules(org_id).definitions()))
    types = {name: one.type for name, one in rules[1].items()}
    return RowChecks(phones=rules[0], patterns=options.check_patterns, formats=options.check_formats, types=types)


def _refuse_new(store: Store, org_id: OrgId, list_name: str, attributes: Sequence[str], where: str) -> None:
    known = store.read_now(lambda tx: tx.contact_lists(org_id).find(list_name))
    if known is not None and (new := [one for one in attributes if one not in known.attributes]):
        mend = "let new attributes be added, or leave the columns out"
        raise BadInput(f"the list {known.name!r} has no attribute {', '.join(new)}", where=where, mend=mend)


def _empty(store: Store, org_id: OrgId, list_id: ContactListId) -> int:
    total = 0
    while gone := store.write_now(lambda tx: tx.contact_rules(org_id).remove_all(list_id)):
        total += gone
    return total


Written = tuple[Upserted, int]  # what became of a batch, and how many numbers of it a DNC list bars


def _batch_writer(
    store: Store, org_id: OrgId, list_id: ContactListId, options: ImportOptions
) -> Callable[[list[NewContact]], Written]:
    def work(tx: Tx, batch: list[NewContact]) -> Written:
        barred = 0
        if options.check_dnc:
            batch, barred = _without_dnc(tx, org_id, batch)
        return tx.contacts(org_id).upsert_batch(list_id, batch, options.on_duplicate), barred

    return lambda batch: store.write_now(lambda tx: work(tx, batch))


def _without_dnc(tx: Tx, org_id: OrgId, batch: list[NewContact]) -> tuple[list[NewContact], int]:
    listed = tx.dnc(org_id).listed({one.value for row in batch for one in row.addresses if one.value})
    barred = sum(one.value in listed for row in batch for one in row.addresses)
    if not barred:
        return batch, 0
    return [
        replace(row, addresses=tuple(replace(one, value="") if one.value in listed else one for one in row.addresses))
        for row in batch
    ], barred


def _rows(
    file: CsvFile,
    reader: RowReader,
    write: Callable[[list[NewContact]], Written],
    batch_size: int,
    report: ImportReport,
    complaints: _Complaints,
    progress: Progress,
) -> ImportReport:
    batch: list[NewContact] = []
    processed = rejected = left_out = 0
    kinds: Counter[str] = Counter()

    def flush(report: ImportReport) -> ImportReport:
        done, barred = write(batch) if batch else (Upserted(), 0)
        batch.clear()
        return replace(
            report,
            processed=processed,
            rejected=rejected,
            numbers_left_out=left_out,
            matched_pattern=kinds["pattern"],
            format_failed=kinds["format"],
            matched_dnc=report.matched_dnc + barred,
            inserted=report.inserted + done.inserted,
            updated=report.updated + done.updated,
            ignored=report.ignored + done.ignored,
            bytes_read=file.bytes_read,
        )

    for record in file.records():
        processed += 1
        if record.broken:
            rejected += 1
            complaints.add(record, Complaint("", record.text, record.broken))
        else:
            row = reader.read(record.cells)
            for complaint in row.complaints:
                complaints.add(record, complaint)
                kinds[complaint.kind] += 1
            if row.contact is None:
                rejected += 1
            else:
                left_out += len(row.complaints)
                batch.append(row.contact)
        if len(batch) >= batch_size or (processed % batch_size == 0):
            report = flush(report)
            progress(report)
    return flush(report)
