"""Offer a contact to each agent who is free; the agent, or the preview's time, dials."""

from __future__ import annotations

from collections.abc import Sequence

from dialer.pacing.floor import Fact, Floor


class Preview:
    """One contact for each agent who idles: for preview and for manual campaigns, where no call goes out by itself."""

    because = ""

    def learn(self, facts: Sequence[Fact]) -> None:
        """Nothing: the agents set the pace."""

    def calls(self, floor: Floor) -> int:
        """How many contacts to offer now."""
        out = len(floor.ringing_s) + len(floor.detecting) + floor.waiting  # left by another pacing: somebody is to be there
        free = max(0, floor.idle - floor.inbound_waiting - out)
        self.because = f"{free} agents to offer a contact to"
        return free
