"""Rows on a narrow terminal, on a wide one, and in a pipe: nothing of them is lost."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dialer.cli.rows import print_rows

pytestmark = pytest.mark.unit

WORDS = ("2026-05-11T12:00:30.250", "Blood-donation-in-spring", "+15550100123", "[bold]Interested", "01m8bgj00v8q4x3r0a4c9d2ejm")


def shown(*, width: int | None, terminal: bool = True, rows: int = 2) -> list[str]:
    table = Table("Time", "Campaign", "Address", "Code", "Attempt", "Note")
    for _ in range(rows):
        table.add_row(*WORDS, "")
    paper = io.StringIO()
    print_rows(
        table, "no attempts yet", on=Console(file=paper, width=width, force_terminal=terminal, markup=False, no_color=True)
    )
    return [Text.from_ansi(line).plain.rstrip() for line in paper.getvalue().splitlines()]


def test_a_table_that_fits_is_a_table() -> None:
    (line, _) = [line for line in shown(width=160) if WORDS[0] in line]
    assert all(word in line for word in WORDS)


def test_a_terminal_that_would_cut_words_off_gets_blocks_of_lines() -> None:
    lines = shown(width=60)
    assert lines[:5] == [
        f"{name:<8}  {word}" for name, word in zip(("Time", "Campaign", "Address", "Code", "Attempt"), WORDS, strict=True)
    ]
    assert lines[5] == ""  # the note has nothing to say; then the next row
    assert "…" not in "".join(lines)


def test_a_pipe_gets_each_row_in_one_line_however_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    (line, _) = [line for line in shown(width=None, terminal=False) if WORDS[0] in line]
    assert all(word in line for word in WORDS)


def test_no_rows_are_told_in_words() -> None:
    assert shown(width=60, rows=0) == ["no attempts yet"]


def test_a_column_of_one_long_word_keeps_it_whole_beside_columns_of_many_words() -> None:
    table = Table("At", "Code", "Because", "Attempt", "By")
    because = "it rang for as long as we let it, and nobody came to the telephone"
    table.add_row("11-26 21:28:30", "Not interested in Blood Donation", because, WORDS[4], "network")
    paper = io.StringIO()
    print_rows(table, on=Console(file=paper, width=76, force_terminal=True, markup=False, no_color=True))
    said = Text.from_ansi(paper.getvalue()).plain
    assert WORDS[4] in said
    assert "…" not in said
    assert max(map(len, said.splitlines())) <= 76
