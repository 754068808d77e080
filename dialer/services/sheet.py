"""Rows under headings, page by page, and how they become CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Generic, TypeVar

from dialer.domain.cell import safe_cell
from dialer.errors import BadInput

R = TypeVar("R")

Getter = Callable[[R], object]


@dataclass(frozen=True, slots=True)
class Sheet(Generic[R]):
    """A heading for each getter, and the rows in pages; a page is read when it is asked for."""

    columns: Mapping[str, Getter[R]]
    pages: Iterator[Sequence[R]]


def write_csv(out: IO[bytes], sheet: Sheet[R], *, delimiter: str = ",", bom: bool = False) -> int:
    """Write a sheet as CSV (RFC 4180, UTF-8); returns the number of rows behind the header.

    Times are in ISO 8601 UTC, what is not known is an empty cell, and no cell is taken for a formula.
    """
    text = io.TextIOWrapper(out, encoding="utf-8-sig" if bom else "utf-8", errors="replace", newline="")
    getters = tuple(sheet.columns.values())
    count = 0
    try:
        writer = csv.writer(text, delimiter=delimiter)
        writer.writerow([safe_cell(name) for name in sheet.columns])
        for page in sheet.pages:
            writer.writerows([safe_cell(get(row)) for get in getters] for row in page)
            count += len(page)
        text.flush()
    finally:
        text.detach()  # the file itself is not ours to close
    return count


def chosen_columns(known: Mapping[str, Getter[R]], usual: Sequence[str], wanted: Sequence[str]) -> dict[str, Getter[R]]:
    """The columns that are wanted, in that order, or the usual ones. Raises BadInput for one that does not exist."""
    missing = [name for name in wanted if name not in known]
    if missing:
        raise BadInput(f"no column {', '.join(missing)}", where="columns", mend=f"some of: {', '.join(known)}")
    return {name: known[name] for name in (wanted or usual)}
