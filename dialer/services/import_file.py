"""Store the people of a CSV file: every good row becomes a contact, every other one gets its reason."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from dialer.domain.ids import ContactListId, OrgId
from dialer.domain.imports import AS_USUAL, ImportOptions, ImportReport, Progress
from dialer.errors import BadInput
from dialer.services.csv_source import CsvSource, examine
from dialer.services.error_file import ErrorFile
from dialer.services.import_batches import Target, import_batches
from dialer.services.import_rows import RowChecks, RowReader
from dialer.store.store import Store, Tx

__all__ = ["ImportOptions", "ImportReport", "Progress", "begin_import", "import_file"]

MAX_LIST_NAME = 80


def import_file(
    store: Store,
    org_id: OrgId,
    source: Path,
    list_name: str,
    options: ImportOptions = AS_USUAL,
    progress: Progress = lambda report: None,
) -> ImportReport:
    """Import a file, batch by batch, each in its own transaction. It blocks: run it in a process of its own.

    A list of that name is made if there is none. Memory stays flat whatever the size of the file. Contacts are known by the
    user's own id, so after a crash the same import simply runs again. Raises BadInput, before anything is written, when the
    file or its columns cannot be used; NotFound, StoreDown.
    """
    csv = CsvSource(path=source, written=examine(source, encoding=options.encoding, delimiter=options.delimiter))
    with closing(csv.open()) as rows:
        header = rows.header()
    target, reader, report = begin_import(store, org_id, list_name, header, csv.where, options)
    written = csv.written
    report = replace(report, bytes_total=csv.size, encoding=written.encoding, delimiter=written.delimiter)
    if options.delete_first:
        report = replace(report, deleted=_empty(store, org_id, target.list_id))
    with closing(ErrorFile(options.errors_to)) as errors:
        report = import_batches(store, target, csv, reader, options, report, errors, progress)
        if errors.count and options.errors_to is not None:
            report = replace(report, errors_file=options.errors_to)
    report = replace(report, bytes_read=csv.size)
    progress(report)
    return report


def begin_import(
    store: Store, org_id: OrgId, list_name: str, header: Sequence[str], where: str, options: ImportOptions
) -> tuple[Target, RowReader, ImportReport]:
    """Check the columns of a source, and make the list if there is none of that name. Raises BadInput, StoreDown."""
    name = " ".join(list_name.split())
    if not name or len(name) > MAX_LIST_NAME or not name.isprintable():
        raise BadInput(f"a list needs a name of 1 to {MAX_LIST_NAME} printable characters", where="--list")
    reader = RowReader(header, options.rows, where=where, checks=_checks(store, org_id, options))
    if options.new_attributes == "refuse":
        _refuse_new(store, org_id, name, reader.attributes, where)
    found = store.write_now(lambda tx: tx.contact_lists(org_id).ensure(name, reader.attributes))
    report = ImportReport(list_name=found.name, phones=reader.phones, attributes=reader.attributes)
    return Target(org_id=org_id, list_id=found.id), reader, report


def _checks(store: Store, org_id: OrgId, options: ImportOptions) -> RowChecks:
    def work(tx: Tx) -> RowChecks:
        definitions = tx.contact_rules(org_id).definitions()
        return RowChecks(
            phones=tx.contact_rules(org_id).phone_checks(),
            patterns=options.check_patterns,
            formats=options.check_formats,
            types={name: one.type for name, one in definitions.items()},
            area_codes=tx.area_codes(org_id).ready(),
            masked=frozenset(name for name, one in definitions.items() if one.masked),
        )

    return store.read_now(work)


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
