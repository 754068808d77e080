"""What the lab's telephones hear: a voice is a tone, and the carrier writes down whom each of them hears."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

from dialer.lab.lab import Lab
from tests.patience import PATIENCE_S


class Ears:
    """What phones hear from now on, and when asked again, from then on."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.since = lab, datetime.now(UTC)

    def begin(self) -> None:
        self.since = datetime.now(UTC)

    def by(self, number: str) -> set[str]:
        return {one.what for one in self.lab.heard() if one.number == number[1:] and one.at > self.since}

    async def alone_hears(self, number: str, what: str, *, not_: str) -> None:
        """One hears it from now on, and the other does not."""
        await self.settle(number, what)
        assert what not in self.by(not_)

    async def settle(self, number: str, what: str) -> None:
        """Somebody hears it, and what any phone had begun to hear before this is asked is not counted.

        That may still be written down; between two times that a phone hears the same voice it has listened for all the others.
        """
        for _ in range(3):
            self.begin()
            await self.hears(number, what)

    async def hears(self, number: str, what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while what not in self.by(number):
            assert time.monotonic() < deadline, f"{number} does not hear {what!r}, but {self.lab.heard()[-20:]}"
            await asyncio.sleep(0.05)
