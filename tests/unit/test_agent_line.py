"""What goes out to a desktop ends with its connection, in whatever moment that is."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from aiohttp import web

from dialer.web.agent_line import Goodbye, Line

pytestmark = pytest.mark.unit


class Socket:
    """Its connection ends while something is being sent."""

    def __init__(self) -> None:
        self.ends: asyncio.Task[Goodbye] | None = None
        self.sent: list[str] = []

    async def send_str(self, text: str) -> None:
        self.sent.append(text)
        assert self.ends is not None
        self.ends.cancel()

    async def close(self, **how: Any) -> None:
        """As a socket does."""


async def test_a_line_that_ends_in_the_moment_of_sending_sends_no_more() -> None:
    socket = Socket()
    line = Line(cast("web.WebSocketResponse", socket), peer="here", since=datetime(2026, 5, 11, tzinfo=UTC))
    line.send("one")
    socket.ends = asyncio.create_task(line.write())
    for _ in range(20):
        await asyncio.sleep(0)
    assert socket.ends.cancelled()
    assert socket.sent == ["one"]
