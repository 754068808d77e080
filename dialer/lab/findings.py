"""What was seen when something was looked at: good, bad or in between, in plain words, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How good a finding is."""

    OK = "OK"
    WARN = "WARN"  # calls will work; something is not as it should be, or could not be seen
    BAD = "BAD"  # calls will not work


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at, and how to mend it."""

    level: Level
    what: str
    mend: str = ""


def ok(what: str) -> Finding:
    """It is as it should be."""
    return Finding(level=Level.OK, what=what)


def warn(what: str, mend: str) -> Finding:
    """It may do, or could not be seen."""
    return Finding(level=Level.WARN, what=what, mend=mend)


def bad(what: str, mend: str) -> Finding:
    """It does not work."""
    return Finding(level=Level.BAD, what=what, mend=mend)
