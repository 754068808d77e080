"""Rows of a source, read and checked some hundreds at a time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from dialer.domain.contact_batch import ContactBatch
from dialer.domain.imports import Position
from dialer.services.error_file import SHOWN
from dialer.services.import_rows import RowReader
from dialer.services.row_source import Rows

Reason = tuple[int, int, str, str, str]
"""Of a refused row or cell: its row, line, column, value, and what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkSize:
    """How much is read at once."""

    rows: int
    characters: int | None = None  # of attributes: a chunk of very long rows ends earlier; None = it does not


@dataclass(slots=True)
class Chunk:
    """What came of some rows that follow each other."""

    contacts: ContactBatch = field(default_factory=ContactBatch)
    reasons: list[Reason] = field(default_factory=list)
    rows: int = 0
    rejected: int = 0  # rows of which no contact could be made
    left_out: int = 0  # numbers, in rows that are stored all the same
    matched_pattern: int = 0
    format_failed: int = 0
    characters: int = 0  # of the contacts' attributes
    bytes_read: int = 0
    position: Position = None  # where the source would go on


def read_chunks(rows: Rows, reader: RowReader, size: ChunkSize) -> Iterator[Chunk]:
    """All rows of an open source whose header has been read, some at a time."""
    most = size.characters or sys.maxsize
    chunk = Chunk()
    for record in rows.records():
        chunk.rows += 1
        if record.broken:
            chunk.rejected += 1
            chunk.reasons.append((record.row, record.line, "", record.text, record.broken))
        else:
            before = len(chunk.contacts.users)
            complaints = reader.read_into(chunk.contacts, record.cells)
            stored = len(chunk.contacts.users) > before
            if stored:
                chunk.characters += len(chunk.contacts.attributes[-1])
            else:
                chunk.rejected += 1
            if complaints:
                chunk.left_out += len(complaints) if stored else 0
                for one in complaints:
                    chunk.reasons.append((record.row, record.line, one.column, one.value[:SHOWN], one.reason))
                    chunk.matched_pattern += one.kind == "pattern"
                    chunk.format_failed += one.kind == "format"
        if chunk.rows == size.rows or chunk.characters >= most:
            yield _ended(chunk, rows)
            chunk = Chunk()
    if chunk.rows:
        yield _ended(chunk, rows)


def _ended(chunk: Chunk, rows: Rows) -> Chunk:
    chunk.bytes_read, chunk.position = rows.bytes_read, rows.position
    return chunk
