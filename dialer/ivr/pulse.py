"""Signs of life of one call, written by its app's thread and read by the watchdog."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from pdc import CallPdc, SessionPdc
from pdc.verbs import Verb, call_pdc


class Pulse:
    """Knows whether the app waits for us (a key, a verb, a prompt) or is on its own, and since when."""

    __slots__ = ("_busy", "_quiet_since", "_talk_began", "_talked_s", "started")

    def __init__(self) -> None:
        self.started = self._quiet_since = time.monotonic()
        self._busy = 0
        self._talked_s = 0.0
        self._talk_began = 0.0

    def __enter__(self) -> None:
        self._busy += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._busy -= 1
        self._quiet_since = time.monotonic()

    def talk_begins(self) -> None:
        """The contact is being transferred: the app's time does not run while people talk."""
        self._talk_began = time.monotonic()

    def talk_ends(self) -> None:
        """The app has the call again."""
        self._talked_s += time.monotonic() - self._talk_began
        self._talk_began = 0.0

    def stalled_s(self, now: float) -> float:
        """For how long the app has asked for nothing."""
        return 0.0 if self._busy else now - self._quiet_since

    def used_s(self, now: float) -> float:
        """How long the app has had, without the time of transfers."""
        talking = now - self._talk_began if self._talk_began else 0.0
        return now - self.started - self._talked_s - talking


def pulsing(pdc: SessionPdc, pulse: Pulse) -> CallPdc:
    """The verbs that an app may use; while one is asked, the app waits for us and does not hang."""

    async def carry(verb: Verb, given: Mapping[str, Any]) -> Any:
        with pulse:
            return await verb.call(pdc, given)

    return call_pdc(carry)
