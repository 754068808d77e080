"""No cell of an export is taken for a formula, and a telephone number stays a telephone number."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from dialer.domain.cell import safe_cell

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1-1", "'+1-1"),
        ("+15550100", "+15550100"),  # E.164: a number, which other programs must be able to read
        ("+15550100 ", "'+15550100 "),
        ("+", "'+"),
        ("-2", "'-2"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        ("\0=1", "'\0=1"),
        ("＝1+1", "'＝1+1"),  # full width, which some spreadsheets take for the same
        ("plain = text", "plain = text"),
        ("", ""),
        (None, ""),
        (404, "404"),
        (datetime(2026, 1, 1, 3, tzinfo=timezone(timedelta(hours=3))), "2026-01-01T00:00:00.000Z"),
    ],
)
def test_no_cell_is_a_formula(value: object, cell: str) -> None:
    assert safe_cell(value) == cell
