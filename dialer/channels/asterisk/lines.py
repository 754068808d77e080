"""Count the calls that each trunk and switch carries, from orders and events, put right by every sweep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from dialer.domain.ids import AttemptId
from dialer.ports import VoiceEventKind

SETTLE_S = 5.0  # an order written so shortly before a channel list may have its channel only after it


@dataclass(slots=True, kw_only=True)
class Line:
    """One call that is ordered or up. `trunk` is "" for a call that we found on the switch and did not order in this life."""

    trunk: str
    since: float  # monotonic seconds: when it was ordered, written or first seen
    written: bool
    launching: bool = False  # written, and no channel seen yet: counted by the launch gate
    started: bool = False
    said: set[VoiceEventKind] = field(default_factory=set)  # what has been told of it already


class Lines:
    """The calls of one switch."""

    def __init__(self) -> None:
        self.lines: dict[AttemptId, Line] = {}
        self.per_trunk: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self.lines)

    def __contains__(self, attempt_id: AttemptId) -> bool:
        return attempt_id in self.lines

    def on_trunk(self, trunk: str) -> int:
        """How many lines of a trunk are taken."""
        return self.per_trunk[trunk]

    def reserve(self, attempt_id: AttemptId, trunk: str, now: float) -> Line:
        """An order has come; it occupies its line while it waits for its turn."""
        return self.add(attempt_id, Line(trunk=trunk, since=now, written=False))

    def add(self, attempt_id: AttemptId, line: Line) -> Line:
        """A call takes a line."""
        self.lines[attempt_id] = line
        self.per_trunk[line.trunk] += 1
        return line

    def seen(self, attempt_id: AttemptId, trunk: str, now: float) -> Line:
        """The switch has spoken of a call: ours, or one from before our time."""
        line = self.lines.get(attempt_id)
        return line if line is not None else self.add(attempt_id, Line(trunk=trunk, since=now, written=True))

    def free(self, attempt_id: AttemptId) -> None:
        """The call has ended, or never was."""
        line = self.lines.pop(attempt_id, None)
        if line is not None:
            self.per_trunk[line.trunk] -= 1

    def correct(self, alive: Mapping[AttemptId, str], asked_at: float) -> None:
        """Make the count agree with a channel list (attempts and their trunks) that was asked for at `asked_at`."""
        for attempt_id in [a for a, line in self.lines.items() if line.written and line.since < asked_at - SETTLE_S]:
            if attempt_id not in alive:
                self.free(attempt_id)
        for attempt_id, trunk in alive.items():
            self.seen(attempt_id, trunk, asked_at)
