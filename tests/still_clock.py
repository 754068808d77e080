"""A clock that stands until a test moves it."""

from __future__ import annotations

import asyncio
from datetime import datetime


class StillClock:
    """For looks at what the engine does by the clock."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
