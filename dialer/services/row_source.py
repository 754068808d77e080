"""Where the rows of an import come from: a CSV file, or whatever else can name its columns and give its rows in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from dialer.domain.imports import Position


@dataclass(frozen=True, slots=True)
class Record:
    """One row: where it begins, and its cells, or what is wrong with it."""

    row: int  # 1 is the first row behind the header
    line: int  # in a file, 1 is the header
    cells: list[str]
    broken: str = ""
    text: str = ""  # of a broken row, its beginning


class Rows(Protocol):
    """An open source, read once from front to back."""

    def header(self) -> list[str]:
        """The names of the columns; asked for once, before the rows. Raises BadInput."""
        ...

    def records(self) -> Iterator[Record]:
        """The rows, those behind the position at which it was opened. A broken row costs itself, not the rows behind it."""
        ...

    @property
    def position(self) -> Position:
        """Behind the row that was given out last: opened there, the source goes on with the next one."""
        ...

    @property
    def bytes_read(self) -> int:
        """How much of the source's size has been read, about."""
        ...

    def close(self) -> None:
        """Give back files and connections."""
        ...


class RowSource(Protocol):
    """A source before it is opened."""

    @property
    def where(self) -> str:
        """What a message about its columns points to, such as a file's name and line."""
        ...

    @property
    def size(self) -> int:
        """Bytes, for the progress; 0 = not known."""
        ...

    @property
    def portable(self) -> bool:
        """Whether another process may read on: it is a value that can be pickled, and opening it again costs little."""
        ...

    def open(self, after: Position = None) -> Rows:
        """Open it, to be read from behind a position of an earlier reading. Raises BadInput."""
        ...
