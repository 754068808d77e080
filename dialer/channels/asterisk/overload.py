"""Notice that a switch or a trunk has more to do than it can, and ask for fewer calls until it has recovered.

Asterisk says that its taskprocessors are over their high-water mark only in its log and to the console command `core show
taskprocessor alerted subsystems`. Over AMI that takes the right `command`, which is as good as a shell on the switch and which
we do not ask for; no other manager action tells it. What the overload does can be measured with the rights that we have: an
Originate gets its channel from the same taskprocessors (its `Newchannel` comes late), and the manager session answers late.
A carrier that is over its limit shows as a burst of 503s (cause 34).
So: late channels and late answers slow down a switch, bursts of congestion slow down a trunk.
"""

from __future__ import annotations

from collections import deque

SLOW_S = 0.5  # seen on an idle switch: 5 ms; at 150 calls/s on two cores: under 100 ms
STALE_S = 10.0  # a measurement older than this says nothing
STEP_S = 2.0  # the rate is halved, or raised again, no oftener
LOWEST = 1 / 16
NEWEST_SHARE = 0.2  # of the moving average of a delay
RECOVERY = 1.25  # from a half to the whole in about 8 s
BURST_WINDOW_S = 10.0
BURST_LEAST = 10  # so many ends of calls before a share means anything
BURST_SHARE = 0.5


class Delay:
    """The moving average of one kind of delay."""

    def __init__(self) -> None:
        self.mean_s = 0.0
        self.at = -STALE_S

    def add(self, now: float, seconds: float) -> None:
        """Another delay; after a long silence the average begins anew."""
        old = self.mean_s if now - self.at < STALE_S else 0.0
        self.mean_s = old + NEWEST_SHARE * (seconds - old)
        self.at = now

    def slow(self, now: float) -> bool:
        """Whether it took too long lately."""
        return self.mean_s > SLOW_S and now - self.at < STALE_S


class BackOff:
    """A factor on the rate: halved on trouble, raised slowly. Pure; told the time in monotonic seconds."""

    def __init__(self) -> None:
        self.level = 1.0
        self.moved_at = 0.0
        self.delays: dict[str, Delay] = {}
        self.ends: deque[tuple[float, bool]] = deque()
        self.congested = 0

    def delay(self, now: float, kind: str, seconds: float) -> None:
        """Something took so long: "answer" (to an action), "start" (of a channel) or "ping"."""
        self.delays.setdefault(kind, Delay()).add(now, seconds)

    def ended(self, now: float, *, congested: bool) -> None:
        """A call has ended or failed."""
        self.ends.append((now, congested))
        self.congested += congested
        self.forget(now)

    def forget(self, now: float) -> None:
        """Ends of calls that are too old say nothing about now."""
        while self.ends and self.ends[0][0] < now - BURST_WINDOW_S:
            self.congested -= self.ends.popleft()[1]

    def trouble(self, now: float) -> str:
        """Why the rate should come down, or ""."""
        self.forget(now)
        if len(self.ends) >= BURST_LEAST and self.congested >= BURST_SHARE * len(self.ends):
            return f"{self.congested} of the last {len(self.ends)} calls met congestion"
        for kind, delay in self.delays.items():
            if delay.slow(now):
                return f"{kind} takes {delay.mean_s:.1f} s"
        return ""

    def factor(self, now: float) -> float:
        """How much of the full rate may be used now, from 1/16 to 1."""
        if now - self.moved_at >= STEP_S:
            if self.trouble(now):
                self.level, self.moved_at = max(LOWEST, self.level / 2), now
                self.ends.clear()  # one burst halves the rate once; the next needs calls of its own
                self.congested = 0
            elif self.level < 1.0:
                self.level, self.moved_at = min(1.0, self.level * RECOVERY), now
        return self.level
