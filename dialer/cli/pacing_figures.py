"""What came of a pacing, as the cells of a table: the same figures for what was, and for what was simulated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.table import Table

from dialer.cli.rows import room

if TYPE_CHECKING:  # it loads numpy, which commands that simulate nothing can do without
    from dialer.services.floor_simulation import PacingResult


LAST = {"Given up": 100, "Waited": 120, "wait p99": 120}  # by the columns of the terminal that leave room for them
LEGEND = {
    "Idle": "idle: seconds between contacts",
    "Persons": "persons and calls: per agent hour",
    "Given up": "given up: late rings, of all calls",
    "Waited": "waited: persons who found no agent free",
    "wait p99": "wait p99: of those who got one",
}


def figures_table(idle: str, worst: str, persons: str, calls: str) -> Table:
    """An empty table of pacings; what its columns are called depends on the room there is."""
    table = Table("Pacing", "Occupancy", idle, "Abandoned", worst, persons, calls, *_room_for(LAST))
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def legend_of(table: Table) -> str:
    """What the columns that are there mean, and which are not there for want of room."""
    there = [str(column.header) for column in table.columns]
    missing = [name for name in LAST if name not in there]
    told = [words for name, words in LEGEND.items() if name in there]
    if missing:
        told.append(f"{max(LAST.values())} columns show more ({', '.join(missing).lower()})")
    return "; ".join(told)


def figures_of(one: PacingResult) -> tuple[str, ...]:
    """All cells but the calls and the last ones."""
    return (
        one.pacing,
        f"{one.occupancy:.1%}",
        f"{one.idle_s:.1f} s",
        f"{one.abandoned:.2%}",
        f"{one.worst_half_hour:.1%}",
        f"{one.persons_per_agent_hour:.1f}",
    )


def last_of(one: PacingResult) -> tuple[str, ...]:
    """The last cells, where there is room: calls that were given up, persons who waited for an agent, and how long."""
    cells = {"Given up": f"{one.given_up:.1%}", "Waited": f"{one.waited:.1%}", "wait p99": f"{one.wait_p99_s:.2f} s"}
    return tuple(cells[name] for name in _room_for(LAST))


def _room_for(columns: Mapping[str, int]) -> list[str]:
    return [name for name, width in columns.items() if room() >= width]
