"""What the carrier knows: who was called, and when. The dialer's own account is judged against it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dialer.lab.behaviours import behaviour_of
from dialer.lab.phones import RANGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """One new call that arrived at the carrier. `attempt_id` is the caller's name: our attempt's id, or ""."""

    at: datetime  # aware UTC, to the millisecond
    number: str
    attempt_id: str
    behaviour: str


def read_truth(path: Path) -> list[Truth]:
    """All calls in the order of their arrival. A line that is being written is left for the next reading."""
    try:
        lines = path.read_text(errors="replace").split("\n")[:-1]
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        at, number, attempt_id = line.split("|")
        found.append(
            Truth(
                at=datetime.fromisoformat(at).replace(tzinfo=UTC),
                number=number,
                attempt_id=attempt_id,
                behaviour="phone" if number.startswith(RANGE) else behaviour_of(number).name,
            )
        )
    return sorted(found, key=lambda call: call.at)  # two calls of one moment may be written in either order
