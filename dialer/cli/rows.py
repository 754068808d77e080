"""Show rows so that nothing of them is lost: as a table where it fits, else one below the other."""

from __future__ import annotations

import os

from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Column, Table
from rich.text import Text

from dialer.cli.context import out


def print_rows(table: Table, nothing: str = "", *, on: Console = out) -> None:
    """Print a table, or `nothing` where it has no rows. On a terminal that would cut its words off, each row is a block of lines.

    What is no terminal and says no width, such as a pipe, gets every row in one line.
    """
    if not table.row_count and nothing:
        on.print(nothing, soft_wrap=True)
        return
    wanted = Measurement.get(on, on.options.update(max_width=10_000), table)
    if not _bounded(on):
        wide = Console(file=on.file, width=max(on.width, wanted.maximum), markup=False, highlight=False)
        wide.print(table)
    elif wanted.minimum <= on.width or not table.row_count:
        if wanted.maximum > on.width:
            _share_room(table, on.width, wanted.maximum)
        on.print(table)
    else:
        on.print(_blocks(table))


def room(on: Console = out) -> int:
    """So many columns may a table have: those of the terminal, or as many as it likes where nobody says a width."""
    return on.width if _bounded(on) else 10_000


def _bounded(on: Console) -> bool:
    return on.is_terminal or "COLUMNS" in os.environ


def _share_room(table: Table, width: int, wanted: int) -> None:
    """Give each column the room of its longest word, and what is left by need: left to itself, rich may cut a word off."""
    most = [max(map(cell_len, _lines(column)), default=0) for column in table.columns]
    least = [
        full if column.no_wrap else max((cell_len(word) for line in _lines(column) for word in line.split()), default=0)
        for column, full in zip(table.columns, most, strict=True)
    ]
    left = width - (wanted - sum(most)) - sum(least)
    need = sum(most) - sum(least)
    if left < 0 or not need:
        return
    for column, few, many in zip(table.columns, least, most, strict=True):
        column.width = few + left * (many - few) // need


def _lines(column: Column) -> list[str]:
    return [line for cell in (column.header, *column.cells) for line in str(cell).splitlines()]


def _blocks(table: Table) -> Table:
    """Each row as lines of a name and a value; what is empty is left out."""
    shown = Table(title=table.title, caption=table.caption, show_header=False, show_lines=False, box=None, pad_edge=False)
    shown.add_column(no_wrap=True, style="bold")
    shown.add_column(overflow="fold")
    columns = [(str(column.header), list(column.cells)) for column in table.columns]
    for row in range(table.row_count):
        for name, cells in columns:
            if str(cells[row]).strip():
                shown.add_row(name, cells[row] if isinstance(cells[row], Text) else str(cells[row]))
        if row < table.row_count - 1:
            shown.add_row("", "")
    return shown
