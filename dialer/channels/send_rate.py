"""Let messages out one after another, no faster than a gateway's contract allows, and not at all while it asked us to wait."""

from __future__ import annotations

from dialer.errors import NotSent
from dialer.ports import Clock

CATCH_UP_S = 0.1  # a busy event loop wakes us late by this much now and then; older turns that nobody took are gone
UNLIMITED = 10_000  # messages: what "no limit" answers to the question how many


class SendRate:
    """The turns of one gateway: evenly spaced, each as wide as the segments that the message is billed for."""

    def __init__(self, clock: Clock, per_s: float | None) -> None:
        """`per_s` None: as fast as the gateway takes them."""
        self._clock, self._per_s = clock, per_s
        self._next_s = self._held_until_s = clock.monotonic_s()

    def hold(self, seconds: float) -> None:
        """The gateway asked us to wait: nothing more goes out for so long."""
        self._held_until_s = max(self._held_until_s, self._clock.monotonic_s() + seconds)

    async def turn(self, segments: int, *, within_s: float) -> None:
        """Wait for the turn of a message. Raises NotSent, with the time to wait, where it does not come within the limit."""
        now = self._clock.monotonic_s()
        at = max(now, self._next_s, self._held_until_s)
        if at - now > within_s:
            raise NotSent("the gateway takes no more at the moment", retry_after_s=at - now)
        if self._per_s is not None:
            self._next_s = max(self._next_s, now - CATCH_UP_S, self._held_until_s) + segments / self._per_s
        if at > now:
            await self._clock.sleep(at - now)

    def room(self) -> int:
        """How many messages of one segment could leave within the coming second, besides those that wait."""
        now = self._clock.monotonic_s()
        if self._held_until_s > now:
            return 0
        if self._per_s is None:
            return UNLIMITED
        return max(0, int((now + 1.0 - max(now, self._next_s)) * self._per_s))
