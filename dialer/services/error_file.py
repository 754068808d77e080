"""The file that tells why rows of an import were refused, made when the first reason comes."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

ERROR_COLUMNS = ("row", "line", "column", "value", "reason")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\x00")


@dataclass(slots=True)
class ErrorFile:
    """Reasons, one a line; with no path they are only counted."""

    path: Path | None
    count: int = 0
    _file: IO[str] | None = field(default=None)
    _writer: Any = field(default=None)

    def add(self, row: int, line: int, column: str, value: str, reason: str) -> None:
        """One more reason. `column` is empty for a whole row."""
        self.count += 1
        if self.path is None:
            return
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", encoding="utf-8", newline="")
            self._writer = csv.writer(self._file)
            self._writer.writerow(ERROR_COLUMNS)
        cell = value[:200].replace("\x00", "\\0")
        # What a spreadsheet would take for a formula is shown as text (OWASP ASVS 1.2.10).
        shown = f"'{cell}" if cell.startswith(_FORMULA) else cell
        self._writer.writerow((row, line, column, shown, reason))

    def close(self) -> None:
        """Write out what is left."""
        if self._file is not None:
            self._file.close()
