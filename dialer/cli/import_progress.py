"""How far an import is, as one live line; and what came of it, as a table."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from dialer.cli.context import out
from dialer.domain.imports import ImportReport


class ImportBar:
    """Context manager around a progress bar; nothing is shown on something that is no terminal."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("[bold]importing"),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TextColumn("{task.fields[rows]} rows, {task.fields[refused]} refused{task.fields[said]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=out,
            transient=True,
            disable=not out.is_terminal,
        )
        self._task = self._bar.add_task("import", total=None, rows=0, refused=0, said="")

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.__exit__(kind, error, trace)

    def show(self, report: ImportReport, said: str = "") -> None:
        """How far it has come, and what there is to say."""
        self._bar.update(
            self._task,
            completed=report.bytes_read,
            total=report.bytes_total or None,  # a query does not tell how long it will be
            rows=f"{report.processed:,}",
            refused=f"{report.rejected:,}",
            said=f" · {said}" if said else "",
        )


def tell_report(report: ImportReport, took_s: float = 0.0) -> None:
    """What came of it."""
    table = Table("List", "Rows", "New", "Updated", "Ignored", "Refused", "Numbers left out")
    counts = (report.processed, report.inserted, report.updated, report.ignored, report.rejected, report.numbers_left_out)
    table.add_row(report.list_name, *(f"{count:,}" for count in counts))
    out.print(table)
    also = {
        "deleted before": report.deleted,
        "excluded": report.excluded,
        "matched a reject pattern": report.matched_pattern,
        "not of their country's format": report.format_failed,
        "on a DNC list": report.matched_dnc,
    }
    if any(also.values()):
        out.print("; ".join(f"{count:,} {name}" for name, count in also.items() if count))
    written = f"{report.encoding}, delimiter {report.delimiter!r}; " if report.encoding else ""
    per_s = f", {report.processed / took_s:,.0f} rows/s" if took_s > 1 else ""
    if took_s:
        out.print(f"{written}{took_s:.1f} s{per_s}", markup=False, highlight=False)
    if report.phones:
        out.print(f"telephone numbers: {', '.join(report.phones)}", markup=False, highlight=False)
    if report.errors_file is not None:
        out.print(f"reasons: {report.errors_file}", markup=False, highlight=False, soft_wrap=True)
