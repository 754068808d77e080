"""Take over an area-code table from a CSV file; what is locked stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from dialer.domain.area_codes import AreaCode
from dialer.domain.attributes import AttributeType, BadAttribute, kept
from dialer.domain.ids import OrgId
from dialer.errors import BadInput
from dialer.services.area_codes import area_code, changes_clocks
from dialer.services.csv_source import CsvSource, examine
from dialer.services.error_file import ErrorFile
from dialer.services.import_rows import column_name
from dialer.services.row_source import Record
from dialer.store.store import Store, Tx

MAX_ROWS = 200_000
_COLUMNS = {  # what a column may be called
    "digits": ("digits", "area_code", "area_codes", "prefix", "start_digits", "phone_start_digits"),
    "zone": ("zone", "time_zone", "timezone"),
    "state": ("state", "region", "province"),
    "calling_code": ("calling_code", "country_code", "country"),
    "locked": ("locked",),
    "dst": ("dst", "daylight_saving"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaCodeImport:
    """What came of a file. rows = added + changed + same + kept_locked + rejected."""

    rows: int = 0
    added: int = 0
    changed: int = 0
    same: int = 0
    kept_locked: int = 0  # they would have changed the zone of numbers of a locked row
    rejected: int = 0
    removed: int = 0  # with `replace`: rows that the file does not name
    errors_file: Path | None = None


async def import_area_codes(
    store: Store,
    org_id: OrgId,
    file: Path,
    *,
    calling_code: str = "1",
    replace_all: bool = False,
    errors_to: Path | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    now: datetime | None = None,
) -> AreaCodeImport:
    """Take over the rows of a CSV file, all good ones in one transaction: an import or a call sees the old table or the new one.

    Columns: digits (or area_code), zone (or time_zone); if they are there also state, locked, calling_code (else the one given),
    and dst (yes or no), which must agree with the zone. A locked row stays as it is, and no row comes in by which its numbers
    would get another zone. With `replace_all`, rows go that are neither locked nor in the file. Raises BadInput, StoreDown.
    """
    source = CsvSource(path=file, written=examine(file, encoding=encoding, delimiter=delimiter))
    wanted: dict[tuple[str, str, str], tuple[AreaCode, Record]] = {}
    rows = rejected = 0
    with closing(source.open()) as opened, closing(ErrorFile(errors_to)) as errors:
        columns = _columns(opened.header(), source.where)

        def refuse(record: Record, reason: str) -> None:
            errors.add(record.row, record.line, "", record.text or ",".join(record.cells), reason)

        for record in opened.records():
            rows += 1
            if rows > MAX_ROWS:
                raise BadInput(f"more than {MAX_ROWS:,} rows", where=str(file))
            try:
                found = _row(record, columns, calling_code, now or datetime.now(UTC))
            except BadInput as exc:
                rejected += 1
                refuse(record, f"{exc.what}" + (f" ({exc.mend})" if exc.mend else ""))
                continue
            if found.key in wanted:
                rejected += 1
                refuse(record, "the same digits stand in a row above")
                continue
            wanted[found.key] = found, record
        done, crossing = await store.write(lambda tx: _take_over(tx, org_id, [row for row, _ in wanted.values()], replace_all))
        for row, other in crossing:
            refuse(wanted[row.key][1], f"{row.digits} crosses {other.digits}: of a number in both, no rule could say where it is")
        refused = rejected + len(crossing)
        return replace(done, rows=rows, rejected=refused, errors_file=errors_to if refused else None)


def _take_over(
    tx: Tx, org_id: OrgId, wanted: Sequence[AreaCode], replace_all: bool
) -> tuple[AreaCodeImport, list[tuple[AreaCode, AreaCode]]]:
    table = tx.area_codes(org_id)
    before = {row.key: row for row in table.all()}
    locked = _Held([row for row in before.values() if row.locked])
    named = {row.key for row in wanted}
    staying = {key: row for key, row in before.items() if row.locked or key in named or not replace_all}
    ranges = [row for row in staying.values() if row.first != row.last]  # nothing else can cross
    done = AreaCodeImport(removed=len(before) - len(staying))
    crossing: list[tuple[AreaCode, AreaCode]] = []
    written: list[AreaCode] = []
    for row in wanted:
        old = before.get(row.key)
        other = next((one for one in ranges if row.first != row.last and one.crosses(row)), None)
        if old is not None and old == replace(row, locked=old.locked or row.locked):
            done = replace(done, same=done.same + 1)
        elif locked.hold(row):
            done = replace(done, kept_locked=done.kept_locked + 1)
        elif other is not None:
            crossing.append((row, other))
        else:
            done = replace(done, added=done.added + (old is None), changed=done.changed + (old is not None))
            written.append(row)
            if row.first != row.last:
                ranges.append(row)
    table.remove([row for key, row in before.items() if key not in staying])
    table.put(written)
    return done, crossing


class _Held:
    """Locked rows, asked whether one of them holds another row."""

    def __init__(self, rows: Sequence[AreaCode]) -> None:
        self._beginnings = {row.calling_code + row.first for row in rows if row.first == row.last}
        self._ranges = [row for row in rows if row.first != row.last]

    def hold(self, row: AreaCode) -> bool:
        """Whether all numbers of the row are numbers of a locked one."""
        first, last = row.calling_code + row.first, row.calling_code + row.last
        lengths = range(1, len(first) + 1)
        beginnings = {first[:length] for length in lengths if first[:length] == last[:length]}
        return not beginnings.isdisjoint(self._beginnings) or any(one.holds(row) for one in self._ranges)


def _columns(header: Sequence[str], where: str) -> dict[str, int]:
    names = [column_name(one) for one in header]
    found = {what: names.index(name) for what, usual in _COLUMNS.items() for name in reversed(usual) if name in names}
    if missing := [what for what in ("digits", "zone") if what not in found]:
        called = " or ".join(_COLUMNS[missing[0]])
        raise BadInput(f"no column is called {called}", where=where, mend=f"there are {', '.join(names)}")
    return found


def _row(record: Record, columns: dict[str, int], calling_code: str, now: datetime) -> AreaCode:
    """Raises BadInput."""
    if record.broken:
        raise BadInput(record.broken)
    cells = {what: record.cells[at].strip() if at < len(record.cells) else "" for what, at in columns.items()}
    code = cells.get("calling_code") or calling_code
    locked = _yes(cells.get("locked", ""), "locked") is True
    row = area_code(code, cells["digits"], cells["zone"], state=cells.get("state", ""), locked=locked)
    dst = _yes(cells.get("dst", ""), "dst")
    if dst is not None and dst is not changes_clocks(row.zone, now):
        does = "do not change" if dst else "change"
        raise BadInput(f"the clocks {does} in {row.zone}", mend="choose a zone in which it is as dst says")
    return row


def _yes(cell: str, column: str) -> bool | None:
    try:
        text = kept(AttributeType.BOOLEAN, cell)
    except BadAttribute as exc:
        raise BadInput(f"{cell!r}: {exc}", where=column) from exc
    return text == "true" if text else None
