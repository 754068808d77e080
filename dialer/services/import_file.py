"""Store the people of a CSV file: every good row becomes a contact, every other one gets its reason."""

from __future__ import annotations

import csv
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Literal, Protocol

from dialer.domain.contact import NewContact, Upserted
from dialer.domain.ids import ContactListId, OrgId
from dialer.errors import BadInput
from dialer.services.csv_source import CsvFile, Record, examine
from dialer.services.import_rows import Complaint, RowOptions, RowReader
from dialer.store.store import Store

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What came of an import, or has come of it so far. processed = inserted + updated + ignored + rejected."""

    list_name: str
    processed: int = 0  # rows
    inserted: int = 0
    updated: int = 0
    ignored: int = 0  # on the list already, and duplicates are ignored
    rejected: int = 0  # rows of which no contact could be made
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
        reader = RowReader(file.header(), options.rows, where=f"{source}:1")
        found = store.write_now(lambda tx: tx.contact_lists(org_id).ensure(name, reader.attributes))
        report = ImportReport(
            list_name=found.name,
            bytes_total=written.size,
            encoding=written.encoding,
            delimiter=written.delimiter,
            phones=reader.phones,
            attributes=reader.attributes,
        )
        with closing(_Complaints(options.errors_to)) as complaints:
            write = _batch_writer(store, org_id, found.id, options)
            report = _rows(file, reader, write, options.batch_size, report, complaints, progress)
            if complaints.count and options.errors_to is not None:
                report = replace(report, errors_file=options.errors_to)
    report = replace(report, bytes_read=written.size)
    progress(report)
    return report


def _batch_writer(
    store: Store, org_id: OrgId, list_id: ContactListId, options: ImportOptions
) -> Callable[[list[NewContact]], Upserted]:
    def write(batch: list[NewContact]) -> Upserted:
        return store.write_now(lambda tx: tx.contacts(org_id).upsert_batch(list_id, batch, options.on_duplicate))

    return write


def _rows(
    file: CsvFile,
    reader: RowReader,
    write: Callable[[list[NewContact]], Upserted],
    batch_size: int,
    report: ImportReport,
    complaints: _Complaints,
    progress: Progress,
) -> ImportReport:
    batch: list[NewContact] = []
    processed = rejected = left_out = 0

    def flush(report: ImportReport) -> ImportReport:
        done = write(batch) if batch else Upserted()
        batch.clear()
        return replace(
            report,
            processed=processed,
            rejected=rejected,
            numbers_left_out=left_out,
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
            if row.contact is None:
                rejected += 1
            else:
                left_out += len(row.complaints)
                batch.append(row.contact)
        if len(batch) >= batch_size or (processed % batch_size == 0):
            report = flush(report)
            progress(report)
    return flush(report)
