"""What an import is asked to do, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

Position = Any
"""How far the reading of a source has come, as JSON can hold it; None = at the beginning. Only the source knows what it means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowOptions:
    """How cells are read."""

    region: str = "US"  # of numbers without a country code
    strict: bool = False  # numbers must lie in a range that is given out
    time_zone: str = ""  # of numbers that tell none
    language: str = "en"  # of contacts without one
    id_column: str = ""  # "" = one called id or contact_id, else the first
    phone_columns: tuple[str, ...] = ()  # () = those with a usual name


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """How a file is read and written."""

    rows: RowOptions = field(default_factory=RowOptions)
    on_duplicate: Literal["update", "ignore"] = "update"  # a contact whose id is on the list already
    encoding: str | None = None  # None = find out
    delimiter: str | None = None  # None = find out
    errors_to: Path | None = None  # the file for the reasons; None = they are only counted
    batch_size: int | None = None  # rows in a transaction; None = as many as take a moment
    new_attributes: Literal["add", "refuse"] = "add"  # columns that the list does not have yet
    check_patterns: bool = False  # leave out numbers that match a reject pattern
    check_formats: bool = False  # leave out numbers that have not their country's format
    check_dnc: bool = False  # leave out numbers that a DNC list of the organisation bars now
    delete_first: bool = False  # empty the list before


AS_USUAL = ImportOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What came of an import, or has come of it so far. processed = inserted + updated + ignored + excluded + rejected."""

    list_name: str
    processed: int = 0  # rows
    inserted: int = 0
    updated: int = 0
    ignored: int = 0  # on the list already, and duplicates are ignored
    excluded: int = 0  # contacts that are called in no campaign for a while, where that is what the rows are for
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
    position: Position = None  # where the source would go on


class Progress(Protocol):
    """Told after each batch how far it has come. It may raise to end the import there; what is written stays."""

    def __call__(self, report: ImportReport, /) -> None: ...
