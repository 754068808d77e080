"""What came of a pacing, as the cells of a table: the same figures for what was, and for what was simulated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from dialer.cli.context import out

if TYPE_CHECKING:  # it loads numpy, which commands that simulate nothing can do without
    from dialer.services.floor_simulation import PacingResult


WIDE = 100  # columns of the terminal: with fewer there is no room for the calls that were given up


def figures_table(idle: str, worst: str, persons: str, calls: str) -> Table:
    """An empty table of pacings; what its columns are called depends on the room there is."""
    table = Table("Pacing", "Occupancy", idle, "Abandoned", worst, persons, calls, *(["Given up"] if out.width >= WIDE else []))
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def figures_of(one: PacingResult) -> tuple[str, ...]:
    """All cells but the calls and how many of them were given up."""
    return (
        one.pacing,
        f"{one.occupancy:.1%}",
        f"{one.idle_s:.1f} s",
        f"{one.abandoned:.2%}",
        f"{one.worst_half_hour:.1%}",
        f"{one.persons_per_agent_hour:.1f}",
    )


def given_up_of(one: PacingResult) -> tuple[str, ...]:
    """The last cell, where there is room for it."""
    return (f"{one.given_up:.1%}",) if out.width >= WIDE else ()
