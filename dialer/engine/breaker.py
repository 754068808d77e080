"""Stop dialling on a trunk that only fails: contacts must not pay for a broken carrier."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from dialer.domain.codes import SystemCode

TRUNK_FAULTS = frozenset({SystemCode.NETWORK_REFUSAL.value, SystemCode.NETWORK_CONGESTION.value, SystemCode.NETWORK_ERROR.value})


@dataclass(slots=True)
class Breaker:
    """The circuit breaker of one trunk.

    CLOSED ──(at least `least` results in `window_s`, `share` of them faults of the trunk, or a refusal)──> OPEN
    OPEN ──(`rest_s` later)──> one call at a time is let through ──(it did not fail)──> CLOSED
    """

    least: int = 20
    share: float = 0.8
    window_s: float = 30.0
    rest_s: float = 20.0
    because: str = ""
    _open_until: float | None = None
    _results: deque[tuple[float, bool]] = field(default_factory=deque)

    def limit(self, now_s: float, in_flight: int) -> int | None:
        """How many calls may be up on the trunk: None = no limit from here, 0 = none, 1 = a probe."""
        if self._open_until is None:
            return None
        return 0 if now_s < self._open_until else max(0, 1 - in_flight)

    def record(self, code: str, now_s: float) -> None:
        """A call on the trunk has ended with this code."""
        fault = code in TRUNK_FAULTS
        if self._open_until is not None and now_s >= self._open_until:
            if fault:
                self.trip(f"still failing: {code}", now_s)
            else:
                self._close()
            return
        self._results.append((now_s, fault))
        while self._results and self._results[0][0] < now_s - self.window_s:
            self._results.popleft()
        faults = sum(bad for _, bad in self._results)
        if len(self._results) >= self.least and faults >= self.share * len(self._results):
            self.trip(f"{faults} of the last {len(self._results)} calls failed in the network, the last with {code}", now_s)

    def trip(self, because: str, now_s: float) -> None:
        """Stop dialling on this trunk for a while."""
        self.because = because
        self._open_until = now_s + self.rest_s
        self._results.clear()

    def _close(self) -> None:
        self.because = ""
        self._open_until = None
        self._results.clear()
