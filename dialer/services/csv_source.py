"""Read a CSV file that anybody may have made: any usual encoding and delimiter, any damage, in little memory."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from dialer.domain.imports import Position
from dialer.errors import BadInput
from dialer.services.row_source import Record

MAX_LINE = 1 << 20  # characters
MAX_FIELD = 1 << 16
MAX_RECORD_LINES = 100  # a quoted field may go on over lines, but not for ever: then a quote is missing
MAX_COLUMNS = 500
_BLOCK = 1 << 20
_DELIMITERS = ",;\t|:"
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"))
_BOMS_16 = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_NOT_TEXT = {b"PK\x03\x04": "a spreadsheet or a zip file", b"\xd0\xcf\x11\xe0": "an old spreadsheet", b"\x1f\x8b": "a gzip file"}
_NOT_TEXT |= {b"%PDF": "a PDF file"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvFormat:
    """How a file is written."""

    encoding: str
    delimiter: str
    size: int  # bytes


class _BrokenRecord(Exception):
    """What was read for one row makes no sense as a row."""


class _Lines:
    """The lines of a text, with a bound on each, a count, and a way back to lines that were read in vain."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._again: list[str] = []
        self.record: list[str] = []  # the lines of the row that is being read
        self.number = 0  # of the last line that was given out

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self.record) >= MAX_RECORD_LINES:
            raise _BrokenRecord("a quote is opened and not closed")
        line = self._again.pop() if self._again else self._text.readline(MAX_LINE)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) >= MAX_LINE and line[-1] not in "\r\n":
            self.record.append(line[:200])
            while len(rest := self._text.readline(MAX_LINE)) >= MAX_LINE and rest[-1] not in "\r\n":
                pass
            raise _BrokenRecord(f"longer than {MAX_LINE} characters")
        self.record.append(line)
        return line

    def give_back(self, lines: list[str]) -> None:
        """These will come again, next."""
        self._again += reversed(lines)
        self.number -= len(lines)

    def place(self) -> int | None:
        """Where in the file the next line begins: bytes, and the decoder's state if it has one. None while lines come again."""
        return None if self._again else self._text.tell()

    def go_to(self, place: int, number: int) -> None:
        """The next line is the one at that place, and behind the line with that number."""
        self._text.seek(place)
        self._again, self.number = [], number


def examine(source: Path, *, encoding: str | None = None, delimiter: str | None = None) -> CsvFormat:
    """Find out how a file is written; what the user knows better goes first. Raises BadInput when it is no text."""
    try:
        size = source.stat().st_size
        with source.open("rb") as file:
            head = file.read(64 * 1024)
    except FileNotFoundError as exc:
        raise BadInput("there is no such file", where=str(source)) from exc
    except OSError as exc:
        raise BadInput(f"cannot be read: {exc.strerror}", where=str(source)) from exc
    if not head:
        raise BadInput("the file is empty", where=str(source))
    for magic, what in _NOT_TEXT.items():
        if head.startswith(magic):
            raise BadInput(f"this is {what}, not a CSV file", where=str(source), mend="export it as CSV")
    found = encoding or _encoding(head, source)
    try:
        codecs.lookup(found)
        start = codecs.getincrementaldecoder(found)("replace").decode(head)
    except LookupError as exc:
        raise BadInput(f"there is no encoding {found!r}", where="--encoding", mend="utf-8, utf-16, cp1252, ...") from exc
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise BadInput("a delimiter is one character", where="--delimiter")
    return CsvFormat(encoding=found, delimiter=delimiter or _delimiter(start), size=size)


def _encoding(head: bytes, source: Path) -> str:
    for bom, name in (*_BOMS, *_BOMS_16):
        if head.startswith(bom):
            return name
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) > len(head) // 8:  # text in UTF-16 without its mark: every other byte of a Latin letter is 0
        return "utf-16-le" if odd > even else "utf-16-be"
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with source.open("rb") as file:
            while block := file.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"  # what Windows programs write when they do not say
    return "utf-8"


def _delimiter(start: str) -> str:
    """The sign that parts the first lines into the same number of cells, as many as possible."""
    if start[:4].lower() == "sep=" and len(start) > 5:
        return start[4]
    lines = start.splitlines()[:20]
    lines = lines[:-1] if len(lines) > 2 else lines  # the last one may be cut off
    best, best_score = ",", (0, 0)
    for one in _DELIMITERS:
        widths = [len(cells) for cells in csv.reader(lines, delimiter=one) if cells]
        if widths and widths[0] > 1:
            score = (sum(width == widths[0] for width in widths), widths[0])
            if score > best_score:
                best, best_score = one, score
    return best


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvSource:
    """A file that was examined: a source of rows for an import."""

    path: Path
    written: CsvFormat

    @property
    def where(self) -> str:
        """The line that names the columns."""
        return f"{self.path}:1"

    @property
    def size(self) -> int:
        """Bytes."""
        return self.written.size

    @property
    def portable(self) -> bool:
        """Any process can read a file."""
        return True

    def open(self, after: Position = None) -> CsvFile:
        """Open the file; the rows up to `after` are passed over."""
        return CsvFile(self.path, self.written, after=after)


class CsvFile:
    """An open file: its header, then its rows one by one."""

    def __init__(self, source: Path, written: CsvFormat, *, after: Position = None) -> None:
        self._source = source
        self._after = after
        self._file = source.open("rb")
        text = io.TextIOWrapper(self._file, encoding=written.encoding, errors="replace", newline="")
        self._text = text
        self._lines = _Lines(text)
        csv.field_size_limit(MAX_FIELD)
        self._reader = csv.reader(self._lines, delimiter=written.delimiter, strict=True)
        self._rows = 0

    def close(self) -> None:
        """Close the file."""
        self._text.close()

    @property
    def bytes_read(self) -> int:
        """How far reading has come, about."""
        return self._file.tell()

    @property
    def position(self) -> Position:
        """Rows that were given out or passed over, the lines that they took, and where in the file the next one begins."""
        return {"row": self._rows, "line": self._lines.number, "at": self._lines.place()}

    def header(self) -> list[str]:
        """The names of the columns as they are written. Raises BadInput when the first line cannot be one."""
        where = f"{self._source}:1"
        for record in self._records():
            self._rows = 0
            if record.broken:
                raise BadInput(f"the first line must name the columns: {record.broken}", where=where)
            if record.line == 1 and len(record.cells) <= 2 and record.cells[0].lower().startswith("sep="):
                continue
            if len(record.cells) > MAX_COLUMNS:
                raise BadInput(f"{len(record.cells)} columns; {MAX_COLUMNS} at most", where=where)
            return record.cells
        raise BadInput("the file is empty", where=str(self._source))

    def records(self) -> Iterator[Record]:
        """The rows; empty lines are passed over. A broken row costs itself, not the rows behind it."""
        if (after := self._after) is None:
            return self._records()
        if after["at"] is not None:
            self._lines.go_to(after["at"], after["line"])
            self._rows = after["row"]
        return (record for record in self._records() if record.row > after["row"])

    def _records(self) -> Iterator[Record]:
        lines = self._lines
        while True:
            lines.record = []
            line = lines.number + 1
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except (csv.Error, _BrokenRecord) as exc:
                self._rows += 1
                read = lines.record
                lines.give_back(read[1:])  # perhaps good rows that an open quote has swallowed
                yield Record(self._rows, line, [], broken=_plain(str(exc)), text=read[0][:200] if read else "")
                continue
            if any(cells):
                self._rows += 1
                yield Record(self._rows, line, cells)


def _plain(said: str) -> str:
    if "unexpected end of data" in said:
        return "a quote is opened and not closed"
    if "field larger" in said:
        return f"a cell is longer than {MAX_FIELD} characters, or a quote is opened and not closed"
    if "expected after" in said:
        return "a closing quote is followed by something else than the delimiter"
    return said
