"""What the carrier knows: who was called and when, and what phones heard. The dialer's own account is judged against it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dialer.lab.behaviours import behaviour_of
from dialer.lab.phones import OF_TONE, RANGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """One new call that arrived at the carrier. `attempt_id` is the caller's name: our attempt's id, or ""."""

    at: datetime  # aware UTC, to the millisecond
    number: str
    attempt_id: str
    behaviour: str


def read_truth(path: Path) -> list[Truth]:
    """All calls in the order of their arrival. A line that is being written is left for the next reading."""
    found = []
    for at, number, attempt_id in _noted(path):
        found.append(
            Truth(
                at=datetime.fromisoformat(at).replace(tzinfo=UTC),
                number=number,
                attempt_id=attempt_id,
                behaviour="phone" if number.startswith(RANGE) else behaviour_of(number).name,
            )
        )
    return sorted(found, key=lambda call: call.at)  # two calls of one moment may be written in either order


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One phone heard something: the ending of another's voice ("02"), "music", or a key ("key 5").

    A person says "answered", and then "sound" at the first that they hear.
    """

    at: datetime  # aware UTC, to the millisecond
    number: str  # who heard, digits only
    what: str


def read_heard(path: Path) -> list[Heard]:
    """Everything that phones heard, in order. A line that is being written is left for the next reading."""
    return [
        Heard(at=datetime.fromisoformat(at).replace(tzinfo=UTC), number=number, what=OF_TONE.get(what, what))
        for at, number, what in _noted(path)
    ]


def _noted(path: Path) -> list[list[str]]:
    """The three words of every whole line."""
    try:
        return [line.split("|") for line in path.read_text(errors="replace").split("\n")[:-1]]
    except FileNotFoundError:
        return []
