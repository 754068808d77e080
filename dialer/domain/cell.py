"""What a cell of a CSV file shows: never anything that a spreadsheet would take for a formula."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_FORMULA = tuple("=+-@\t\r\n\0＝＋－＠")
_PLAIN_NUMBER = re.compile(r"\+[0-9]+")


def safe_cell(value: object) -> str:
    """A value as a cell; what begins like a formula gets an apostrophe in front (OWASP ASVS 1.2.10).

    A plus sign and nothing but digits is a telephone number: it is left as it is, so that other programs can read it; a
    spreadsheet shows it as a number at worst. Times are in UTC, ISO 8601. None is an empty cell.
    """
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC).isoformat(timespec='milliseconds')[:-6]}Z"
    text = str(value)
    if text.startswith(_FORMULA) and not _PLAIN_NUMBER.fullmatch(text):
        return "'" + text
    return text
