"""A running job, live: how far it is in one line, and below it what is up, which codes came in, and what the pacer says."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from dialer.domain.campaign import JobTotals

MOST_CODES = 3


class _Lines(Progress):
    """The bar whole, on however narrow a terminal; what there is to say has lines of its own."""

    def get_renderables(self) -> Iterable[RenderableType]:
        """The bar, then the words."""
        yield self.make_tasks_table(self.tasks)
        for task in self.tasks:
            yield Text(task.fields["said"])


class JobBar:
    """Context manager around a rich progress bar; on something that is no terminal it prints a line now and then instead."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = _Lines(
            TextColumn("[bold]contacts"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("job", total=None, said="")
        self._told = -1

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.__exit__(kind, error, trace)

    def show(self, totals: JobTotals, codes: dict[str, int], *, because: str = "") -> None:
        """The job as it stands; `because` is what its pacer said last."""
        most = sorted(codes.items(), key=lambda item: -item[1])[:MOST_CODES]
        said = f"{totals.live} up · {totals.scheduled} waiting · " + ", ".join(f"{count} {code}" for code, count in most)
        said += f" · {because}" if because else ""
        self._bar.update(self._task, total=totals.contacts, completed=totals.finished, said=said)
        tenth = totals.finished * 10 // max(1, totals.contacts)
        if not self._console.is_terminal and tenth != self._told:
            self._told = tenth
            self._console.print(f"{totals.finished} of {totals.contacts} contacts done · {said}", highlight=False, markup=False)
