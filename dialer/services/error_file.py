"""The file that tells why rows of an import were refused, made when the first reason comes."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from dialer.domain.cell import safe_cell

SHOWN = 200  # characters of a refused value
ERROR_COLUMNS = ("row", "line", "column", "value", "reason")


@dataclass(slots=True)
class ErrorFile:
    """Reasons, one a line; with no path they are only counted. The file begins anew, or goes on behind its first `keep` bytes."""

    path: Path | None
    keep: int = 0
    count: int = 0
    _file: IO[str] | None = field(default=None)
    _writer: Any = field(default=None)

    @classmethod
    def behind(cls, path: Path, keep: int) -> ErrorFile:
        """The file of an import that was interrupted, cut to what it held when the last batch was written."""
        if path.exists() and path.stat().st_size >= keep:
            os.truncate(path, keep)
        elif keep:  # somebody has taken it away, and a new one begins
            keep = 0
        return cls(path, keep=keep)

    def add(self, row: int, line: int, column: str, value: str, reason: str) -> None:
        """One more reason. `column` is empty for a whole row."""
        self.count += 1
        if self.path is None:
            return
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a" if self.keep else "w", encoding="utf-8", newline="")
            self._writer = csv.writer(self._file)
            if not self._file.tell():
                self._writer.writerow(ERROR_COLUMNS)
        shown = safe_cell(value[:SHOWN].replace("\x00", "\\0"))
        self._writer.writerow((row, line, column, shown, reason))

    def on_disk(self) -> int:
        """Write out what there is; returns how long the file is then."""
        if self._file is None:
            return self.keep
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        """Write out what is left."""
        if self._file is not None:
            self._file.close()
