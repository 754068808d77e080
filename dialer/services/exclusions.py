"""The rows of a source name contacts that no campaign calls for a while, batch by batch, each in its own transaction."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime

from dialer.domain.ids import OrgId
from dialer.domain.imports import ImportReport, Position, Progress
from dialer.errors import BadInput
from dialer.services.error_file import ErrorFile
from dialer.services.import_batches import Keep, Target
from dialer.services.import_rows import ID_COLUMNS, column_name
from dialer.services.row_source import Record, RowSource
from dialer.store.store import Store, Tx

BATCH = 1000  # rows in a transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class IdColumn:
    """The column that holds the contacts' ids."""

    at: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """Until when contacts are not called, and why."""

    column: IdColumn
    until: datetime
    reason: str


def begin_exclusion(
    store: Store, org_id: OrgId, list_name: str, header: Sequence[str], where: str, wanted: str
) -> tuple[Target, IdColumn]:
    """Look up the list, and the column of ids (`wanted`; "" = one with a usual name, else the first).

    Raises NotFound, BadInput, StoreDown.
    """
    names = [column_name(one) for one in header]
    usual = (column_name(wanted),) if wanted else ID_COLUMNS
    at = next((names.index(name) for name in usual if name in names), None if wanted else 0)
    if at is None:
        raise BadInput(f"there is no column {wanted!r}", where=where, mend=f"there are {', '.join(names)}")
    found = store.read_now(lambda tx: tx.contact_lists(org_id).by_name(list_name))
    return Target(org_id=org_id, list_id=found.id), IdColumn(at=at, name=names[at])


def exclude_batches(
    store: Store,
    target: Target,
    source: RowSource,
    exclusion: Exclusion,
    report: ImportReport,
    errors: ErrorFile,
    progress: Progress = lambda report: None,
    *,
    batch_size: int | None = None,
    after: Position = None,
    keep: Keep = lambda tx, report: None,
) -> ImportReport:
    """Exclude the contacts that stand in `source` behind the position `after`, and go on counting where `report` stands.

    As in `import_batches`, what `keep` writes stands or falls with its batch. Raises NotFound, StoreDown, and what `progress` or
    `keep` raise.
    """
    batch: list[Record] = []
    size = batch_size or BATCH

    with closing(source.open(after)) as rows:
        rows.header()

        def flush(before: ImportReport) -> ImportReport:
            here = replace(before, bytes_read=rows.bytes_read, position=rows.position)
            return store.write_now(lambda tx: _write(tx, target, list(batch), exclusion, here, errors, keep))

        for record in rows.records():
            batch.append(record)
            if len(batch) >= size:
                report = flush(report)
                batch.clear()
                progress(report)
        return flush(report)


def _write(
    tx: Tx, target: Target, batch: Sequence[Record], exclusion: Exclusion, report: ImportReport, errors: ErrorFile, keep: Keep
) -> ImportReport:
    named = {record.row: _id_in(record, exclusion) for record in batch}
    ids = list(dict.fromkeys(one for one in named.values() if one))
    known = tx.contacts(target.org_id).ids_of(target.list_id, ids)
    tx.contact_rules(target.org_id).exclude(list(known.values()), until=exclusion.until, reason=exclusion.reason)
    refused = 0
    for record in batch:
        if (user := named[record.row]) not in known:
            refused += 1
            reason = record.broken or ("is empty" if not user else "is not on the list")
            column, value = ("", record.text) if record.broken else (exclusion.column.name, user)
            errors.add(record.row, record.line, column, value, reason)
    report = replace(
        report,
        processed=report.processed + len(batch),
        excluded=report.excluded + len(batch) - refused,
        rejected=report.rejected + refused,
    )
    keep(tx, report)
    return report


def _id_in(record: Record, exclusion: Exclusion) -> str:
    return record.cells[exclusion.column.at].strip() if not record.broken and len(record.cells) > exclusion.column.at else ""
