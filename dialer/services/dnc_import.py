"""Put the numbers (or ids) of a file on a DNC list: every good row becomes an entry, every other one gets its reason."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from dialer.domain.dnc import DncKind
from dialer.domain.ids import OrgId
from dialer.errors import BadInput
from dialer.services.csv_source import CsvSource, examine
from dialer.services.dnc import ALWAYS_LIST, REASON_LIMIT, Onto, dnc_ends_at, entry_value
from dialer.services.error_file import ErrorFile
from dialer.services.import_rows import column_name
from dialer.services.names import checked_text
from dialer.services.number_reader import LeftOut, NumberReader, NumberRules
from dialer.services.phone import known_region
from dialer.services.row_source import Record
from dialer.store.store import Store

BATCH = 1000  # rows in a transaction
SHOWN = 10  # refused rows that the report holds itself

_VALUES = {  # what the column may be called that holds what is listed
    DncKind.ADDRESS: ("number", "phone", "phone_number", "telephone", "mobile", "address", "email", "value"),
    DncKind.CONTACT: ("contact_id", "user_contact_id", "contact", "id", "value"),
    DncKind.CUSTOMER: ("customer_id", "customer", "id", "value"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DncImportOptions:
    """How the rows are read, and what is said of all of them where they say nothing themselves."""

    onto: Onto = ALWAYS_LIST
    kind: DncKind = DncKind.ADDRESS
    reason: str = "imported"  # of rows without one
    ends_at: datetime | None = None  # of rows that say neither days nor until; None = never
    zone: str = ""  # whose midnight ends a row's days; UTC if none
    region: str = "US"  # of numbers without a country code
    check_patterns: bool = False  # refuse numbers that match a reject pattern
    check_formats: bool = False  # refuse numbers that have not their country's format
    encoding: str | None = None  # None = find out
    delimiter: str | None = None  # None = find out
    errors_to: Path | None = None  # the file for the reasons; None = they are only counted


AS_USUAL = DncImportOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class DncImportReport:
    """What came of the rows. processed = added + already + rejected."""

    processed: int = 0
    added: int = 0
    already: int = 0  # they were listed; an entry that would have ended earlier lasts as long as the row says
    rejected: int = 0  # of these ...
    matched_pattern: int = 0  # ... by a reject pattern
    format_failed: int = 0  # ... by their country's format
    first_rejected: tuple[tuple[int, str, str], ...] = ()  # line, text and reason of some
    errors_file: Path | None = None  # None = there was nothing to complain of


@dataclass(frozen=True, slots=True)
class _Entry:
    value: str
    reason: str
    ends_at: datetime | None


def import_dnc(
    store: Store, org_id: OrgId, file: Path, options: DncImportOptions = AS_USUAL, *, now: datetime | None = None
) -> DncImportReport:
    """List what stands in the rows of a CSV file, in batches, each in its own transaction. It blocks; memory stays flat.

    A first line may name the columns: number (or phone, address, email, id, ...), and if they are there reason, days and until.
    Without names the first column counts. Lines that begin with # are passed over, before it, too. Calls obey each batch from
    its commit on; the same import can run again and does no harm. Raises BadInput, NotFound, StoreDown.
    """
    if not known_region(options.region):
        raise BadInput(f"there is no region {options.region!r}", where="--region", mend="a country code such as US or GB")
    source = CsvSource(path=file, written=examine(file, encoding=options.encoding, delimiter=options.delimiter))
    checks = store.read_now(lambda tx: tx.contact_rules(org_id).phone_checks())
    store.read_now(lambda tx: options.onto.of(tx, org_id).page(limit=1))  # a list that is not there is told before any row
    rules = NumberRules(region=options.region, patterns=options.check_patterns, formats=options.check_formats, checks=checks)
    with closing(source.open()) as rows, closing(ErrorFile(options.errors_to)) as errors:
        run = _Run(store, org_id, options, NumberReader(rules), errors, now or datetime.now(UTC))
        records = chain([Record(0, 1, rows.header())], rows.records())
        first = next((one for one in records if not _is_remark(one)), None)
        names = _Columns.named(first.cells, options.kind) if first is not None and first.cells else None
        top = [first] if first is not None and names is None else []  # the first line is the first row
        run.columns, run.shift = names or _Columns(), 1 if top and top[0].row == 0 else 0
        for record in chain(top, records):
            run.take(record)
        run.flush()
        return replace(run.report, errors_file=options.errors_to if errors.count else None)


def _is_remark(record: Record) -> bool:
    return (record.cells or [record.text])[0].lstrip(" \ufeff").startswith("#")


@dataclass(frozen=True, slots=True)
class _Columns:
    """Which column holds what."""

    value: int = 0
    reason: int | None = None
    days: int | None = None
    until: int | None = None

    @classmethod
    def named(cls, header: Sequence[str], kind: DncKind) -> _Columns | None:
        """As the first line names them; None when that line is a row like any other."""
        names = [column_name(one) for one in header]
        place = {name: at for at, name in reversed(list(enumerate(names)))}
        value = next((place[name] for name in _VALUES[kind] if name in place), None)
        if value is None:
            some = kind is DncKind.ADDRESS and "@" not in header[0] and not any(sign.isdigit() for sign in header[0])
            if not some:
                return None
            value = 0
        return cls(value, *(place.get(name) for name in ("reason", "days", "until")))


class _Run:
    """One import as it goes on."""

    def __init__(
        self, store: Store, org_id: OrgId, options: DncImportOptions, numbers: NumberReader, errors: ErrorFile, now: datetime
    ) -> None:
        self._store, self._org_id, self._options = store, org_id, options
        self._numbers, self._errors, self._now = numbers, errors, now
        self._batch: list[_Entry] = []
        self._usual = checked_text(options.reason, "reason", REASON_LIMIT)
        self.columns, self.shift = _Columns(), 0
        self.report = DncImportReport()

    def take(self, record: Record) -> None:
        """One more row."""
        cells = record.cells or [record.text]
        if _is_remark(record):
            return
        self.report = replace(self.report, processed=self.report.processed + 1)
        try:
            read = self._entry(cells)
        except BadInput as exc:
            read = LeftOut(exc.what)
        if isinstance(read, LeftOut):
            self._refuse(record, cells, read)
            return
        self._batch.append(read)
        if len(self._batch) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what was read."""
        batch, options = self._batch, self._options
        if not batch:
            return
        by_end: dict[datetime | None, list[tuple[str, str]]] = {}
        for one in batch:
            by_end.setdefault(one.ends_at, []).append((one.value, one.reason))
        added = self._store.write_now(
            lambda tx: sum(
                options.onto.of(tx, self._org_id).add_many(entries, kind=options.kind, ends_at=ends_at, now=self._now)
                for ends_at, entries in by_end.items()
            )
        )
        before = self.report
        self.report = replace(before, added=before.added + added, already=before.already + len(batch) - added)
        self._batch = []

    def _entry(self, cells: Sequence[str]) -> _Entry | LeftOut:
        """Raises BadInput."""
        options, columns = self._options, self.columns
        text = _alone(_cell(cells, columns.value))
        if options.kind is DncKind.ADDRESS and "@" not in text:
            found = self._numbers.read(text)
            if isinstance(found, LeftOut):
                return found
            value = found[0]
        else:
            value = entry_value(text, options.kind, options.region)
        reason = checked_text(_cell(cells, columns.reason), "reason", REASON_LIMIT) or self._usual
        return _Entry(value, reason, self._end(_cell(cells, columns.days), _cell(cells, columns.until)))

    def _end(self, days: str, until: str) -> datetime | None:
        """Raises BadInput."""
        if not days and not until:
            return self._options.ends_at
        try:
            found = int(days) if days else None
            moment = datetime.fromisoformat(until) if until else None
        except ValueError as exc:
            raise BadInput("days is a whole number, until a moment such as 2026-05-11 or 2026-05-11T18:00") from exc
        return dnc_ends_at(days=found, until=moment, zone=self._options.zone, now=self._now)

    def _refuse(self, record: Record, cells: Sequence[str], why: LeftOut) -> None:
        before, text = self.report, cells[0][:80] if record.broken else _cell(cells, self.columns.value)[:80]
        self._errors.add(record.row + self.shift, record.line, "", text, why.reason)
        shown = ((record.line, text, why.reason),) if len(before.first_rejected) < SHOWN else ()
        self.report = replace(
            before,
            rejected=before.rejected + 1,
            matched_pattern=before.matched_pattern + (why.kind == "pattern"),
            format_failed=before.format_failed + (why.kind == "format"),
            first_rejected=before.first_rejected + shown,
        )


def _cell(cells: Sequence[str], place: int | None) -> str:
    return cells[place].strip() if place is not None and place < len(cells) else ""


def _alone(text: str) -> str:
    """What stands before any sign that parts cells: files are made by hand, too."""
    for sign in ",;\t":
        text = text.partition(sign)[0]
    return text.strip().strip('"').strip().lstrip("\ufeff")
