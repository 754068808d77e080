"""Let calls out one after another, so that in no sliding second more of them start than a trunk and its switch may take."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable

from dialer.errors import NotFound
from dialer.ports import Clock

# A launch is counted where we stand; the carrier counts where it stands, some milliseconds of thread and network later. A window
# five per cent longer than a second keeps its count under the cap too, for five per cent of the rate.
MARGIN = 1.05
CATCH_UP_S = 0.1  # a busy event loop wakes us late by this much now and then


class Meter:
    """The launches of one trunk or switch: evenly spaced, and never more than the cap in a second. Pure; told the time.

    A launch is in doubt from the moment it is written until the switch shows its channel: threads start late, and a switch that
    stood still for some seconds carries out everything at once when it wakes. So a launch without an answer counts as one of
    now, and one with an answer as of the answer.
    """

    def __init__(self, per_s: float) -> None:
        self.cap_per_s = per_s
        self.unanswered = 0
        self.answers: deque[float] = deque()  # when launches were answered, oldest first
        self.due = -math.inf  # when the next launch falls due, were all launches evenly spaced
        self.set_rate(per_s)

    def set_rate(self, per_s: float) -> None:
        """A lower rate than the cap, or the cap again."""
        self.per_s = min(per_s, self.cap_per_s)
        whole = math.floor(self.per_s)
        self.burst = max(1, whole)  # of 2.5 a second only 2 can be in every second
        self.window_s = MARGIN if whole else MARGIN / self.per_s
        self.spacing_s = self.window_s / self.burst

    def next_at(self, now: float) -> float:
        """The earliest moment at which the next launch may go: at or before `now`, later, or infinity (until an answer comes)."""
        while self.answers and self.answers[0] <= now - self.window_s:
            self.answers.popleft()
        free = self.burst - self.unanswered
        if free <= 0:
            return math.inf
        if len(self.answers) < free:
            return self.due
        return max(self.due, self.answers[-free] + self.window_s)

    def begin(self, now: float) -> None:
        """A launch is about to be written."""
        self.unanswered += 1
        # A timer that woke a little late is caught up with; after a pause the even spacing starts anew.
        late = now - self.due > max(2 * self.spacing_s, CATCH_UP_S)
        self.due = (now if late else self.due) + self.spacing_s

    def done(self, now: float) -> None:
        """A launch was answered, or surely will not happen any more."""
        self.unanswered -= 1
        self.answers.append(now)

    def room(self) -> int:
        """How many launches the coming second can take, waiting ones included; 0 while the switch owes us as many answers."""
        return self.burst if self.unanswered < self.burst else 0


class LaunchGate:
    """The one way out to a switch. Orders of a trunk leave in the order of their coming; a slow trunk holds up no other."""

    def __init__(self, clock: Clock, per_s: float) -> None:
        self.clock = clock
        self.switch = Meter(per_s)
        self.trunks: dict[str, Meter] = {}
        self.waiting: dict[str, int] = {}
        self.turns: dict[str, asyncio.Lock] = {}
        self.answered = asyncio.Event()

    def add_trunk(self, trunk: str, per_s: float) -> None:
        """A trunk that may launch so many calls a second."""
        self.trunks[trunk] = Meter(per_s)
        self.waiting[trunk] = 0
        self.turns[trunk] = asyncio.Lock()

    def meter(self, trunk: str) -> Meter:
        """Raises NotFound."""
        try:
            return self.trunks[trunk]
        except KeyError:
            raise NotFound(f"no trunk is called {trunk!r}") from None

    async def turn(self, trunk: str, still_wanted: Callable[[], None]) -> None:
        """Wait until a call may go out on the trunk, and count it as launched. The caller writes at once, then calls `done`.

        `still_wanted` is asked after every wait, and raises when the call must not go out any more.
        """
        meters = (self.meter(trunk), self.switch)
        self.waiting[trunk] += 1
        try:
            async with self.turns[trunk]:
                while True:
                    still_wanted()
                    now = self.clock.monotonic_s()
                    at = max(meter.next_at(now) for meter in meters)
                    if at <= now:
                        break
                    if at == math.inf:
                        self.answered.clear()
                        await self.answered.wait()
                    else:
                        await self.clock.sleep(at - now)
                for meter in meters:
                    meter.begin(now)
        finally:
            self.waiting[trunk] -= 1

    def done(self, trunk: str) -> None:
        """The launch has its channel, or failed."""
        now = self.clock.monotonic_s()
        for meter in (self.meter(trunk), self.switch):
            meter.done(now)
        self.answered.set()

    def room(self, trunk: str) -> int:
        """How many orders could leave within the coming second, less those that wait already."""
        of_trunk = self.meter(trunk).room() - self.waiting[trunk]
        return max(0, min(of_trunk, self.switch.room() - sum(self.waiting.values())))
